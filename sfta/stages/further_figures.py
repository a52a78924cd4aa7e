"""What a report says beside its metrics: cosine, perplexity, a judge's opinion, forgetting."""

from dataclasses import replace
from typing import Any

from sfta.core.stage import Job
from sfta.evaluation.config import BASE, TRAINED
from sfta.evaluation.cosine import cosine_figures
from sfta.evaluation.forgetting import forgetting, general_questions
from sfta.evaluation.outcome import Evaluation
from sfta.evaluation.perplexity import perplexity_figures
from sfta.recipe import Recipe
from sfta.stages.arm_answers import Answers
from sfta.stages.evaluation_judge import judge_evaluation
from sfta.stages.index import EMBEDDER
from sfta_edge.embedder import Embedder


def with_further_figures(
    job: Job[Recipe], evaluation: Evaluation, answers: Answers
) -> Evaluation:
    """The evaluation with the secondary figures that the recipe asks for.

    Raises:
        SftaError: the judge's endpoint failed for good, or its file cannot be read.
    """
    with Embedder(job.inputs["index"].file(EMBEDDER)) as embeds:
        further: dict[str, Any] = {"cosine": cosine_figures(evaluation, embeds.embed)}
    if answers.surprises:
        found = perplexity_figures(answers.surprises, evaluation.resampling())
        further["perplexity"] = {**found, "documents": answers.documents}
    if {BASE, TRAINED} <= set(answers.general):
        further["forgetting"] = forgetting(
            general_questions(),
            answers.general[BASE],
            answers.general[TRAINED],
            refusal=evaluation.contract.refusal,
            resamples=evaluation.config.resamples,
            seed=evaluation.seed,
        ).facts()
    if (judged := judge_evaluation(job, evaluation)) is not None:
        further["judge"] = judged
    return replace(evaluation, further=further)
