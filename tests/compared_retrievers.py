"""Questions as two retrievers find them: by the places of their oracle chunk."""

from sfta.evaluation.cases import Case
from sfta.evaluation.oracles import Oracle
from sfta.evaluation.questions import Question
from sfta_edge.retriever import Chunk

FIRST, SECOND, NEVER = ("oracle", "x"), ("x", "oracle"), ("x", "y")


def case(number, ranked, top_k, *, test_set=""):
    chunks = tuple(
        Chunk(name, "d", "Manual", 1, "", name, 0, len(name), "manual.pdf") for name in ranked
    )
    question = Question(f"q{number}", "Which?", ("a",), answerable=True, test_set=test_set)
    oracle = Oracle(("oracle",), f"d{number}", f"d{number} page 1")
    return Case(question, oracle, chunks, chunks[:top_k], ())


def compared(rankings, top_k):
    """Cases before and after, from ``[(test set, before, after)]``."""
    return tuple(
        [
            case(number, pair[side], top_k, test_set=name)
            for number, (name, *pair) in enumerate(rankings)
        ]
        for side in (0, 1)
    )
