"""Which group of chunks goes to which split, before any question is asked."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sfta.raft.config import SplitConfig
from sfta.raft.corpus import CorpusChunk, overlap, words

SPLITS = ("train", "validation", "test")
_SHINGLE = 3


def group_of(chunk: CorpusChunk, config: SplitConfig) -> str:
    """Name of the group of a chunk: what is never divided between splits."""
    if config.group_by == "document":
        return chunk.document_id
    if config.group_by == "page":
        return f"{chunk.document_id}/page {chunk.page}"
    path = chunk.headings[: config.section_level]
    return f"{chunk.document_id}/{' > '.join(path)}"


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

    for left, right in _near_pairs(chunks, config.near_duplicate):
        a, b = sorted((root(group_of(left, config)), root(group_of(right, config))))
        parent[b] = a
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


def overlap_sets(left: set[tuple[str, ...]], right: set[tuple[str, ...]]) -> float:
    """Jaccard overlap of two sets; 0 when both are empty."""
    return len(left & right) / len(left | right) if left | right else 0.0


def _shingles(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[i : i + _SHINGLE]) for i in range(len(found) - _SHINGLE + 1)}


def leakage(rows: Sequence[Mapping[str, object]], threshold: float) -> dict[str, object]:
    """How much of the held-out rows stands in train: same question, same quote.

    Returns counts, and under `share` the part of held-out rows that leaked. Refusals count
    by their question only. Distractors are not counted: the index at the device holds every
    document, and so does every context.
    """
    train = [row for row in rows if row["split"] == "train"]
    held = [row for row in rows if row["split"] != "train"]
    seen = _Questions((str(row["question"]) for row in train), threshold)
    quotes = {str(q["text"]) for row in train for q in _quotes(row)}
    counts: Counter[str] = Counter()
    for row in held:
        same_question = seen.holds(str(row["question"]))
        same_quote = any(str(q["text"]) in quotes for q in _quotes(row))
        counts["question"] += same_question
        counts["quote"] += same_quote
        counts["any"] += same_question or same_quote
    share = counts["any"] / len(held) if held else 0.0
    return {"held_out": len(held), "same_question": counts["question"],
            "same_quote": counts["quote"], "share": round(share, 4)}  # fmt: skip


class _Questions:
    """Questions as sets of words, found again without comparing all with all."""

    def __init__(self, questions: Iterable[str], threshold: float) -> None:
        self._threshold = threshold
        self._holders: dict[str, list[frozenset[str]]] = defaultdict(list)
        for found in {frozenset(words(text)) for text in questions}:
            for word in found:
                self._holders[word].append(found)

    def holds(self, question: str) -> bool:
        """Whether a question overlaps with one of these above the threshold.

        More than t of the union are in both sets, so more than t of the asked words are: of
        its ``n - floor(t n)`` rarest words, at least one is in the other set.
        """
        asked = frozenset(words(question))
        rare = sorted(asked, key=lambda word: (len(self._holders.get(word, ())), word))
        fewest = len(asked) - int(self._threshold * len(asked))
        return any(
            overlap(asked, other) > self._threshold
            for word in rare[:fewest]
            for other in self._holders.get(word, ())
        )


def _quotes(row: Mapping[str, object]) -> list[Mapping[str, object]]:
    quotes = row["quotes"]
    return quotes if isinstance(quotes, list) else []
