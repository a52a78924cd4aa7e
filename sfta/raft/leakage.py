"""How much of the held-out rows stands in train already."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sfta.raft.corpus import overlap, words

Row = Mapping[str, object]
_LEAKS = ("question", "quote")
"""What is a leak. The others are shown, and are by design where test documents are seen."""


def leakage(
    rows: Sequence[Row], threshold: float, documents: Mapping[str, str] | None = None
) -> dict[str, object]:
    """How much of the held-out rows stands in train: same question, same quote.

    Under `share` the part of held-out rows that leaked. Also counted, but no leak: the same
    oracle chunk, the same document and the same answer in train. Refusals count by their
    question only. Distractors are not counted: the index at the device holds every document,
    and so does every context. Where there are two test sets, `by_test_set` tells them apart.

    Args:
        rows: rows of all splits.
        threshold: overlap of word sets above which two questions are the same.
        documents: id of the document of each chunk; without it no document is compared.
    """
    train = [row for row in rows if row["split"] == "train"]
    held = [row for row in rows if row["split"] != "train"]
    learned = _Learned(train, threshold, documents or {})
    counts = [(row, learned.common(row)) for row in held]
    names = sorted({str(row["test_set"]) for row in held if row.get("test_set")})
    found: dict[str, object] = _summed([common for _, common in counts])
    if names:
        found["by_test_set"] = {
            name: _summed([common for row, common in counts if row.get("test_set") == name])
            for name in names
        }
    return found


def _summed(counts: Sequence[Mapping[str, bool]]) -> dict[str, object]:
    total: Counter[str] = Counter()
    for common in counts:
        total.update({name: int(common[name]) for name in common})
        total["any"] += any(common[name] for name in _LEAKS)
    return {
        "held_out": len(counts),
        **{f"same_{n}": total[n] for n in ("question", "quote", "answer", "chunk", "document")},
        "share": round(total["any"] / len(counts), 4) if counts else 0.0,
    }


class _Learned:
    """What the train rows hold."""

    def __init__(
        self, train: Sequence[Row], threshold: float, documents: Mapping[str, str]
    ) -> None:
        self._questions = _Questions((str(row["question"]) for row in train), threshold)
        self._documents = documents
        quotes = [quote for row in train for quote in _quotes(row)]
        self._quotes = {str(quote["text"]) for quote in quotes}
        self._chunks = {str(quote["chunk_id"]) for quote in quotes if "chunk_id" in quote}
        self._sources = {documents.get(chunk) for chunk in self._chunks} - {None}
        self._answers = {words(str(row.get("answer", ""))) for row in train if _quotes(row)}

    def common(self, row: Row) -> dict[str, bool]:
        """What a held-out row has in common with train."""
        quotes = _quotes(row)
        chunks = {str(quote["chunk_id"]) for quote in quotes if "chunk_id" in quote}
        return {
            "question": self._questions.holds(str(row["question"])),
            "quote": any(str(quote["text"]) in self._quotes for quote in quotes),
            "chunk": bool(chunks & self._chunks),
            "document": bool({self._documents.get(c) for c in chunks} & self._sources),
            "answer": bool(quotes) and words(str(row.get("answer", ""))) in self._answers,
        }


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
