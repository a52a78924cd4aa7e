"""Stage adopt: a file of rows -> dataset, in the place of `generate`."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sfta.adapters import record_files
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.raft.card import CardFacts, data_card, is_refusal
from sfta.raft.intake.config import DatasetConfig
from sfta.raft.intake.grouping import assign, content_groups, given_splits
from sfta.raft.intake.reading import Reading, Taken, take_in
from sfta.raft.leakage import leakage
from sfta.recipe import Recipe
from sfta.stages.dataset_folder import (
    CARD,
    DOCUMENTS,
    FUNNEL,
    open_dataset,
    reject_by_hand,
    row_records,
    write_dataset,
)
from sfta_edge.errors import ConfigError, SftaError
from sfta_edge.manifest import MANIFEST, canonical_json

log = logging.getLogger("sfta")
_TEACHER = "the file of rows"
_NO_THRESHOLD = ("file", "rejections")
_LEAKAGE_WORTH_SAYING = 0.05


def run(job: Job[Recipe]) -> Metrics:
    """Check every row, set duplicates aside, divide, write.

    Raises:
        ConfigError: rows are unusable, every problem listed; or there is none to train on.
    """
    recipe, path = job.recipe, _file(job.recipe)
    taken = read_rows(path, reading_of(recipe))
    rule = divide(taken, recipe.dataset, recipe.seed)
    sorted_out = reject_by_hand(taken.rows, _rejections(recipe), ())
    taken.rows = sorted_out.kept
    if not any(row["split"] == "train" for row in taken.rows):
        raise ConfigError("no row is left to train on: all were rejected by hand")
    found = leakage(taken.rows, recipe.dataset.near_duplicate)
    for line in [*remarks(taken), *_leaking(found)]:
        log.warning("adopt: %s", line)
    counts = Counter(str(row["split"]) for row in taken.rows)
    funnel = _funnel(taken, sorted_out.rejected)
    funnel |= {"leakage": found, "reading": {**taken.notes, "split_rule": rule}}
    _write(job, path, taken, sorted_out.rejected, funnel)
    return {
        "rows": len(taken.rows),
        "duplicates": len(taken.duplicates),
        "rejected_by_hand": len(sorted_out.rejected),
        "with_context": taken.notes["with_context"],
        "rows_by_split": dict(sorted(counts.items())),
        "rows_by_kind": dict(sorted(Counter(str(r["kind"]) for r in taken.rows).items())),
        "refusal_share": round(sum(map(is_refusal, taken.rows)) / len(taken.rows), 4),
        "leakage": funnel["leakage"],
        "reading": funnel["reading"],
    }


def reading_of(recipe: Recipe) -> Reading:
    """How the recipe wants its rows to be read."""
    config = recipe.dataset
    return Reading(recipe.prompt, config.format or "", config.columns)


def read_rows(path: Path, reading: Reading) -> Taken:
    """Rows of a file, of a folder that `datasets` saved, or of a dataset artifact."""
    if (path / MANIFEST).is_file():
        dataset = open_dataset(path)
        reading = Reading(reading.prompt, "rows", known=dataset.chunks)
        return take_in(row_records(dataset), str(path), reading)
    return take_in(record_files.read_records(path), str(path), reading)


def divide(taken: Taken, config: DatasetConfig, seed: int) -> str:
    """Give every row its split and its group, in place; return the rule in words.

    Raises:
        ConfigError: some rows name a split and others do not, or none is for training.
    """
    rows, says = taken.rows, given_splits(taken.rows)
    if says == "some":
        missing = sum(not row["split"] for row in rows)
        raise ConfigError(
            f"{missing} of {len(rows)} rows name no split, the others do",
            hint="Give every row a split, or none.",
        )
    groups = content_groups(rows, taken.records)
    moved = set()
    if says == "none":
        moved = set(groups)
    elif says == "no validation":
        moved = {g for row, g in zip(rows, groups, strict=True) if row["split"] == "train"}
    shares = list(config.shares)
    if says == "no validation":
        learned = shares[0] + shares[1]
        shares = [shares[0] / learned, shares[1] / learned, 0.0]
    splits = assign([group for group in groups if group in moved], shares, seed)
    for row, group in zip(rows, groups, strict=True):
        row["group"] = row["group"] or group
        if row["split"] in ("", "train"):
            row["split"] = splits.get(group, row["split"])
    if not any(row["split"] == "train" for row in rows):
        raise ConfigError(
            "no row is left to train on: the file gives every row to another split",
            hint="Name rows of the split train, or none at all.",
        )
    return {
        "none": "by the hash of seed and content group",
        "all": "as the file says",
        "no validation": "as the file says; validation by hash out of train",
    }[says]


def remarks(taken: Taken) -> list[str]:
    """What a person should know of how the file was read."""
    notes = taken.notes
    said = {
        "duplicates": "{} rows repeat another and are set aside in rejected.jsonl",
        "answers_put_in_form": "{} answers were put behind the answer marker",
        "quotes_not_found": "{} quotes stand in no document of their row; they stay as text",
        "lines_joined": "{} questions have several lines; the prompt shows a question as one",
    }
    lines = [text.format(notes[name]) for name, text in said.items() if notes[name]]
    if notes["system_texts"] == 1:
        lines.append("the rows' system text gives way to prompt.system")
    if notes["system_texts"] > 1:
        lines.append(f"{notes['system_texts']} system texts were put before their questions")
    if columns := notes.get("columns_not_read"):
        named = ", ".join(name or "(no name)" for name in columns)
        lines.append(f"columns that are not read: {named}")
    return lines


def _funnel(taken: Taken, by_hand: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts in the form that `generate` writes."""
    lost = Counter(str(row["rejected_because"]) for row in by_hand)
    if taken.duplicates:
        lost["duplicate"] = len(taken.duplicates)
    unique = len(taken.rows) + len(by_hand)
    return {
        "entered": unique + len(taken.duplicates),
        "left_after": [
            {"step": "without duplicates", "candidates": unique},
            {"step": "not rejected by hand", "candidates": len(taken.rows)},
        ],
        "rejected": dict(sorted(lost.items())),
    }


