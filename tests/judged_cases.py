"""Cases of four chunks, as the judgement takes them."""

from sfta.evaluation.cases import Case
from sfta.evaluation.oracles import Oracle
from sfta.evaluation.questions import Question
from sfta_edge.retriever import Chunk

TEXTS = (
    "The pump runs at 7.5 bar.",
    "The valve opens at 8 bar.",
    "Oil is changed after 500 hours.",
    "The door stays closed.",
)
CHUNKS = tuple(
    Chunk(f"c{number}", "d", "Manual", number + 1, "", text, 0, len(text), "manual.pdf")
    for number, text in enumerate(TEXTS)
)


def make_case(identifier, *, oracle, context, answers=("7.5 bar",)):
    """A question whose oracle is one of the chunks, or which has no answer at all."""
    given_chunks = tuple(CHUNKS[number] for number in context)
    question = Question(
        identifier,
        "At what pressure?",
        () if oracle is None else tuple(answers),
        oracle is not None,
    )
    known = Oracle(() if oracle is None else (CHUNKS[oracle].id,), identifier, identifier)
    return Case(question, known, given_chunks, given_chunks, given_chunks)
