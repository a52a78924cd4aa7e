"""What limits the numbers of a report, in sentences."""

from collections.abc import Sequence

from sfta.evaluation.cases import Case, answer_in
from sfta.evaluation.clusters import FEW_CLUSTERS, Clusters
from sfta.evaluation.metrics import contains, normalise_answer, terms
from sfta.evaluation.outcome import Evaluation
from sfta.evaluation.statistics import FEW_QUESTIONS


def warnings(evaluation: Evaluation, clusters: Clusters) -> list[str]:
    """Sentences for a reader who is about to trust the numbers."""
    cases = evaluation.cases
    known = sum(bool(c.oracle.ids) for c in cases if c.question.answerable)
    answerable = sum(c.question.answerable for c in cases)
    found = []
    if len(cases) < FEW_QUESTIONS:
        found.append(
            f"Only {len(cases)} questions: the intervals are wide; ask {FEW_QUESTIONS}."
        )
    if clusters.answered < FEW_CLUSTERS:
        found.append(
            f"The answers lie in only {clusters.answered} {clusters.level}s: the intervals are "
            "likely too narrow."
        )
    elif clusters.level != "document" and evaluation.config.cluster == "auto":
        found.append(
            f"Too few documents to resample, so {clusters.level}s are: the intervals say nothing "
            "about documents of another sort."
        )
    if answerable == len(cases):
        found.append("No question is unanswerable: refusing is hardly measured.")
    if known < answerable:
        found.append(
            f"{answerable - known} answerable questions name no oracle: they count for no "
            "retrieval and citation metric."
        )
    if evaluation.leakage.matches:
        found.append(
            f"{len(evaluation.leakage.matches)} test questions stand in the training data."
        )
    return found + _answer_warnings(cases) + _arm_warnings(evaluation)


def _answer_warnings(cases: Sequence[Case]) -> list[str]:
    asked = [case for case in cases if case.question.answerable]
    unspelt = sum(not any(map(normalise_answer, case.question.answers)) for case in asked)
    beside = sum(_stands_beside(case) for case in asked)
    found = []
    if unspelt:
        found.append(
            f"{unspelt} questions accept only articles and punctuation, of which exact match and "
            "token F1 keep nothing; reword these answers."
        )
    if beside:
        found.append(
            f"For {beside} questions retrieval missed the oracle but found an accepted answer in "
            "another chunk: whoever answers counts as unsupported. Name all oracles."
        )
    return found


def _stands_beside(case: Case) -> bool:
    """Whether the words of the answer stand in a chunk that is not known to hold it.

    A single word says little: "yes" or a number stands in many chunks.
    """
    if not case.oracle.ids or answer_in(case, case.retrieved):
        return False
    telling = [answer for answer in case.question.answers if len(terms(answer)) > 1]
    others = (c for c in case.retrieved if c.id not in case.oracle.ids)
    return any(contains(chunk.text, telling) for chunk in others)


def _arm_warnings(evaluation: Evaluation) -> list[str]:
    found = []
    for result in evaluation.arms:
        offered = [len(result.arm.chunks(case)) for case in evaluation.cases]
        cut = sum(
            len(r.given) < count for r, count in zip(result.replies, offered, strict=True)
        )
        if cut:
            found.append(
                f"{result.arm.label}: for {cut} questions not all chunks fit into the context."
            )
        found += [f"{result.arm.label}: {remark}" for remark in result.remarks]
    return found
