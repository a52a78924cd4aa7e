"""Every arm's answers before the judge: its verdicts, with intervals, by arm."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sfta.evaluation.aggregate import Array, ratio
from sfta.evaluation.answer_judge import (
    SCHEMA,
    Ask,
    Planted,
    Verdict,
    messages_for,
    planted_answers,
    read_verdict,
    self_test,
)
from sfta.evaluation.judge_config import AnswerJudge
from sfta.evaluation.judgement import Judgement
from sfta.evaluation.outcome import ArmResult, Evaluation, gained
from sfta.evaluation.questions import draw_evenly
from sfta.evaluation.statistics import Drawn, estimates

_COLUMNS = ("answerable", "correct", "partly", "answers", "supported", "unreadable", "agreed")


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of judging."""

    figures: dict[str, Any]
    """For the report."""
    lines: list[dict[str, Any]]
    """One per answer that was judged: id, arm, grade, supported."""


@dataclass(frozen=True, slots=True)
class _Asked:
    arm: str
    place: int
    verdict: Verdict | None


def judge_answers(evaluation: Evaluation, ask: Ask, config: AnswerJudge) -> Judged:
    """Try the judge, and if it can judge, ask it about every answer that is no refusal.

    An answer whose verdict cannot be read counts as neither correct nor supported. Refusals of
    answerable questions count as not correct.
    """
    planted = planted_answers(evaluation.cases, config.planted, evaluation.seed)
    tested = self_test(planted, _tried(planted, ask))
    if tested["share"] < config.self_test:
        return Judged({"usable": False, "self_test": tested}, [])
    questions = [case.question for case in evaluation.cases]
    chosen = {q.id for q in draw_evenly(questions, config.questions, evaluation.seed)}
    asked = _asked(evaluation, chosen, ask)
    resampling, drawn = evaluation.resampling(), dict[str, Drawn]()
    for result in evaluation.arms:
        drawn[result.arm.name] = resampling.sums(_table(evaluation, result, chosen, asked))
    trusted = tested["supported_share"] >= config.self_test
    figures = {
        "usable": True,
        "self_test": tested,
        "questions": len(chosen),
        "supported_is_trusted": trusted,
        "arms": {name: _facts(one, trusted=trusted) for name, one in drawn.items()},
        "difference": gained(_figures, "correct", drawn),
    }
    return Judged(figures, [_line(evaluation, one) for one in asked])


def _tried(planted: Sequence[Planted], ask: Ask) -> Sequence[str]:
    prompts = [messages_for(one.case.question, one.context, one.answer) for one in planted]
    return ask(prompts, SCHEMA) if prompts else []


def _asked(evaluation: Evaluation, chosen: set[str], ask: Ask) -> list[_Asked]:
    places = [
        (result, place)
        for result in evaluation.arms
        for place, case in enumerate(evaluation.cases)
        if case.question.id in chosen and not result.judgements[place].refused
    ]
    prompts = []
    for result, place in places:
        case, given = evaluation.cases[place], result.replies[place].given
        context = [chunk for chunk in result.arm.chunks(case) if chunk.id in given]
        prompts.append(messages_for(case.question, context, result.judgements[place].answer))
    replies = ask(prompts, SCHEMA) if prompts else []
    return [
        _Asked(result.arm.name, place, read_verdict(reply))
        for (result, place), reply in zip(places, replies, strict=True)
    ]


def _table(
    evaluation: Evaluation, result: ArmResult, chosen: set[str], asked: Sequence[_Asked]
) -> Array:
    """One row per question; zeros if it was not chosen."""
    verdicts = {one.place: one.verdict for one in asked if one.arm == result.arm.name}
    table = np.zeros((len(evaluation.cases), len(_COLUMNS)))
    for place, case in enumerate(evaluation.cases):
        if case.question.id in chosen:
            verdict, answerable = verdicts.get(place), case.question.answerable
            grade = verdict.grade if verdict and answerable else None
            table[place] = (
                answerable,
                grade == "correct",
                grade == "partly",
                place in verdicts,
                verdict is not None and verdict.supported,
                place in verdicts and verdict is None,
                _agrees(result.judgements[place], verdict) if place in verdicts else 0,
            )
    return table


def _agrees(judged: Judgement, verdict: Verdict | None) -> bool:
    """Whether the judge finds correct what holds an accepted answer, and nothing else."""
    return verdict is not None and (verdict.grade == "correct") == bool(judged.tally.contains)


def _facts(drawn: Drawn, *, trusted: bool) -> dict[str, Any]:
    shown = {name: value.facts() for name, value in estimates(_figures, drawn).items()}
    counts = dict(zip(_COLUMNS, drawn.point.astype(int).tolist(), strict=True))
    return {
        **shown,
        "supported": shown["supported"] if trusted else None,
        **{name: counts[name] for name in ("answerable", "answers", "unreadable")},
    }


def _figures(table: Array) -> Mapping[str, Array]:
    sums = {name: table[..., place] for place, name in enumerate(_COLUMNS)}
    return {
        "correct": ratio(sums["correct"], sums["answerable"]),
        "partly": ratio(sums["partly"], sums["answerable"]),
        "supported": ratio(sums["supported"], sums["answers"]),
        "agrees_with_contains": ratio(sums["agreed"], sums["answers"]),
    }


def _line(evaluation: Evaluation, one: _Asked) -> dict[str, Any]:
    said = asdict(one.verdict) if one.verdict else {"grade": None, "supported": None}
    return {"id": evaluation.cases[one.place].question.id, "arm": one.arm, **said}
