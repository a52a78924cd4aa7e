"""Questions that people have written about the documents, found again in their chunks. Pure.

People say what is asked and answered, and at best on which page; a row needs the chunk and the
sentence. A question with quotes goes to the chunk that holds them, one without to the sentence
that holds an accepted answer and most words of the question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta.core.records import FileRecord, is_list, is_page, is_text, misspelled
from sfta.raft.candidate import Candidate, Rejected, Support
from sfta.raft.corpus import CorpusChunk, key_terms, spelling
from sfta_edge.citation import find_quote
from sfta_edge.sentences import sentences

NAME, KIND, UNANSWERABLE = "written", "written", "written_unanswerable"
NO_QUOTE, NO_ANSWER = "no chunk holds the quote", "no sentence holds the answer"
NO_PAGE = "no such page"
_KEYS = ("question", "answers", "answer", "answerable", "quotes", "oracle_pages", "kind")
_TERMS_NEEDED = 0.5


@dataclass(frozen=True, slots=True)
class WrittenQuestion:
    """One record of the file."""

    question: str
    answers: tuple[str, ...]
    """Accepted answers, the first one is taught if its quote holds it; empty: unanswerable."""
    quotes: tuple[str, ...] = ()
    pages: tuple[tuple[str, int], ...] = ()
    """File name and page of where the answer stands; of an unanswerable question, what it is
    about. Empty: anywhere."""
    kind: str = ""

    @property
    def shown_kind(self) -> str:
        """Its own kind, or that it was written."""
        return self.kind or (KIND if self.answers else UNANSWERABLE)


def read_written(records: Sequence[FileRecord]) -> tuple[list[WrittenQuestion], list[str]]:
    """The questions of a file, and what is wrong with its records."""
    found: list[WrittenQuestion] = []
    problems: list[str] = []
    for record in records:
        said = [record.problem] if record.problem else _problems(record.value)
        problems += [f"record {record.number}: {problem}" for problem in said]
        if not said:
            found.append(_question(record.value))
    if not records:
        problems.append("it holds no question")
    return found, problems


def written_candidates(
    questions: Sequence[WrittenQuestion],
    chunks: Sequence[CorpusChunk],
    names: Mapping[str, str],
) -> tuple[list[Candidate], list[Rejected]]:
    """Candidates with their quotes, and questions whose place is not found.

    Args:
        questions: what people have written.
        chunks: the corpus.
        names: file name of each document, by its id.
    """
    places = _Places(chunks, names)
    kept: list[Candidate] = []
    lost: list[Rejected] = []
    for question in questions:
        made = places.candidate(question)
        if isinstance(made, Candidate):
            kept.append(made)
        else:
            lost.append(Rejected(_unplaced(question, chunks[0].id), made))
    return kept, lost


class _Places:
    """Where in the corpus a question belongs."""

    def __init__(self, chunks: Sequence[CorpusChunk], names: Mapping[str, str]) -> None:
        self._all = list(chunks)
        self._on_page: dict[tuple[str, int], list[CorpusChunk]] = {}
        for chunk in chunks:
            place = (names.get(chunk.document_id, ""), chunk.page)
            self._on_page.setdefault(place, []).append(chunk)
        self._terms = {c.id: frozenset(key_terms(f"{c.heading} {c.text}")) for c in chunks}

    def candidate(self, question: WrittenQuestion) -> Candidate | str:
        """The question with its chunk and quotes, or why there is none."""
        where = self._all
        if question.pages:
            where = [c for page in question.pages for c in self._on_page.get(page, [])]
            if not where:
                return NO_PAGE
        if not question.answers:
            return self._unanswerable(question, where)
        if question.quotes:
            return self._quoted(question, where)
        return self._answered(question, where)

    def _unanswerable(
        self, question: WrittenQuestion, where: Sequence[CorpusChunk]
    ) -> Candidate:
        """The chunk that speaks most of it: where a reader would look."""
        nearest = max(where, key=lambda chunk: self._shared(question, chunk))
        return Candidate(question.question, question.shown_kind, nearest.id, teacher=NAME)

    def _quoted(
        self, question: WrittenQuestion, where: Sequence[CorpusChunk]
    ) -> Candidate | str:
        supports = []
        for quote in question.quotes:
            holder = next((c for c in where if _holds(c.text, quote)), None)
            if holder is None:
                return NO_QUOTE
            supports.append(Support(holder.id, quote, quote))
        answer = next(
            (a for a in question.answers if any(_holds(q, a) for q in question.quotes)), None
        )
        return _candidate(question, answer or question.answers[0], supports)

    def _answered(
        self, question: WrittenQuestion, where: Sequence[CorpusChunk]
    ) -> Candidate | str:
        """The sentence with an answer and the most words of the question."""
        best: tuple[float, float, CorpusChunk, str, str] | None = None
        for chunk in where:
            answers = [a for a in question.answers if _may_hold(chunk.text, a)]
            shared = self._shared(question, chunk)
            if not answers or (not question.pages and shared < _TERMS_NEEDED):
                continue
            for start, end in sentences(chunk.text):
                sentence = chunk.text[start:end]
                answer = next((a for a in answers if find_quote(a, sentence)), None)
                said = _share(question.question, frozenset(key_terms(sentence)))
                if answer is not None and (best is None or (said, shared) > best[:2]):
                    best = (said, shared, chunk, sentence, answer)
        if best is None:
            return NO_ANSWER
        _, _, chunk, sentence, answer = best
        quote = " ".join(sentence.split())
        return _candidate(question, answer, [Support(chunk.id, quote, answer)])

    def _shared(self, question: WrittenQuestion, chunk: CorpusChunk) -> float:
        return _share(question.question, self._terms[chunk.id])


def _candidate(
    question: WrittenQuestion, answer: str, supports: Sequence[Support]
) -> Candidate:
    first, *more = supports
    spoken = _holds(first.quote, answer)
    return Candidate(
        question=question.question,
        kind=question.shown_kind,
        chunk_id=first.chunk_id,
        quote=first.quote,
        answer=answer,
        fact=first.quote,
        teacher=NAME,
        # An answer in words of its own was checked by who wrote it.
        form="span" if spoken and not more else "free",
        evidence="" if spoken else first.quote,
        more=tuple(more),
        paraphrases=tuple(other for other in question.answers if other != answer),
    )


def _unplaced(question: WrittenQuestion, chunk_id: str) -> Candidate:
    answer = question.answers[0] if question.answers else ""
    quote = question.quotes[0] if question.quotes else ""
    return Candidate(
        question.question, question.shown_kind, chunk_id, quote, answer, teacher=NAME
    )


def _share(question: str, terms: frozenset[str]) -> float:
    asked = frozenset(key_terms(question))
    return len(asked & terms) / len(asked) if asked else 0.0


def _may_hold(text: str, part: str) -> bool:
    return spelling(part).strip(" .,;:") in spelling(text)


def _holds(text: str, part: str) -> bool:
    return _may_hold(text, part) and find_quote(part, text) is not None


def _problems(record: Any) -> list[str]:
    if not isinstance(record, dict):
        return ["is not an object"]
    found = misspelled(record, _KEYS)
    if not is_text(record.get("question")):
        found.append("'question' must be a text that is not empty")
    if not is_list(_answers(record), is_text):
        found.append("'answers' must be a list of texts that are not empty")
    if not is_list(record.get("quotes") or [], is_text):
        found.append("'quotes' must be a list of texts that are not empty")
    if not isinstance(record.get("kind") or "", str):
        found.append("'kind' must be a text")
    if not is_list(record.get("oracle_pages") or [], is_page):
        found.append("'oracle_pages' must be a list of {document, page}")
    said = record.get("answerable")
    if said is not None and said is not bool(_answers(record)):
        found.append("'answerable' does not agree with 'answers'")
    if said is None and "answers" not in record and not record.get("answer"):
        found.append("'answers' is missing; an unanswerable question has answerable: false")
    return found


def _question(record: Mapping[str, Any]) -> WrittenQuestion:
    return WrittenQuestion(
        " ".join(record["question"].split()),
        tuple(" ".join(answer.split()) for answer in _answers(record)),
        tuple(record.get("quotes") or ()),
        tuple((p["document"], p["page"]) for p in record.get("oracle_pages") or ()),
        record.get("kind") or "",
    )


def _answers(record: Mapping[str, Any]) -> Any:
    """A list, or one answer of a table's column."""
    if record.get("answers") is not None:
        return record["answers"]
    return [record["answer"]] if record.get("answer") else []
