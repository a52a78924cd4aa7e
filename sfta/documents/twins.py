"""Texts that say nearly the same: found by MinHash, decided by counting.

Similarity is Jaccard's: the word sequences that two texts share, over all they have. MinHash
with a fixed seed (datasketch) only proposes pairs; the sequences themselves are compared, so
an answer does not depend on luck. Source: Lee et al., "Deduplicating Training Data Makes
Language Models Better", arXiv 2107.06499.
"""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

_SEED = 7
_PERMUTATIONS = 128
_SEQUENCE = 3
_BATCH = 8192
_RECALL = 0.99
"""Least chance that a pair just similar enough is proposed and compared."""
# Scripts without spaces: each sign is a word.
_SIGNS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_SIGNS}]|[^\W_{_SIGNS}]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Twin:
    """An earlier text that says nearly the same."""

    key: str
    similarity: float
    """Share of common word sequences, 1 for the same words in the same order."""


class Twins:
    """Meets texts one after another and says which earlier one each resembles.

    With `same_numbers` two texts that differ in a number are no twins: manuals repeat a
    sentence with another value, and the value is what is asked for.
    """

    def __init__(self, similarity: float, *, same_numbers: bool, remember_twins: bool) -> None:
        self._least = similarity
        self._same_numbers = same_numbers
        self._remember_twins = remember_twins
        self._texts: list[tuple[str, _Text]] = []

    def meet(self, key: str, text: str) -> Twin | None:
        """The most similar earlier text, the first of several; None if none is near.

        The text is remembered under its key, a twin only with `remember_twins`: where twins
        are left out, none of them may stand for another one.
        """
        made = _Text.of(text)
        if not made.sequences:
            return None
        best: Twin | None = None
        for index in sorted(self._index.query(made.signature)):
            earlier, other = self._texts[index]
            if self._same_numbers and made.numbers != other.numbers:
                continue
            similarity = made.similarity(other)
            if similarity >= self._least and (best is None or similarity > best.similarity):
                best = Twin(earlier, similarity)
        if best is None or self._remember_twins:
            self._index.insert(len(self._texts), made.signature)
            self._texts.append((key, made))
        return best and replace(best, similarity=round(best.similarity, 4))

    @cached_property
    def _index(self) -> Any:
        from datasketch import MinHashLSH

        return MinHashLSH(num_perm=_PERMUTATIONS, params=_bands(self._least))


@dataclass(frozen=True)
class _Text:
    """What is kept of a text: digests of its word sequences, and its numbers."""

    sequences: frozenset[int]
    numbers: Counter[str]

    @classmethod
    def of(cls, text: str) -> "_Text":
        words = _WORD.findall(text.casefold())
        ends = range(_SEQUENCE, max(len(words), _SEQUENCE) + 1)
        found = (" ".join(words[end - _SEQUENCE : end]) for end in ends) if words else ()
        return cls(
            frozenset(_digest(sequence) for sequence in found), Counter(_NUMBER.findall(text))
        )

    def similarity(self, other: "_Text") -> float:
        shared = len(self.sequences & other.sequences)
        return shared / (len(self.sequences) + len(other.sequences) - shared)

    @cached_property
    def signature(self) -> Any:
        from datasketch import MinHash

        made = MinHash(_PERMUTATIONS, seed=_SEED, hashfunc=_low_half, scheme="affine32")
        sequences = sorted(self.sequences)
        # A batch is a matrix of this many rows in memory.
        for at in range(0, len(sequences), _BATCH):
            made.update_batch(sequences[at : at + _BATCH])
        return made


def _bands(similarity: float) -> tuple[int, int]:
    """Number of bands and rows in each: as many rows as the recall allows.

    A pair is proposed where all rows of one band agree, each with the chance `similarity`.
    """
    for rows in range(_PERMUTATIONS // 2, 1, -1):
        bands = _PERMUTATIONS // rows
        if 1 - (1 - similarity**rows) ** bands >= _RECALL:
            return bands, rows
    return _PERMUTATIONS, 1


def _digest(sequence: str) -> int:
    return int.from_bytes(hashlib.blake2b(sequence.encode(), digest_size=8).digest(), "big")


def _low_half(digest: int) -> int:
    return digest & 0xFFFFFFFF