def _leaking(found: Mapping[str, Any]) -> list[str]:
    """A warning, not an error: how a person divides their rows is their decision."""
    if found["share"] <= _LEAKAGE_WORTH_SAYING:
        return []
    return [f"{found['share']:.1%} of the held-out rows repeat a question or a quote of train"]


def _write(
    job: Job[Recipe],
    path: Path,
    taken: Taken,
    rejected: Sequence[Mapping[str, Any]],
    funnel: Mapping[str, Any],
) -> None:
    recipe = job.recipe
    chunks = sorted(taken.chunks.values(), key=lambda chunk: chunk.id)
    teachers = sorted({str(row["teacher"]) for row in taken.rows} - {""})
    card = data_card(
        CardFacts(
            name=recipe.name,
            rows=taken.rows,
            funnel=funnel,
            origin=f"The rows were read from `{path.name}` (format {taken.notes['format']}).",
            teacher=", ".join(teachers) or _TEACHER,
            owners={chunk.id: chunk.title for chunk in chunks},
            thresholds={f"dataset.{k}": v for k, v in _stated(recipe.dataset).items()},
            terms=recipe.card,
        )
    )
    for row in taken.duplicates:
        row["split"] = row["split"] or "train"
    write_dataset(
        job.out,
        sorted(taken.rows, key=lambda row: str(row["id"])),
        [*taken.duplicates, *rejected],
        b"".join(canonical_json(asdict(chunk)) + b"\n" for chunk in chunks),
        {DOCUMENTS: b"", FUNNEL: canonical_json(funnel), CARD: card.encode()},
    )


def _stated(config: DatasetConfig) -> dict[str, Any]:
    """The settings that matter to a reader; where the file lay does not."""
    return {
        k: v for k, v in config.model_dump(mode="json").items() if v and k not in _NO_THRESHOLD
    }


def _file(recipe: Recipe) -> Path:
    assert recipe.dataset.file is not None  # the stage is in no line without a file
    return recipe.root / recipe.dataset.file


def _rejections(recipe: Recipe) -> Path | None:
    name = recipe.dataset.rejections
    return recipe.root / name if name is not None else None


def _external(recipe: Recipe, _runtime: Runtime) -> dict[str, str]:
    """Digests of the files: the same rows, the same key."""
    rejections = _rejections(recipe)
    found = {"file": record_files.identity(_file(recipe))}
    return found | ({"rejections": record_files.identity(rejections)} if rejections else {})


def _check(recipe: Recipe, _runtime: Runtime) -> Sequence[str]:
    """The whole file: it is read in seconds, and what comes after takes hours."""
    path = _file(recipe)
    try:
        taken = read_rows(path, reading_of(recipe))
        divide(taken, recipe.dataset, recipe.seed)
        reject_by_hand(taken.rows, _rejections(recipe), ())
    except SftaError as error:
        return str(error).split("\n")
    return ()


STAGE: Stage[Recipe] = Stage(
    name="adopt",
    needs=(),
    makes="dataset",
    sections=("name", "seed", "prompt", "dataset", "card"),
    run=run,
    external=_external,
    check=_check,
)
