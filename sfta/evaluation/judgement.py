"""Judging one completion: what it says, whether it is right, and whether its quotes hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from sfta.evaluation.cases import Case, answer_in
from sfta.evaluation.metrics import (
    contains,
    exact_match,
    looks_like_refusal,
    rouge_l,
    token_f1,
)
from sfta_edge.citation import ParsedAnswer, Quote, find_quote, parse_answer
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import Chunk


@dataclass(frozen=True, slots=True)
class Tally:
    """What one answer adds to the sums that every metric is a ratio of."""

    questions: float
    answerable: float
    """The question has an answer in the corpus."""
    held: float
    """The answer is in the context that this arm was given."""
    f1: float
    """Token F1, if answerable. A refusal gets 0 here and in all that follows."""
    f1_formed: float
    """The same, if the final answer stands behind its marker."""
    exact: float
    contains: float
    rouge: float
    """ROUGE-L with the accepted answers and the long reference."""
    overall: float
    """As SQuAD 2.0: token F1 if answerable, else 1 for a refusal and 0 for an answer."""
    f1_held: float
    refused: float
    """By the lenient rule, `metrics.looks_like_refusal`."""
    refused_held: float
    refused_answerable: float
    refused_exactly: float
    """With the contract's sentence and nothing else."""
    quotes: float
    quotes_valid: float
    """Found in the chunk they name."""
    supported: float
    """Answered with at least one quote, and every quote is valid."""
    cited: float
    """Chunks quoted, where an oracle chunk is known."""
    cited_oracle: float
    citable: float
    """Oracle chunks that an answer from this context has to quote: one, or all it needs."""
    citable_hit: float
    """Of these, quoted."""
    ill_formed: float
    """Neither the marked final answer nor the refusal sentence alone."""
    truncated: float
    """Cut at the longest answer."""


@dataclass(frozen=True, slots=True)
class JudgedQuote:
    """A quote of an answer, and whether it stands in the chunk it names."""

    number: int
    text: str
    chunk_id: str | None
    """None: the answer was not given a chunk of this number."""
    valid: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """One completion, read and judged."""

    answer: str
    """The final answer; the whole text when the marker is missing."""
    refused: bool
    well_formed: bool
    quotes: tuple[JudgedQuote, ...]
    tally: Tally

    @property
    def right(self) -> bool:
        """Says an accepted answer, or refuses a question that has none."""
        if self.tally.answerable:
            return self.tally.contains > 0
        return self.refused


def judge(
    case: Case,
    context: Sequence[Chunk],
    completion: str,
    contract: PromptContract,
    *,
    truncated: bool = False,
) -> Judgement:
    """Judge a completion against its question and the chunks it was made from."""
    parsed = parse_answer(
        completion, answer_marker=contract.answer_marker, refusal=contract.refusal
    )
    refused = parsed.refused or looks_like_refusal(parsed.answer, contract.refusal)
    quotes = tuple(_judge_quote(quote, context) for quote in parsed.quotes)
    tally = Tally(
        questions=1.0,
        answerable=float(case.question.answerable),
        refused=float(refused),
        refused_answerable=float(refused and case.question.answerable),
        refused_exactly=float(parsed.refused),
        ill_formed=float(not parsed.well_formed),
        truncated=float(truncated),
        held=float(answer_in(case, context)),
        refused_held=float(refused and answer_in(case, context)),
        **_answer_columns(case, context, completion, None if refused else parsed),
        **_quote_columns(case, context, quotes),
        supported=float(not refused and bool(quotes) and all(q.valid for q in quotes)),
    )
    return Judgement(parsed.answer, refused, parsed.well_formed, quotes, tally)


def _answer_columns(
    case: Case, context: Sequence[Chunk], completion: str, said: ParsedAnswer | None
) -> dict[str, float]:
    """How right the answer is; None stands for a refusal.

    A refusal is never right by its words: "there is no information" does not answer "no".
    """
    question = case.question
    if said is None or not question.answerable:
        names = ("f1", "f1_formed", "exact", "contains", "rouge", "overall", "f1_held")
        zeros = dict.fromkeys(names, 0.0)
        return {**zeros, "overall": float(said is None and not question.answerable)}
    f1 = token_f1(said.answer, question.answers)
    return {
        "f1": f1,
        "f1_formed": f1 if said.well_formed else 0.0,
        "exact": exact_match(said.answer, question.answers),
        "contains": contains(completion, question.answers),
        "rouge": rouge_l(said.answer, question.references),
        "overall": f1,
        "f1_held": f1 if answer_in(case, context) else 0.0,
    }


def _quote_columns(
    case: Case, context: Sequence[Chunk], quotes: Sequence[JudgedQuote]
) -> dict[str, float]:
    """Whether quotes stand where they say, and whether that is where the answer is."""
    known = bool(case.oracle.ids)
    cited = {quote.chunk_id for quote in quotes if quote.chunk_id}
    misnumbered = {quote.number for quote in quotes if not quote.chunk_id}
    right = cited.intersection(case.oracle.ids)
    needed = len(case.oracle.ids) if case.question.all_oracles else 1
    citable = needed if known and answer_in(case, context) else 0
    return {
        "quotes": float(len(quotes)),
        "quotes_valid": float(sum(quote.valid for quote in quotes)),
        "cited": float(len(cited) + len(misnumbered)) if known else 0.0,
        "cited_oracle": float(len(right)),
        "citable": float(citable),
        "citable_hit": float(min(citable, len(right))),
    }


def _judge_quote(quote: Quote, context: Sequence[Chunk]) -> JudgedQuote:
    if not 1 <= quote.number <= len(context):
        return JudgedQuote(quote.number, quote.text, None, valid=False)
    chunk = context[quote.number - 1]
    valid = find_quote(quote.text, chunk.text) is not None
    return JudgedQuote(quote.number, quote.text, chunk.id, valid)
