"""Settings that decide which questions become rows, what stands beside them, and their splits."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from sfta.core.config import Section
from sfta.core.endpoint import Address

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Text = Annotated[str, Field(min_length=1)]
Style = Literal["quotes", "concise", "reasons"]
Kind = Literal[
    "factoid", "numeric", "table", "procedure", "comparison", "multi_chunk", "yes_no",
    "unanswerable", "false_premise",
]  # fmt: skip


class QuestionConfig(Section):
    """Which questions a model is asked for. The rules of the extractive teacher do not read it."""

    answered: Literal["together", "separately"] = "together"
    """`together`: questions and answers of a chunk in one reply. `separately`: first the questions
    of a chunk, then each one's answer in a request of its own; costs a request for each question,
    and suits small models. Kinds can then not be named."""
    kinds: list[Kind] = []
    """Kinds, in turn; named twice, a kind comes twice as often. `questions_per_chunk` is then the
    number of all, unanswerable ones too. Empty: the teacher chooses, one quote to a question."""
    personas: list[Text] = []
    """Who asks, as in `a night-shift operator`; drawn for each question."""
    styles: list[Text] = []
    """How they ask, as in `three words typed into a search box`; drawn for each question."""
    languages: list[Text] = []
    """Languages to ask in, by name, whatever that of the document; empty: as the teacher likes."""

    @model_validator(mode="after")
    def _kinds_carry_the_rest(self) -> Self:
        if self.kinds and self.answered == "separately":
            raise ValueError("kinds need answered: together")
        if not self.kinds and (self.personas or self.styles or self.languages):
            raise ValueError("personas, styles and languages need kinds: name some")
        return self


class TargetConfig(Section):
    """Questions like those that the model will be asked: rows are chosen near to them."""

    questions: Text | None = None
    """File of such questions: text, one to a line, or records with a field `question`. Not those
    that the model is measured by. Relative paths start at the recipe's folder. None: rows are
    spread over the documents alone."""
    keep: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    """Share of the questions that is kept. Each question of the file takes, in turn, the one
    whose cosine with it is highest, by the embedder of the index."""


class JudgeConfig(Section):
    """A model that checks every question against its source before it becomes a row."""

    base_url: Address | None = None
    """Address up to and with `/v1`. None: no judge."""
    model: Text | None = None
    """Name of the model. Another one than the teacher's: a model finds its own answers good."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; never the key itself."""
    json_schema: bool = True
    """Hold the verdict to a JSON schema."""
    max_output_tokens: PositiveInt = 128
    """Longest verdict."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    """Requests in flight."""
    unreadable: Literal["reject", "keep"] = "reject"
    """What becomes of a question whose verdict cannot be read. It is counted either way."""
    self_test: Share = 0.8
    """Share of planted right pairs it must keep, and of wrong ones it must find, before it
    judges."""

    @model_validator(mode="after")
    def _address_and_model(self) -> Self:
        if (self.base_url is None) != (self.model is None):
            raise ValueError("a judge needs base_url and model")
        return self


class ContextConfig(Section):
    """Which chunks stand next to a question."""

    oracle_fraction: Share = 0.8
    """Share of the answerable questions whose oracle chunk is in the context (RAFT's P)."""
    without_oracle: Literal["refuse", "answer", "mixed"] = "refuse"
    """Target where the oracle chunk is missing: the refusal; or, as in the paper, the answer;
    or now this, now that."""
    answered_without: Share = 0.5
    """With `mixed`: the share of the rows without oracle whose target is the answer."""
    hard: Annotated[float, Field(ge=0.0)] = 0.8
    """Weight of distractors that the retriever returns for the question."""
    hard_from: PositiveInt = 1
    """Best rank that such a distractor may have; above 1 the nearest chunks are left out."""
    hard_to: PositiveInt | None = None
    """Worst rank that such a distractor may have; none: as far as was searched."""
    same_document: Annotated[float, Field(ge=0.0)] = 0.1
    """Weight of distractors from the oracle chunk's document."""
    random: Annotated[float, Field(ge=0.0)] = 0.1
    """Weight of distractors from anywhere."""
    rows_per_context: PositiveInt = 1
    """Most rows that share one context, where it fits all of them. Training computes a shared
    context once; more rows per context cost little more time."""
    order: Literal["mixed", "retriever", "shuffled"] = "mixed"
    """Order of the chunks: as retrieved, shuffled, or half of the rows each."""

    @model_validator(mode="after")
    def _some_distractors(self) -> Self:
        if self.hard + self.same_document + self.random <= 0:
            raise ValueError("at least one of hard, same_document and random must be above 0")
        if self.hard_to is not None and self.hard_to < self.hard_from:
            raise ValueError("hard_to must not be below hard_from")
        return self


class AnswerConfig(Section):
    """How the model is taught to answer."""

    style: Style = "quotes"
    """`quotes`: quotes, then the answer. `reasons`: with a sentence between them that says how
    one follows from the other, where the teacher gave one. `concise`: the answer alone; the
    device can then cite nothing, and `evaluate.choose_quotes` must be off."""
    reworded: Share = 0.0
    """Share of the train rows whose answer is put in other words: those of the teacher, or the
    sentence that was quoted. Against learning one wording by heart."""


class FilterConfig(Section):
    """Which questions become rows. What is turned away is kept with the reason."""

    question_words: Annotated[list[int], Field(min_length=2, max_length=2)] = [3, 32]
    """Fewest and most words of a question."""
    answer_words: PositiveInt = 24
    """Most words of an answer."""
    quote_words: PositiveInt = 64
    """Most words of a quote."""
    near_duplicate: Share = 0.85
    """Overlap of word sets above which two questions with one answer are the same question."""
    semantic_duplicate: Share | None = None
    """Cosine, by the embedder of the index, from which two questions of one chunk with one
    answer are the same question; none: not compared. Rules word a fact several times on
    purpose: set this for a model's questions, 0.95 for one."""
    round_trip: Literal["count", "require", "off"] = "require"
    """Whether the retriever must find the oracle chunk for the question, or misses are only
    counted."""
    round_trip_top: PositiveInt = 12
    """The rank up to which the oracle chunk counts as found."""


class SplitConfig(Section):
    """Which rows the model learns from, and which measure it. Made before any question."""

    group_by: Literal["document", "section", "page"] = "document"
    """What is never divided between splits: a document, a section of it, or a page."""
    section_level: Annotated[int, Field(ge=1, le=6)] = 1
    """Heading level that makes a section."""
    shares: Annotated[list[Share], Field(min_length=3, max_length=3)] = [0.85, 0.1, 0.05]
    """Shares of train, validation and test."""
    near_duplicate: Share = 0.9
    """Overlap of word sets above which two chunks keep their groups in one split."""
    similar_documents: Share = 0.5
    """Overlap of two documents' word triples above which they keep their groups in one split:
    editions of one manual. 1: no document is compared."""
    seen_test: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    """Share of the quotes in train documents that no train row uses: their questions are a
    second test set, unseen questions on seen documents, beside the one on unseen documents."""
    leakage_limit: Share = 0.05
    """Share of held-out rows whose question or quote also stands in train; more is an
    error."""

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        if abs(sum(self.shares) - 1.0) > 1e-6:
            raise ValueError("shares must add up to 1")
        if self.shares[0] <= 0.0:
            raise ValueError("the share of train must be above 0")
        return self
