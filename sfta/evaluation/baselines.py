"""Trivial systems. A model that does not beat them has learned nothing of use."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sfta.evaluation.cases import Case
from sfta.evaluation.judgement import Judgement, judge
from sfta_edge.prompt import PromptContract


@dataclass(frozen=True, slots=True)
class Baseline:
    """What answers without a model."""

    key: str
    label: str
    complete: Callable[[Case, PromptContract], str]


def _refuse(_: Case, contract: PromptContract) -> str:
    return contract.refusal


def _echo(case: Case, contract: PromptContract) -> str:
    return contract.completion([], " ".join(case.question.question.split()))


def _top_chunk(case: Case, contract: PromptContract) -> str:
    if not case.retrieved:
        return contract.refusal
    return contract.completion([], " ".join(case.retrieved[0].text.split()))


def _yes(_: Case, contract: PromptContract) -> str:
    return contract.completion([], "Yes")


BASELINES: Mapping[str, Baseline] = {
    baseline.key: baseline
    for baseline in (
        Baseline("refuse_all", "refusing every question", _refuse),
        Baseline("echo_question", "repeating the question", _echo),
        Baseline("top_chunk", "copying the first retrieved chunk", _top_chunk),
        Baseline("always_yes", "answering yes to every question", _yes),
    )
}


def judge_baseline(
    baseline: Baseline, cases: Sequence[Case], contract: PromptContract
) -> list[Judgement]:
    """The baseline's answers, judged by the same rules as those of any arm."""
    judged = []
    for case in cases:
        completion = baseline.complete(case, contract)
        judged.append(judge(case, case.retrieved, completion, contract))
    return judged
