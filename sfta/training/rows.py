"""RAFT rows as token ids, segment by segment from the prompt contract."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.prompt import PromptContract, Tokenize


@dataclass(frozen=True, slots=True)
class ContextChunk:
    """The part of a chunk that a prompt shows."""

    title: str
    page: int
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """One row as the model sees it: ``context + question -> completion``."""

    id: str
    context: tuple[int, ...]
    """Prefix and chunks. Rows with the same chunks in the same order share it; of rows
    without documents it is the prefix alone."""
    question: tuple[int, ...]
    """Question and the opening of the model's turn."""
    completion: tuple[int, ...]
    """What the model must produce, its end of turn included."""
    refusal: bool
    chunks: int = 1
    """Documents in the context; none: the row trains closed book."""

    @property
    def length(self) -> int:
        """Tokens of prompt and completion."""
        return len(self.context) + len(self.question) + len(self.completion)


def read_chunks(records: Iterable[Mapping[str, Any]]) -> dict[str, ContextChunk]:
    """Chunks by id."""
    return {
        r["id"]: ContextChunk(r["title"], int(r["page"]), r["heading"], r["text"])
        for r in records
    }


class RowEncoder:
    """Encodes rows; a chunk's text is tokenized once per position it stands at."""

    def __init__(
        self, chunks: Mapping[str, ContextChunk], contract: PromptContract, tokenize: Tokenize
    ) -> None:
        self._chunks = chunks
        self._contract = contract
        self._cache: dict[tuple[str, bool], list[int]] = {}
        self._tokenize = tokenize

    def encode(self, row: Mapping[str, Any]) -> EncodedRow:
        """Token ids of one row.

        Raises:
            IntegrityError: the row names a chunk that the dataset does not hold.
        """
        try:
            context = [self._chunks[entry["chunk_id"]] for entry in row["context"]]
        except KeyError as error:
            raise IntegrityError(f"row {row['id']} names an unknown chunk {error}") from error
        segments = self._contract.prompt_ids(context, row["question"], self._ids)
        return EncodedRow(
            id=row["id"],
            context=tuple(token for segment in segments[:-1] for token in segment),
            question=tuple(segments[-1]),
            completion=tuple(self._contract.completion_ids(row["completion"], self._ids)),
            refusal=row["completion"] == self._contract.refusal,
            chunks=len(context),
        )

    def _ids(self, text: str, special: bool) -> list[int]:  # noqa: FBT001 as `Tokenize` is
        key = (text, special)
        if key not in self._cache:
            self._cache[key] = self._tokenize(text, special)
        return self._cache[key]


def within_length(
    rows: Sequence[EncodedRow], *, context_tokens: int, too_long_share: float
) -> tuple[list[EncodedRow], list[EncodedRow]]:
    """Rows that fit, and rows that do not: nothing is cut.

    Raises:
        ConfigError: there is no row, none is left, or more than the share are too long.
    """
    if not rows:
        raise ConfigError(
            "a split that training needs holds no row",
            hint="Raise generate.max_rows, or the shares of generate.split; for rows from a file"
            " add rows, or change dataset.shares.",
        )
    fit = [row for row in rows if row.length <= context_tokens]
    long = [row for row in rows if row.length > context_tokens]
    if not fit or len(long) > too_long_share * len(rows):
        longest = max(row.length for row in rows)
        raise ConfigError(
            f"{len(long)} of {len(rows)} rows are longer than train.context_tokens ="
            f" {context_tokens}; the longest has {longest} tokens",
            hint="Raise train.context_tokens, or lower retrieval.top_k or chunk.max_tokens.",
        )
    return fit, long
