"""Comparing one output with what is known about its question. Pure functions.

Exact match and token F1 are those of the official SQuAD 2.0 script (Rajpurkar et al., 2018), with
one addition that leaves English alone: a Chinese or Japanese character is a token of its own.
That script deletes punctuation, so to it ``7.5`` is ``75``; `contains` keeps numbers apart. It
also drops accepted answers of which nothing is left, and takes what is left without any as a
question that has no answer: the empty prediction is then the right one.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from math import log2

from sfta.evaluation.refusals import says_not_told
from sfta_edge.citation import normalise

MAX_REFUSAL_WORDS = 40
"""A longer text is an answer, whatever phrases it holds."""

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_UNSPACED_CHARACTER = re.compile(f"([{_UNSPACED}])")
_TERM = re.compile(rf"(?<!\w)-?\d+(?:[.,]\d+)*|[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")
_MINUS = str.maketrans({"\u2212": "-", "\u2010": "-", "\u2011": "-", "\u2013": "-"})


def normalise_answer(text: str) -> str:
    """The SQuAD spelling: lower case, no punctuation, no articles, single spaces."""
    bare = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", _UNSPACED_CHARACTER.sub(r" \1 ", bare)).split())


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """1.0 if the prediction is one of the answers, normalised; else 0.0."""
    return float(normalise_answer(prediction).split() in _accepted(answers))


def token_f1(prediction: str, answers: Sequence[str]) -> float:
    """Harmonic mean of token precision and recall, the best over the accepted answers."""
    predicted = normalise_answer(prediction).split()
    return max(_token_f1(predicted, accepted) for accepted in _accepted(answers))


def rouge_l(prediction: str, references: Sequence[str]) -> float:
    """ROUGE-L (Lin, 2004): the longest common subsequence of tokens, the best over references.

    Precision and recall count alike (beta = 1). Tokens are those of token F1, so that the two
    differ in one thing: here the order of the words counts.
    """
    predicted = normalise_answer(prediction).split()
    return max(_rouge_l(predicted, reference) for reference in _accepted(references))


def contains(text: str, answers: Sequence[str]) -> float:
    """1.0 if an accepted answer stands in the text, from word boundary to word boundary.

    Case, punctuation, articles and thousands separators do not count as differences; decimal
    points and signs do.
    """
    words = terms(text)
    return float(any(_holds(words, terms(answer)) for answer in answers))


def terms(text: str) -> list[str]:
    """Words and numbers of a text, as `contains` compares them."""
    folded = unicodedata.normalize("NFKC", text).translate(_MINUS).casefold()
    found = (_THOUSANDS.sub("", term) for term in _TERM.findall(folded))
    return [term for term in found if term not in ("a", "an", "the")]


def looks_like_refusal(text: str, refusal: str) -> bool:
    """Whether a text says that the documents do not hold the answer.

    The lenient rule, the same for all arms: the text has at most `MAX_REFUSAL_WORDS` words
    and holds the contract's refusal sentence, or a common phrase such as "is not mentioned",
    "the documents do not contain" or "Das weiß ich nicht", in one of `refusals.LANGUAGES`. A
    model that was never told the exact sentence still gets its refusals counted.
    """
    if len(text.split()) > MAX_REFUSAL_WORDS:
        return False
    folded = normalise(text)
    sentence = normalise(refusal).rstrip(".")
    if sentence and sentence in folded:
        return True
    return says_not_told(folded)


def recall_at(ranked: Sequence[str], oracle: Collection[str], k: int) -> float:
    """Share of the oracle chunks among the first k."""
    return len(set(ranked[:k]) & set(oracle)) / len(set(oracle))


def hit_at(ranked: Sequence[str], oracle: Collection[str], k: int) -> float:
    """1.0 if any oracle chunk is among the first k."""
    return float(not set(ranked[:k]).isdisjoint(oracle))


def reciprocal_rank(ranked: Sequence[str], oracle: Collection[str]) -> float:
    """1 / rank of the first oracle chunk; 0.0 if there is none."""
    return next((1 / rank for rank, name in enumerate(ranked, 1) if name in oracle), 0.0)


def ndcg_at(ranked: Sequence[str], oracle: Collection[str], k: int) -> float:
    """Normalised discounted cumulative gain with relevance 0 or 1 (Jarvelin, Kekalainen)."""
    gain = sum(1 / log2(rank + 1) for rank, name in enumerate(ranked[:k], 1) if name in oracle)
    best = sum(1 / log2(rank + 1) for rank in range(1, min(k, len(set(oracle))) + 1))
    return gain / best


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, in bits side by side (Hyyro, 2004)."""
    places: dict[str, int] = {}
    for place, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << place
    whole = (1 << len(one)) - 1
    row = whole
    for token in other:
        met = row & places.get(token, 0)
        row = ((row + met) | (row - met)) & whole
    return len(one) - row.bit_count()


def _accepted(answers: Sequence[str]) -> list[list[str]]:
    """Tokens of the answers that have any; if none has, the empty answer is the accepted one."""
    spelled = (normalise_answer(answer).split() for answer in answers)
    return [tokens for tokens in spelled if tokens] or [[]]


def _token_f1(predicted: Sequence[str], accepted: Sequence[str]) -> float:
    if not predicted or not accepted:
        return float(predicted == accepted)
    shared = sum((Counter(predicted) & Counter(accepted)).values())
    # The two means of the definition, without the division that rounds.
    return 2 * shared / (len(predicted) + len(accepted))


def _rouge_l(predicted: Sequence[str], reference: Sequence[str]) -> float:
    if not predicted or not reference:
        return float(predicted == reference)
    shared = common_subsequence(predicted, reference)
    return 2 * shared / (len(predicted) + len(reference))


def _holds(words: Sequence[str], part: Sequence[str]) -> bool:
    size = len(part)
    return size > 0 and any(
        list(words[at : at + size]) == list(part) for at in range(len(words) - size + 1)
    )
