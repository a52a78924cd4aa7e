"""What ingest does to a document that was read: redaction, flags, language, twins.

The order matters: personal data goes first, so that nothing written later can hold it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sfta.adapters import presidio
from sfta.core.stage import Metrics
from sfta.documents.config import IngestConfig
from sfta.documents.document import Flag, Page, Parsed, UnreadableError
from sfta.documents.edits import edited, left_out, raw_offset
from sfta.documents.instructions import instructions
from sfta.documents.language import UNDETERMINED, language_of
from sfta.documents.ocr.setting import LOW_CONFIDENCE
from sfta.documents.particulars import Particulars
from sfta.documents.personal import (
    Find,
    Finding,
    find_personal,
    redacted_text,
    redactions,
    with_clean_headers,
)
from sfta.documents.twins import Twins

_PASSAGE_CHARACTERS = 1000
Row = dict[str, Any]


class Review:
    """Reviews the documents of one run, in their order."""

    def __init__(self, config: IngestConfig) -> None:
        self._config = config
        self._find = _finder(config)
        self._twins = _twins(config)
        self.flags: list[Row] = []
        """Rows of flags.jsonl."""
        self.duplicates: list[Row] = []
        """Rows of duplicates.jsonl."""
        self._redacted: Counter[str] = Counter()
        self._flagged: Counter[str] = Counter()
        self._languages: Counter[str] = Counter()

    def document(self, name: str, identifier: str, read: Parsed, said: Particulars) -> Parsed:
        """The document as it may be used.

        Raises:
            UnreadableError: another language, a twin of one before, or nothing left of it.
        """
        counts: Counter[str] = Counter()
        rows: list[Row] = []
        owner = {"document_id": identifier, "name": name}
        pages = tuple(self._page(page, counts, rows, owner) for page in read.pages)
        if not any(page.text.strip() for page in pages):
            reason = "all of its text commands a model; see ingest.instructions"
            raise UnreadableError("no_text", reason)
        title = redacted_text(read.title, self._find, counts) if self._find else read.title
        language = said.language or language_of(page.text for page in pages)
        self._check_language(language)
        self._meet(owner, "\n".join(page.text for page in pages))
        self._redacted.update(counts)
        self._flagged.update(row["reason"] for row in rows)
        self._languages[language] += 1
        self.flags.extend(rows)
        return replace(read, title=said.title or title, pages=pages, language=language)

    def metrics(self) -> Metrics:
        """What was found, by kind."""
        return {
            "languages": dict(sorted(self._languages.items())),
            "near_duplicates": len(self.duplicates),
            "redacted": dict(sorted(self._redacted.items())),
            "flagged": dict(sorted(self._flagged.items())),
        }

    def _page(self, read: Page, counts: Counter[str], rows: list[Row], owner: Row) -> Page:
        edits = []
        if self._find:
            read = with_clean_headers(read, self._find, counts)
            edits = redactions(read, self._find)
            counts.update(edit.kind for edit in edits)
        page = edited(read, edits)
        if self._config.instructions == "keep":
            unsure = tuple(flag for flag in page.flags if flag.reason == LOW_CONFIDENCE)
            rows += [self._row(page, flag, owner) for flag in unsure]
            return replace(page, flags=unsure)
        dropping = self._config.instructions == "drop"
        found = instructions(page.text)
        rows += [self._row(page, flag, owner) for flag in (*page.flags, *found)]
        if not (dropping and found):
            return replace(page, flags=(*page.flags, *found))
        changes = page.changes
        gone = [
            (raw_offset(changes, start), raw_offset(changes, end, end=True))
            for start, end in (_passage(page, flag) for flag in found)
        ]
        drops = list(left_out(read.text, gone))
        kept = [e for e in edits if all(e.end <= d.start or d.end <= e.start for d in drops)]
        return edited(read, [*kept, *drops])

    def _row(self, page: Page, flag: Flag, owner: Row) -> Row:
        start, end = _passage(page, flag)
        dropped = self._config.instructions == "drop" and flag.end > 0
        # What is left out of the document is kept here as a whole.
        text = page.text[start : end if dropped else start + _PASSAGE_CHARACTERS]
        return {
            **owner,
            "page": page.number,
            "reason": flag.reason,
            "start": flag.start,
            "end": flag.end,
            "text": text if flag.end else "",
            "dropped": dropped,
        }

    def _check_language(self, language: str) -> None:
        wanted = self._config.languages
        if wanted and language not in (*wanted, UNDETERMINED):
            reason = f"it is written in {language}, not in one of ingest.languages"
            raise UnreadableError("language", reason)

    def _meet(self, owner: Row, text: str) -> None:
        twin = self._twins.meet(owner["name"], text) if self._twins else None
        if twin is None:
            return
        dropped = self._config.duplicates == "drop"
        self.duplicates.append(
            {**owner, "twin": twin.key, "similarity": twin.similarity, "dropped": dropped}
        )
        if dropped:
            share = f"{100 * twin.similarity:.0f} % of its wording"
            raise UnreadableError("near_duplicate", f"it shares {share} with {twin.key}")


def _passage(page: Page, flag: Flag) -> tuple[int, int]:
    """The blocks that a flag touches, or its lines where there is no block."""
    touched = [b for b in page.blocks if b.start < flag.end and flag.start < b.end]
    if touched:
        return min(b.start for b in touched), max(b.end for b in touched)
    end = page.text.find("\n", flag.end)
    return page.text.rfind("\n", 0, flag.start) + 1, len(page.text) if end < 0 else end


def _twins(config: IngestConfig) -> Twins | None:
    if config.duplicates == "keep":
        return None
    return Twins(
        config.duplicate_similarity,
        same_numbers=False,
        remember_twins=config.duplicates == "report",
    )


def _finder(config: IngestConfig) -> Find | None:
    if config.redaction == "off":
        return None
    if config.redaction == "regex":
        return find_personal
    return _both(find_personal, presidio.finder(config.presidio_model))


def _both(first: Find, second: Find) -> Callable[[str], list[Finding]]:
    """What the first finds, and of the second what overlaps none of it."""

    def find(text: str) -> list[Finding]:
        found = list(first(text))
        for start, end, kind in second(text):
            if all(end <= other[0] or other[1] <= start for other in found):
                found.append((start, end, kind))
        return sorted(found)

    return find
