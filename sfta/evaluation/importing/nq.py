"""Natural Questions (Kwiatkowski et al., 2019), and NQ-open (Lee et al., 2019).

NQ-open is ``{"question", "answer": [..]}``: no passages, the index is searched. Natural Questions
comes simplified, ``{"example_id", "question_text", "document_text", "long_answer_candidates",
"annotations": [{"long_answer", "short_answers", "yes_no_answer"}]}`` with places counted in words
of `document_text`, or with `document_tokens` in its place.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sfta.evaluation.importing.files import Entry
from sfta.evaluation.importing.imported import (
    Imported,
    LeftOutError,
    Notes,
    Passage,
    UnusableError,
    content_id,
    distinct,
    identifier,
    optional_text,
    records_of,
    text_of,
    texts_of,
    whole,
)
from sfta.evaluation.metrics import contains

SIGNS = ("annotations", "question_text")
SIGNS_OPEN = ("question", "answer")
_MARKUP = re.compile(r"</?[A-Za-z][^>]*>")
_SHORTEST_DISTRACTOR = 8  # words; what is shorter is a heading or the rest of a table
_MANY_ANNOTATORS = 5
_Span = tuple[int, int]


def nq(entry: Entry, _notes: Notes) -> Iterator[Imported]:
    """One question; the long answer is its oracle, the page's other passages are distractors.

    Of five annotators two must have found an answer, as in the official evaluation.
    """
    record = entry.value
    tokens = _tokens(record)
    annotated = records_of(record, "annotations")
    longs = [s for a in annotated if (s := _span(a.get("long_answer"), tokens)) is not None]
    if len(longs) < (2 if len(annotated) >= _MANY_ANNOTATORS else 1):
        raise LeftOutError("no passage of the page answers it")
    answers = distinct([text for a in annotated for text in _short_answers(a, tokens)])
    if not answers:
        raise LeftOutError("only a long answer is given")
    chosen = Counter(longs).most_common(1)[0][0]
    title = optional_text(record, "document_title")
    oracle = Passage(title, text_of({"long_answer": _text(tokens, chosen)}, "long_answer"))
    others = [Passage(title, text) for text in _others(record, tokens, chosen, answers)]
    yield Imported(
        id=identifier(record, "example_id"),
        question=text_of(record, "question_text"),
        answers=answers,
        passages=tuple(sorted({oracle, *others}, key=lambda p: content_id(oracle.id, p.id))),
        oracles=(oracle,),
    )


def nq_open(entry: Entry, _notes: Notes) -> Iterator[Imported]:
    """One question without passages."""
    question, answers = text_of(entry.value, "question"), texts_of(entry.value, "answer")
    if not answers:
        raise LeftOutError("no answer is given")
    yield Imported(content_id(question), question, distinct(answers))


def _tokens(record: Mapping[str, Any]) -> list[str]:
    if "document_tokens" in record:
        return [str(token.get("token", "")) for token in records_of(record, "document_tokens")]
    return text_of(record, "document_text").split(" ")


def _span(value: object, tokens: Sequence[str]) -> _Span | None:
    """First word and the word after the last; none if the annotator found nothing."""
    places = value if isinstance(value, dict) else {}
    start, end = places.get("start_token"), places.get("end_token")
    if not isinstance(start, int) or not isinstance(end, int):
        raise UnusableError("an answer must have 'start_token' and 'end_token'")
    if start < 0 or end <= start:
        return None
    if end > len(tokens):
        raise UnusableError(f"an answer ends at word {end} of {len(tokens)}")
    return start, end


def _short_answers(annotation: Mapping[str, Any], tokens: Sequence[str]) -> Iterator[str]:
    for short in records_of(annotation, "short_answers"):
        span = _span(short, tokens)
        if span is not None and (text := _text(tokens, span)):
            yield text
    decision = str(annotation.get("yes_no_answer") or "NONE").casefold()
    if decision in ("yes", "no"):
        yield decision


def _text(tokens: Sequence[str], span: _Span) -> str:
    shown = (token for token in tokens[span[0] : span[1]] if not _MARKUP.fullmatch(token))
    return whole(" ".join(token for token in shown if token.strip())).strip()


def _others(
    record: Mapping[str, Any], tokens: Sequence[str], oracle: _Span, answers: Sequence[str]
) -> Iterator[str]:
    """Passages of the page that do not hold the answer."""
    if not record.get("long_answer_candidates"):
        return
    for candidate in records_of(record, "long_answer_candidates"):
        span = _span(candidate, tokens)
        if span is None or not candidate.get("top_level", True):
            continue
        text = _text(tokens, span)
        apart = span[1] <= oracle[0] or oracle[1] <= span[0]
        if apart and len(text.split()) >= _SHORTEST_DISTRACTOR and not contains(text, answers):
            yield text
