"""What `sfta inspect` shows of a dataset: rows, rejected ones, and what training sees."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from sfta.adapters import hub
from sfta.adapters.contract import make_contract
from sfta.core.artifact import finished
from sfta.stages.dataset_folder import Dataset
from sfta.training.preview import MaskedRow, masked_row
from sfta.training.rows import RowEncoder, read_chunks
from sfta_edge.errors import SftaError

MASKED_ROWS = 3


def choose_rows(
    dataset: Dataset, *, kind: str | None, split: str | None, rejected: str | None
) -> list[dict[str, Any]]:
    """Rows of a kind and split; with `rejected`, what was turned away for such a reason.

    An empty reason fits all.
    """
    rows: Iterable[dict[str, Any]] = dataset.every_row()
    if rejected is not None:
        rows = (r for r in dataset.rejected if rejected.casefold() in _reason(r))
    return [
        row
        for row in rows
        if kind in (None, row["kind"]) and (split is None or row.get("split") == split)
    ]


def student_of(dataset: Dataset) -> str | None:
    """The base model whose tokenizer cut the corpus the rows were made from, if it is here."""
    wanted = dataset.facts.get("inputs", {}).get("corpus")
    for artifact in finished(dataset.path.resolve().parent.parent):
        if artifact.kind == "corpus" and artifact.digest == wanted:
            base: str = artifact.manifest.facts["settings"]["model"]["base"]
            return base
    return None


def masked_rows(
    dataset: Dataset, rows: Sequence[Mapping[str, Any]], base: str, cache: Path
) -> list[MaskedRow]:
    """The first rows as training sees them, with the student's tokenizer and template.

    Raises:
        ConfigError, ToolError: there is no such model, or it has no usable tokenizer.
    """
    tokenizer = hub.load_tokenizer(hub.resolve_settings(base, cache, root=Path()))
    contract = make_contract(tokenizer, dataset.prompt)
    chunks = read_chunks(asdict(chunk) for chunk in dataset.chunks.values())
    encoder = RowEncoder(chunks, contract, hub.hf_tokenize(tokenizer))

    def decode(ids: Sequence[int]) -> str:
        text: str = tokenizer.decode(ids, skip_special_tokens=False)
        return text

    return [masked_row(row, encoder, decode) for row in islice(rows, MASKED_ROWS)]


def try_masked_rows(
    dataset: Dataset, rows: Sequence[Mapping[str, Any]], model: str | None, cache: Path
) -> tuple[list[MaskedRow], str]:
    """As `masked_rows`, for the model given or the one found; why there is none, else.

    Raises:
        SftaError: the model that was given cannot be used.
    """
    shown = {e["chunk_id"] for row in rows[:MASKED_ROWS] for e in row["context"]}
    if not rows or not shown <= set(dataset.chunks):
        return [], ""
    base = model or student_of(dataset)
    if base is None:
        return [], "name the student with --model to see which tokens carry loss"
    try:
        return masked_rows(dataset, rows, base, cache), ""
    except SftaError as error:
        if model:
            raise
        return [], f"the tokenizer of {base} is not here ({error}); name it with --model"


def _reason(row: Mapping[str, Any]) -> str:
    return str(row["rejected_because"]).casefold()
