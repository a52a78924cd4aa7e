"""The folder of a dataset: written by `generate` and `adopt`, read by whoever looks at rows."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sfta.core.artifact import Artifact
from sfta.core.problems import problem_list
from sfta.core.records import FileRecord
from sfta.raft.config import PromptConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.rejections import Rejection, Sorted, parse_rejections, sort_out
from sfta.raft.splits import SPLITS
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import canonical_json, write_durably

REJECTED, CHUNKS, DOCUMENTS = "rejected.jsonl", "chunks.jsonl", "documents.jsonl"
FUNNEL, COVERAGE, CARD = "funnel.json", "coverage.json", "README.md"
_SHOWN_IDS = 5


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset artifact, read."""

    path: Path
    digest: str
    rows: Mapping[str, list[dict[str, Any]]]
    """By split."""
    rejected: list[dict[str, Any]]
    chunks: Mapping[str, CorpusChunk]
    funnel: Mapping[str, Any]
    prompt: PromptConfig
    """The texts that its completions are spelled with."""
    facts: Mapping[str, Any]
    """Settings, inputs and figures of the stage that made it."""

    @property
    def name(self) -> str:
        """Name of the recipe, or of the folder."""
        return str(self.facts.get("settings", {}).get("name", self.path.name))

    def chunks_of(self, row: Mapping[str, Any]) -> list[CorpusChunk]:
        """The chunks of a row's context, in prompt order."""
        return [self.chunks[entry["chunk_id"]] for entry in row["context"]]

    def every_row(self, split: str | None = None) -> list[dict[str, Any]]:
        """The rows of one split or of all."""
        return [row for name in SPLITS if split in (None, name) for row in self.rows[name]]


def open_dataset(path: Path) -> Dataset:
    """Read and verify a dataset artifact.

    Raises:
        IntegrityError: it is damaged, or no artifact.
        ConfigError: it is an artifact of another kind.
    """
    artifact = Artifact.open(path)
    if artifact.kind != "dataset":
        raise ConfigError(
            f"{path} is no dataset but of the kind {artifact.kind}",
            hint="Datasets lie in runs/generate and runs/adopt.",
        )
    artifact.verify()
    listed = {entry.path for entry in artifact.manifest.files}
    facts = artifact.manifest.facts
    try:
        prompt = PromptConfig.model_validate(facts.get("settings", {}).get("prompt", {}))
    except ValidationError:
        prompt = PromptConfig()
    return Dataset(
        path=path,
        digest=artifact.digest,
        rows={s: _lines(path, f"{s}.jsonl", listed) for s in SPLITS},
        rejected=_lines(path, REJECTED, listed),
        chunks={r["id"]: CorpusChunk.of(r) for r in _lines(path, CHUNKS, listed)},
        funnel=json.loads((path / FUNNEL).read_bytes()) if FUNNEL in listed else {},
        prompt=prompt,
        facts=facts,
    )


def row_records(dataset: Dataset) -> Iterator[FileRecord]:
    """The rows of all splits as records of one file."""
    for number, row in enumerate(dataset.every_row(), 1):
        yield FileRecord(number, row)


def write_dataset(
    out: Path,
    rows: Sequence[Mapping[str, Any]],
    rejected: Sequence[Mapping[str, Any]],
    chunks: bytes,
    papers: Mapping[str, bytes],
) -> None:
    """Write every file of a dataset; `papers` are those beside rows and chunks, by name."""
    for split in SPLITS:
        write_lines(out / f"{split}.jsonl", (row for row in rows if row["split"] == split))
    ordered = sorted(rejected, key=lambda row: (row["rejected_because"], row["id"]))
    write_lines(out / REJECTED, ordered)
    write_durably(out / CHUNKS, chunks)
    for name, content in papers.items():
        write_durably(out / name, content)


def write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """JSON lines in canonical form."""
    write_durably(path, b"".join(canonical_json(record) + b"\n" for record in records))


def read_rejections(path: Path) -> list[Rejection]:
    """The rows that a person has turned away.

    Raises:
        ConfigError: the file cannot be read; every problem with its line.
    """
    try:
        found, problems = parse_rejections(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the rejections {path}: {error}") from error
    if problems:
        raise ConfigError(
            problem_list(f"{path} cannot be used as rejections", problems),
            hint="Save the file again from the page that `sfta review` writes.",
        )
    return found


def reject_by_hand(
    rows: list[dict[str, Any]], path: Path | None, turned_away: Iterable[str]
) -> Sorted:
    """Take out what the file names; without a file everything stays.

    Raises:
        ConfigError: lines that hold for no row.
    """
    if path is None:
        return Sorted(kept=rows)
    result = sort_out(rows, read_rejections(path), turned_away)
    if result.unknown:
        shown = ", ".join(result.unknown[:_SHOWN_IDS])
        more = ", ..." if len(result.unknown) > _SHOWN_IDS else ""
        raise ConfigError(
            f"{path.name}: {len(result.unknown)} ids are not in this dataset: {shown}{more}",
            hint="The file was made for another dataset, or their questions are not asked any "
            "more: take these lines out.",
        )
    return result


def _lines(path: Path, name: str, listed: set[str]) -> list[dict[str, Any]]:
    if name not in listed:
        return []
    with (path / name).open("rb") as stream:
        return [json.loads(line) for line in stream]
