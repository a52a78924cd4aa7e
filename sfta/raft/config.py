"""Settings of the prompt, of making training rows and of the card that goes with them."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from sfta.core.config import Section
from sfta.core.endpoint import TokenPrice
from sfta.raft.row_config import (
    AnswerConfig,
    ContextConfig,
    FilterConfig,
    JudgeConfig,
    QuestionConfig,
    Share,
    SplitConfig,
    TargetConfig,
    Text,
)
from sfta.raft.teacher_config import BudgetConfig, GgufTeacher, OpenAITeacher

FurtherKind = Literal["comparison", "yes_no", "false_premise", "multi_chunk"]

DOCUMENT_FIELDS = ("number", "title", "page", "heading", "text")


class PromptConfig(Section):
    """What the model reads and how it answers; part of the prompt contract that ships."""

    system: str = (
        "Answer the question from the documents. First copy the sentence that holds the answer, "
        "then give the answer. If no document holds it, say so."
    )
    """System text. A model without a system role gets it at the start of the user turn."""
    document: str = "[{number}] {title}, page {page}, {heading}\n{text}\n\n"
    """Wrapper of one chunk. Fields: number, title, page, heading, text."""
    question: str = "Question: {question}"
    """Wrapper of the question. Field: question."""
    refusal: Annotated[str, Field(min_length=1)] = "The documents do not contain the answer."
    """What the model says when no document holds the answer. One line."""
    answer_marker: Annotated[str, Field(min_length=1)] = "Answer:"
    """What stands before the final answer. One line."""

    @field_validator("refusal", "answer_marker")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if value != value.strip() or "\n" in value:
            raise ValueError("must be one line without spaces around it")
        return value

    @model_validator(mode="after")
    def _fields_are_used(self) -> Self:
        if "{question}" not in self.question:
            raise ValueError("question must hold the field {question}")
        if missing := [
            name for name in ("number", "text") if f"{{{name}}}" not in self.document
        ]:
            raise ValueError(f"document must hold the field {{{missing[0]}}}")
        unknown = set(re.findall(r"\{(\w+)\}", self.document)) - set(DOCUMENT_FIELDS)
        if unknown:
            raise ValueError(f"document has no field {{{min(unknown)}}}")
        return self


class ExtractiveTeacher(Section):
    """Questions and answers by rules over sentences, tables and procedures; no model."""

    kind: Literal["extractive"] = "extractive"
    phrasings: PositiveInt = 3
    """Most differently worded questions of one fact."""
    reworded: Share = 0.4
    """Share of the questions in which words are swapped for others of the same meaning."""
    max_uses_per_template: PositiveInt = 24
    """Most accepted rows that one question wording may have, so that none dominates."""
    further_kinds: list[FurtherKind] = []
    """Kinds beside those that ask for a part of one quote: `comparison` of two table values,
    `yes_no`, `false_premise`, and `multi_chunk`, whose answer needs two chunks of one document
    or of two."""


class WrittenTeacher(Section):
    """People: questions with their answers that somebody has written about the documents."""

    kind: Literal["written"]
    file: Text
    """Records with `question` and `answers`, at best with `quotes` or `oracle_pages`; relative
    paths start at the recipe's folder. See docs/how-to/own-questions.md."""


TeacherConfig = Annotated[
    ExtractiveTeacher | WrittenTeacher | OpenAITeacher | GgufTeacher,
    Field(discriminator="kind"),
]


class GenerateConfig(Section):
    """How training rows are made."""

    teacher: TeacherConfig = ExtractiveTeacher()
    """Who writes questions and answers."""
    budget: BudgetConfig = BudgetConfig()
    prices: dict[Text, TokenPrice] = {}
    """What models cost, by the name in `teacher.model`: a table of {prompt, completion, currency},
    prices of a million tokens. There are none built in: they would be wrong soon."""
    context: ContextConfig = ContextConfig()
    answer: AnswerConfig = AnswerConfig()
    questions: QuestionConfig = QuestionConfig()
    target: TargetConfig = TargetConfig()
    filters: FilterConfig = FilterConfig()
    judge: JudgeConfig = JudgeConfig()
    """A model that checks every question against its source before it becomes a row."""
    split: SplitConfig = SplitConfig()
    refusal_share: Share = 0.25
    """Share of all rows whose target is the refusal: near misses fill what paired and
    unpaired rows without oracle leave."""
    paired: Share = 0.5
    """Share of the rows without oracle that repeat a question which another row answers."""
    max_rows: PositiveInt | None = None
    """Most rows over all splits, chosen evenly over kinds, sections and wordings."""
    rejections: str | None = None
    """Rows that a person has turned away: a file that the page of `sfta review` saved; relative
    paths start at the recipe's folder."""

    @model_validator(mode="after")
    def _money_has_a_price(self) -> Self:
        if self.budget.money is not None and self.price is None:
            raise ValueError("budget.money needs the price of teacher.model in prices")
        return self

    @property
    def price(self) -> TokenPrice | None:
        """What the teacher costs, if the recipe says so."""
        return self.prices.get(getattr(self.teacher, "model", ""))


class SourceTerms(Section):
    """Licence and owner of some of the documents."""

    files: Text
    """Name of a file, or a pattern such as `manuals/*.pdf`; the first that fits counts."""
    licence: Text | None = None
    """SPDX id or words."""
    owner: Text | None = None
    """Who holds the rights."""


class CardConfig(Section):
    """What the data card says of rights and limits. It changes no row."""

    licence: Text | None = None
    """Licence of the dataset: an SPDX id such as CC-BY-4.0, or words. None: the card says that
    it is unknown."""
    owner: Text | None = None
    """Who answers for the dataset."""
    language: list[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]] = []
    """ISO 639 codes of the languages of the documents."""
    sources: list[SourceTerms] = []
    """Licence and owner by document: a list of {files, licence, owner}."""
    teacher_terms: Text | None = None
    """What the teacher's licence or terms allow to be done with its output."""
    limits: list[Text] = []
    """Known limits of the dataset, a sentence each, beside those the card finds itself."""
