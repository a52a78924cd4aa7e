"""Words weighed over all files that are searched, for a file too small to weigh them itself.

bm25 of SQLite's FTS5 weighs a word that stands in n of N chunks with ln((N - n + 0.5) / (n + 0.5)),
and with next to nothing where that is not above 0. In a file of one or two chunks no word weighs
anything: the first document that a person adds would be found by its vector alone. A chunk's bm25
is a sum over the words, so each word's part can be given the weight that it has in all files.
"""

import math
from collections.abc import Sequence

from sfta_edge.permitted import Permitted
from sfta_edge.searched_file import SearchedFile

FEW = 1000
"""Chunks up to which a file's words are weighed over all files; each word costs a search."""
_LEAST = 1e-6  # FTS5's own


def by_words_of_all(
    files: Sequence[SearchedFile],
    number: int,
    phrases: Sequence[str],
    count: int,
    allowed: Permitted,
) -> list[tuple[int, float]]:
    """Numbers and bm25 of the best chunks of one file, best first; larger is better.

    Args:
        files: all that are searched.
        number: place of the file among them.
        phrases: the words, each an expression of its own.
        count: how many chunks at most.
        allowed: what of the file may be found.
    """
    file, scores = files[number], dict[int, float]()
    total = sum(each.chunks for each in files)
    for phrase in phrases:
        own = file.holding(phrase)
        if not own:
            continue
        everywhere = sum(each.holding(phrase) for each in files)
        share = _weight(total, everywhere) / _weight(file.chunks, own)
        for found, score in file.by_words(phrase, own, allowed):
            scores[found] = scores.get(found, 0.0) + score * share
    order = sorted(scores, key=lambda found: (-scores[found], found))
    return [(found, scores[found]) for found in order[:count]]


def _weight(chunks: int, holding: int) -> float:
    ratio = (chunks - holding + 0.5) / (holding + 0.5)
    return max(_LEAST, math.log(ratio)) if ratio > 0 else _LEAST
