"""Which group of chunks goes to which split, before any question is asked."""

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from sfta.raft.corpus import CorpusChunk, words
from sfta.raft.row_config import SplitConfig
from sfta_edge.citation import normalise

SPLITS = ("train", "validation", "test")
_SHINGLE = 3
_SKETCH = 64
"""Two documents that share half of their triples have none of these in common once in 2**64."""


def group_of(chunk: CorpusChunk, config: SplitConfig) -> str:
    """Name of the group of a chunk: what is never divided between splits."""
    if config.group_by == "document":
        return chunk.document_id
    if config.group_by == "page":
        return f"{chunk.document_id}/page {chunk.page}"
    path = chunk.headings[: config.section_level]
    return f"{chunk.document_id}/{' > '.join(path)}"


@dataclass(frozen=True, slots=True)
class Seen:
    """Which quotes of the train documents are kept for the test on seen documents."""

    share: float
    seed: int

    def split(self, split: str, text: str) -> str:
        """Split of what a text decides: train becomes test for a share of all texts."""
        if split != "train" or self.share == 0.0:
            return split
        digest = hashlib.sha256(f"{self.seed}/seen/{normalise(text)}".encode()).digest()
        held = int.from_bytes(digest[:8], "big") / (1 << 64) < self.share
        return "test" if held else split


def assign_splits(
    chunks: Sequence[CorpusChunk], config: SplitConfig, seed: int
) -> dict[str, str]:
    """Split of every chunk, by id.

    Groups whose chunks nearly repeat each other are joined first. The groups are taken in
    the order of a seeded hash; each goes to the split that lacks most chunks.
    """
    joined = _join_near_duplicates(chunks, config)
    members: dict[str, list[str]] = defaultdict(list)
    for chunk in chunks:
        members[joined[group_of(chunk, config)]].append(chunk.id)
    wanted = {
        name: share * len(chunks) for name, share in zip(SPLITS, config.shares, strict=True)
    }
    result: dict[str, str] = {}
    for group in sorted(members, key=lambda name: _hash(seed, name)):
        split = max(SPLITS, key=lambda name: (wanted[name], -SPLITS.index(name)))
        wanted[split] -= len(members[group])
        result.update(dict.fromkeys(members[group], split))
    return result


def _hash(seed: int, group: str) -> str:
    return hashlib.sha256(f"{seed}/{group}".encode()).hexdigest()


def _join_near_duplicates(chunks: Sequence[CorpusChunk], config: SplitConfig) -> dict[str, str]:
    """Representative of every group after joining those with nearly equal chunks."""
    parent = {group_of(chunk, config): group_of(chunk, config) for chunk in chunks}

    def root(group: str) -> str:
        while parent[group] != group:
            group = parent[group]
        return group

    def join(left: CorpusChunk, right: CorpusChunk) -> None:
        a, b = sorted((root(group_of(left, config)), root(group_of(right, config))))
        parent[b] = a

    for left, right in _near_pairs(chunks, config.near_duplicate):
        join(left, right)
    for family in document_families(chunks, config.similar_documents):
        for chunk in family:
            join(family[0], chunk)
    return {group: root(group) for group in parent}


def _near_pairs(
    chunks: Sequence[CorpusChunk], threshold: float
) -> Iterable[tuple[CorpusChunk, CorpusChunk]]:
    """Pairs of chunks whose sets of word triples overlap above the threshold.

    Only chunks that share a rare triple are compared, so the cost stays near linear.
    """
    shingles = {chunk.id: _shingles(chunk.text) for chunk in chunks}
    holders: dict[tuple[str, ...], list[CorpusChunk]] = defaultdict(list)
    for chunk in chunks:
        for shingle in sorted(shingles[chunk.id])[:: max(1, len(shingles[chunk.id]) // 8)]:
            holders[shingle].append(chunk)
    compared: set[tuple[str, str]] = set()
    for group in holders.values():
        for index, left in enumerate(group[:50]):
            for right in group[index + 1 : 50]:
                pair = (min(left.id, right.id), max(left.id, right.id))
                if left.id != right.id and pair not in compared:
                    compared.add(pair)
                    if overlap_sets(shingles[left.id], shingles[right.id]) > threshold:
                        yield left, right


def document_families(
    chunks: Sequence[CorpusChunk], threshold: float
) -> list[list[CorpusChunk]]:
    """Chunks of documents that say much the same, such as two editions of one manual.

    Each document is first described by the smallest hashes of its word triples; only those
    that share one are compared, by the overlap of all triples.
    """
    if threshold >= 1.0:
        return []
    triples: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    members: dict[str, list[CorpusChunk]] = defaultdict(list)
    for chunk in chunks:
        triples[chunk.document_id] |= _shingles(chunk.text)
        members[chunk.document_id].append(chunk)
    holders: dict[str, list[str]] = defaultdict(list)
    for document, own in triples.items():
        for digest in heapq.nsmallest(_SKETCH, (_hash(0, " ".join(t)) for t in own)):
            holders[digest].append(document)
    pairs = {pair for same in holders.values() for pair in combinations(sorted(same), 2)}
    near = [
        (a, b) for a, b in sorted(pairs) if overlap_sets(triples[a], triples[b]) > threshold
    ]
    return [[*members[a], *members[b]] for a, b in near]


def overlap_sets(left: set[tuple[str, ...]], right: set[tuple[str, ...]]) -> float:
    """Jaccard overlap of two sets; 0 when both are empty."""
    return len(left & right) / len(left | right) if left | right else 0.0


def _shingles(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[i : i + _SHINGLE]) for i in range(len(found) - _SHINGLE + 1)}
