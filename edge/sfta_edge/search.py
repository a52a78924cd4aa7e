"""One question against all files: candidates by words and by vector, and their fused order."""

from collections.abc import Mapping, Sequence

from sfta_edge.caller import View
from sfta_edge.found import Hit
from sfta_edge.fusion import Place, fused
from sfta_edge.knowledge_format import Vectors
from sfta_edge.query import match_expression, phrases
from sfta_edge.searched_file import SearchedFile
from sfta_edge.word_weights import FEW, by_words_of_all


class Search:
    """One question against the files, all in one state."""

    def __init__(
        self,
        files: Sequence[SearchedFile],
        view: View,
        count: int,
        vectors: Mapping[str, Vectors],
    ) -> None:
        """Prepare.

        Args:
            files: in their state.
            view: what may be found.
            count: candidates that each of the two searches hands over.
            vectors: of the question, by the SHA-256 of the embedder. A file of an embedder
                that is not among them is searched by words only.
        """
        self._files, self._count = files, count
        self._allowed = [file.permitted(view) for file in files]
        self._vectors = [vectors.get(file.embedder["sha256"]) for file in files]

    def hits(self, question: str, wanted: int) -> list[Hit]:
        """The best chunks; one that stands in two files counts in the first."""
        words, near = self._by_words(question), self._by_vector()
        cosines = self._cosines({*words, *near})
        text_ranks = {place: rank for rank, place in enumerate(words, 1)}
        vector_ranks = {place: rank for rank, place in enumerate(near, 1)}
        hits: dict[str, Hit] = {}
        for place, score in fused(words, cosines).items():
            if len(hits) == wanted:
                break
            chunk = self._files[place[0]].numbered(place[1])
            hit = Hit(
                chunk,
                score,
                len(hits) + 1,
                text_ranks.get(place),
                vector_ranks.get(place),
                cosines.get(place),
            )
            hits.setdefault(chunk.id, hit)
        return list(hits.values())

    def _by_words(self, question: str) -> dict[Place, float]:
        """bm25 of the best chunks, best first; larger is better."""
        expression = match_expression(question)
        if expression is None:
            return {}
        return self._best(
            {
                (number, found): score
                for number in range(len(self._files))
                for found, score in self._in_file(number, question, expression)
            }
        )

    def _in_file(self, number: int, question: str, expression: str) -> list[tuple[int, float]]:
        file, allowed = self._files[number], self._allowed[number]
        if len(self._files) > 1 and file.chunks <= FEW:
            return by_words_of_all(self._files, number, phrases(question), self._count, allowed)
        return file.by_words(expression, self._count, allowed)

    def _by_vector(self) -> dict[Place, float]:
        """Cosines of the nearest chunks, nearest first."""
        return self._best(
            {
                (number, found): cosine
                for number, (file, vector) in enumerate(
                    zip(self._files, self._vectors, strict=True)
                )
                if vector is not None
                for found, cosine in file.by_vector(vector, self._count, self._allowed[number])
            }
        )

    def _best(self, scores: dict[Place, float]) -> dict[Place, float]:
        order = sorted(scores, key=lambda place: (-scores[place], place))
        return {place: scores[place] for place in order[: self._count]}

    def _cosines(self, places: set[Place]) -> dict[Place, float]:
        """Of all candidates, also those that only the words have found."""
        found: dict[Place, float] = {}
        for number, (file, vector) in enumerate(zip(self._files, self._vectors, strict=True)):
            if vector is not None:
                numbers = sorted(at for where, at in places if where == number)
                for at, cosine in file.cosines(numbers, vector).items():
                    found[number, at] = cosine
        return found
