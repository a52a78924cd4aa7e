"""Sections of the report on secondary figures. Each is there if report.json has its key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sfta.evaluation.config import CANDIDATE
from sfta.evaluation.report_tables import Cell, Row, Table
from sfta.evaluation.spelling import interval, number, probability, signed, whole

_WORTH = (
    ("Cosine", "Mean cosine between an answer and its nearest reference."),
    ("Above the floor", "(cosine \u2212 floor) / (1 \u2212 floor), with the highest floor."),
    ("Floor: strangers", "The arm's own answers against the references of other questions."),
    ("Floor: refusal", "The refusal sentence against the references."),
    ("Floor: no idea", "\u201cI don't know\u201d against the references."),
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page."""

    key: str
    title: str
    said: list[str]
    """Paragraphs."""
    table: Table | None = None


def further_sections(report: Mapping[str, Any]) -> list[Section]:
    """Cosine, perplexity, judge and forgetting, as far as they were measured."""
    makers = {
        "cosine": _cosine,
        "perplexity": _perplexity,
        "judge": _judge,
        "forgetting": _forgetting,
    }
    return [make(report, report[key]) for key, make in makers.items() if report.get(key)]


def _cosine(report: Mapping[str, Any], found: Mapping[str, Any]) -> Section:
    rows = []
    for name, arm in found["arms"].items():
        floors = arm["floors"]
        cells = [_cell(arm["cosine"]), _cell(arm["above_floor"])]
        cells += [Cell(number(floors[key])) for key in ("shuffled", "refusal", "no_idea")]
        rows.append(_row(report, name, cells))
    columns = [
        "Cosine",
        "Above the floor",
        "Floor: strangers",
        "Floor: refusal",
        "Floor: no idea",
    ]
    said = [
        (
            f"Over {found['n']} answerable questions. To an embedder any two sentences of a manual "
            "are alike, so a cosine says something only above its floors: what answers to other "
            "questions, the refusal sentence and \u201cI don't know\u201d reach. Compare arms by "
            "the share above the highest floor."
        ),
        *_difference("The trained model gains above the floor", found.get("difference")),
    ]
    table = Table("Cosine with the reference answers.", "Arm", columns, rows, _WORTH)
    return Section("cosine", "Cosine", said, table)


def _perplexity(report: Mapping[str, Any], found: Mapping[str, Any]) -> Section:
    rows, problems = [], []
    for name, arm in found["arms"].items():
        if problem := arm.get("problem"):
            problems.append(f"{_label(report, name)} was not measured: {problem}")
            continue
        keys = ("perplexity", "answer_perplexity", "bits_per_byte")
        cells = [*(_cell(arm[key]) for key in keys), Cell(whole(arm["n"]))]
        rows.append(_row(report, name, cells))
    columns = ["Whole completion", "Answer alone", "Bits per byte", "Questions"]
    said = [
        (
            "How much the right answer surprises each model under the shipped prompt; lower is "
            "better. Perplexity compares models with one tokenizer, bits per byte compares all. It "
            "says how probable the right words are, not whether the model would say them."
        ),
        *_difference("Perplexity of the answer, trained minus base", found.get("difference")),
        *problems,
    ]
    table = Table("Perplexity of the accepted answers.", "Arm", columns, rows) if rows else None
    return Section("perplexity", "Perplexity", said, table)


def _judge(report: Mapping[str, Any], found: Mapping[str, Any]) -> Section:
    tested = found["self_test"]
    told = (
        f"On planted right and wrong answers it was right in {_share(tested['share'])} of cases"
    )
    if not found["usable"]:
        said = [f"The judge was not asked. {told}, which is less than the recipe demands."]
        return Section("judge", "Judge", said)
    rows = []
    for name, arm in found["arms"].items():
        keys = ("correct", "partly", "supported", "agrees_with_contains")
        cells = [_cell(arm[key]) for key in keys]
        rows.append(_row(report, name, [*cells, *(Cell(whole(arm[k])) for k in _JUDGED)]))
    columns = ["Correct", "Partly", "Supported", "Agrees with \u201ccontains\u201d"]
    columns += ["Answers judged", "Replies not readable"]
    said = [
        (
            f"A model judged the answers to {found['questions']} questions. {told}. No gate reads "
            "its verdicts: a judge favours what is written like itself."
        ),
        *_difference("Correct, trained minus base", found.get("difference")),
    ]
    if not found["supported_is_trusted"]:
        said.append(
            "Whether documents support an answer it told too badly in the planted cases, so that "
            "column is empty."
        )
    table = Table("Verdicts of the judge.", "Arm", columns, rows)
    return Section("judge", "Judge", said, table)


_JUDGED = ("answers", "unreadable")


def _forgetting(_: Mapping[str, Any], found: Mapping[str, Any]) -> Section:
    """What `forgetting.Forgetting.facts` gives."""
    parts = {"all": found, **found["kinds"]}
    rows = [
        Row(
            name.replace("_", " "),
            [
                Cell(whole(part["questions"])),
                Cell(whole(part["right_before"])),
                Cell(whole(part["right_after"])),
                _cell({"value": part["difference"], "interval": part["interval"]}, sign=True),
            ],
        )
        for name, part in parts.items()
    ]
    exact = f"Answered exactly: {found['exact_before']} before, {found['exact_after']} after."
    said = [
        found["sentence"],
        (
            f"{exact} Refused: {found['refused_before']} before, {found['refused_after']} after. "
            "The questions are general ones, asked without documents and with a plain prompt; "
            f"McNemar's p is {probability(found['p_value'])}."
        ),
    ]
    columns = ["Questions", "Right before", "Right after", "Change of the share"]
    table = Table("General questions before and after training.", "Kind", columns, rows)
    return Section("forgetting", "Forgetting", said, table)


def _row(report: Mapping[str, Any], name: str, cells: list[Cell]) -> Row:
    return Row(_label(report, name), cells, name == CANDIDATE)


def _label(report: Mapping[str, Any], name: str) -> str:
    return str(report["arms"].get(name, {}).get("label", name))


def _cell(found: Mapping[str, Any] | None, *, sign: bool = False) -> Cell:
    if found is None:
        return Cell("n/a")
    spell = signed if sign else number
    return Cell(spell(found["value"]), interval(found["interval"], sign=sign))


def _difference(name: str, found: Mapping[str, Any] | None) -> list[str]:
    if not found or found["value"] is None:
        return []
    between = interval(found["interval"], sign=True)
    return [f"{name}: {signed(found['value'])} (95 % interval {between})."]


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.0%}"
