"""Questions asked of a device the way people ask them, with a watch in hand."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sfta_edge.answer import Answerer
from sfta_edge.errors import ConfigError
from sfta_edge.golden import GOLDEN_FILE, Golden
from sfta_edge.reply import Answer
from sfta_edge.retriever import Retriever

CALLER = "bench"


@dataclass(frozen=True, slots=True)
class Asked:
    """How one question went, in milliseconds from the question on."""

    retrieve: float
    first_text: float
    """Until something was shown; the whole answer where nothing was before."""
    total: float
    answer: Answer


def bench_questions(folder: Path, retriever: Retriever, most: int) -> list[str]:
    """The golden questions of a bundle, then one about each of its documents.

    Args:
        folder: of a verified bundle.
        retriever: of its documents.
        most: how many are wanted; none comes twice, as the engine would remember it.

    Raises:
        IntegrityError: the golden questions cannot be read.
        ConfigError: there is nothing to ask about.
    """
    path = folder / GOLDEN_FILE
    golden = Golden.read(path).questions if path.exists() else ()
    found = [each.question for each in golden]
    found += [f"What does {each.title} say?" for each in retriever.documents()]
    if not found:
        raise ConfigError(
            "the bundle holds no documents to ask about", hint="Measure another bundle."
        )
    return list(dict.fromkeys(found))[:most]


def ask_all(answerer: Answerer, questions: Iterable[str]) -> list[Asked]:
    """One question after the other."""
    return [_ask(answerer, question) for question in questions]


def guessed_share(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """Share of the tokens written between two looks at the engine that it had guessed."""
    written = after["decoded_tokens"] - before["decoded_tokens"]
    right = after["accepted_tokens"] - before["accepted_tokens"]
    return right / written if written else 0.0


def _ask(answerer: Answerer, question: str) -> Asked:
    began, shown = time.perf_counter(), None
    steps = answerer.stream(question, caller=CALLER)
    while True:
        try:
            piece = next(steps)
        except StopIteration as end:
            total = (time.perf_counter() - began) * 1000
            answer: Answer = end.value
            first = total if shown is None else shown
            return Asked(answer.timings_ms["retrieve"], first, total, answer)
        if piece and shown is None:
            shown = (time.perf_counter() - began) * 1000
