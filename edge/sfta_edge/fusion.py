"""Two lists of candidates become one: by score, see docs/decisions/0009.

A candidate's score is the mean of two numbers from 0 to 1: its bm25 as a share of the best bm25,
and its cosine. (A convex combination; Bruch, Gai and Ingber, TOIS 2023, found it better than
fusion by rank, and so did we.)

Over several files the share is of the best bm25 of all. A word's weight comes from its own file
if that is a large one (`word_weights` has the reason why not from a small one),
so a bm25 of 7 does not mean quite the same in a large and in a small one; but both grow with the
rarity of a word in a file on the same subjects, and to divide by each file's own best would put
the best of a file that hardly fits beside the best of one that fits well.
"""

from collections.abc import Mapping

Place = tuple[int, int]
"""Of a chunk: the file, and the number in the file. Equal scores are ordered by it."""

_WORDS = 0.5  # share of the words in a score; equal parts, not tuned on anyone's questions


def fused(words: Mapping[Place, float], cosines: Mapping[Place, float]) -> dict[Place, float]:
    """Score of every candidate, the best first.

    Args:
        words: bm25 of the candidates that the words have found; larger is better.
        cosines: of all candidates whose vector can be compared with the question's; empty if
            only words count. A candidate that has none counts as the mean of those that have.
    """
    best = max(words.values(), default=0.0) or 1.0
    scores = {place: words.get(place, 0.0) / best for place in {*words, *cosines}}
    if cosines:
        near = {place: min(1.0, max(0.0, cosine)) for place, cosine in cosines.items()}
        mean = sum(near[place] for place in sorted(near)) / len(near)
        for place, share in scores.items():
            scores[place] = _WORDS * share + (1 - _WORDS) * near.get(place, mean)
    order = sorted(scores, key=lambda place: (-scores[place], place))
    return {place: scores[place] for place in order}
