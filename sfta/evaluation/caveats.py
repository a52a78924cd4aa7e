"""What limits the numbers of a report, in sentences."""

from sfta.evaluation.clusters import FEW_CLUSTERS, Clusters
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
    return found + _arm_warnings(evaluation)


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
    return found
