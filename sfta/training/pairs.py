"""Pairs of a better and a worse answer to one prompt, made from RAFT rows alone.

The better answer is the row's own. The worse one is what a small model does wrong: it refuses
although the answer is there, or it answers with a sentence that does not hold the answer.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta_edge.prompt import PromptContract
from sfta_edge.sentences import sentences

Row = Mapping[str, Any]
OVER_REFUSAL, UNGROUNDED = "over_refusal", "ungrounded"


@dataclass(frozen=True, slots=True)
class Pair:
    """A row and the answer that it should not get."""

    row: Row
    worse: str
    kind: str
    """`over_refusal` or `ungrounded`."""


class PairMaker:
    """Makes the worse answer of each row; the same one whenever it is asked."""

    def __init__(
        self,
        rows: Sequence[Row],
        texts: Mapping[str, str],
        contract: PromptContract,
        *,
        over_refusals: float,
        seed: int,
    ) -> None:
        """Know what is asked about each chunk.

        Args:
            rows: all rows that answers may be taken from.
            texts: text of each chunk.
            contract: how answers are spelled.
            over_refusals: share of the answered rows whose worse answer is the refusal.
            seed: with a row's id decides every draw.
        """
        self._texts, self._contract = texts, contract
        self._share, self._seed = over_refusals, seed
        self._said: dict[str, list[tuple[str, str]]] = {}
        for row in sorted(rows, key=lambda row: str(row["id"])):
            for quote in row["quotes"]:
                said = (str(quote["text"]), str(row["answer"]))
                self._said.setdefault(str(quote["chunk_id"]), []).append(said)

    def pair(self, row: Row) -> Pair | None:
        """The row with its worse answer; None if no shown chunk gives one."""
        refuses = row["completion"] == self._contract.refusal
        if not refuses and self._draw(row, "kind") < self._share:
            return Pair(row, self._contract.refusal, OVER_REFUSAL)
        worse = self._ungrounded(row)
        return None if worse is None else Pair(row, worse, UNGROUNDED)

    def _ungrounded(self, row: Row) -> str | None:
        """An answer in its form that quotes a chunk without the answer."""
        quoted = {str(quote["chunk_id"]) for quote in row["quotes"]}
        shown = [
            (number, str(entry["chunk_id"]))
            for number, entry in enumerate(row["context"], 1)
            if str(entry["chunk_id"]) not in quoted
        ]
        for number, chunk in self._turned(row, shown):
            said = self._said.get(chunk) or self._sentences(chunk, str(row["answer"]))
            said = [(quote, answer) for quote, answer in said if answer != row["answer"]] or [
                (quote, str(row["answer"])) for quote, _ in said
            ]
            if said and self._contract.refusal not in said[0]:
                quote, answer = said[int(self._draw(row, "quote") * len(said))]
                return self._contract.completion([(number, quote)], answer)
        return None

    def _sentences(self, chunk: str, answer: str) -> list[tuple[str, str]]:
        """Sentences of a chunk that nobody asks about, with an answer that is none of theirs."""
        text = self._texts[chunk]
        found = (" ".join(text[start:end].split()) for start, end in sentences(text))
        return [(sentence, answer) for sentence in found if len(sentence.split()) > 2]

    def _turned(self, row: Row, shown: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """All of them, beginning with one that is drawn."""
        first = int(self._draw(row, "chunk") * len(shown)) if shown else 0
        return [*shown[first:], *shown[:first]]

    def _draw(self, row: Row, what: str) -> float:
        """From 0 to below 1."""
        digest = hashlib.sha256(f"{self._seed}/{what}/{row['id']}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / (1 << 48)
