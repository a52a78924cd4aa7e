"""PubMedQA (Jin et al., 2019), the labelled set ``ori_pqal.json``.

``{PMID: {"QUESTION", "CONTEXTS": [..], "LABELS": [..], "LONG_ANSWER", "final_decision"}}``. The
answer is yes, no or maybe; the conclusion of the abstract is the long one.
"""

from collections.abc import Iterator

from sfta.evaluation.importing.files import Entry
from sfta.evaluation.importing.imported import (
    Imported,
    LeftOutError,
    Notes,
    Passage,
    UnusableError,
    optional_text,
    text_of,
    texts_of,
)

SIGNS = ("QUESTION", "CONTEXTS")
_DECISIONS = ("yes", "no", "maybe")


def pubmedqa(entry: Entry, _notes: Notes) -> Iterator[Imported]:
    """The question of an abstract, with the abstract as its passage."""
    record = entry.value
    decision = optional_text(record, "final_decision").casefold()
    if not decision:
        raise LeftOutError("no decision is given")
    if decision not in _DECISIONS:
        raise UnusableError(f"'final_decision' must be one of {', '.join(_DECISIONS)}")
    parts = texts_of(record, "CONTEXTS")
    labels = texts_of(record, "LABELS") if record.get("LABELS") else []
    if not parts:
        raise UnusableError("'CONTEXTS' holds no text")
    if len(labels) == len(parts):
        parts = [f"{label}: {part}" for label, part in zip(labels, parts, strict=True)]
    name = entry.key or text_of(record, "PMID")
    passage = Passage(f"PubMed {name}", "\n".join(parts))
    yield Imported(
        id=name,
        question=text_of(record, "QUESTION"),
        answers=(decision,),
        passages=(passage,),
        oracles=(passage,),
        reference=optional_text(record, "LONG_ANSWER"),
    )
