"""Question sets as documents and questions that the recipe beside this file reads.

    python configs/reading/prepare.py OUT SET [SET ...] [--hold-out SET:COUNT]

A SET is a folder with ``corpus.jsonl`` (``id``, ``title``, ``text``) and ``questions.jsonl``
(``question``, ``answers``, ``oracle_ids``, ``near_ids``). OUT gets ``documents/*.md`` and
``questions.jsonl``. Questions that are held out go to ``held_out/SET/`` with the whole corpus, as
documents and as a benchmark file; neither they nor the passages they are about are in the rest.
"""

import argparse
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

PASSAGES_PER_FILE = 40
Record = Mapping[str, Any]


def read(path: Path) -> list[dict[str, Any]]:
    """Records of a file of JSON lines."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def write(path: Path, records: Sequence[Record]) -> None:
    """Records as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(record, sort_keys=True) + "\n" for record in records)
    path.write_text(text, "utf-8")


def write_passages(folder: Path, name: str, passages: Sequence[Record]) -> dict[str, str]:
    """Passages as sections of Markdown files, those of an article together; file name by id."""
    folder.mkdir(parents=True, exist_ok=True)
    places: dict[str, str] = {}
    ordered = sorted(passages, key=lambda passage: (passage["title"], passage["id"]))
    for start in range(0, len(ordered), PASSAGES_PER_FILE):
        part = ordered[start : start + PASSAGES_PER_FILE]
        file = f"{name}-{start // PASSAGES_PER_FILE:03d}.md"
        sections = [f"# {p['title']}\n\n{' '.join(p['text'].split())}\n" for p in part]
        (folder / file).write_text("\n".join(sections), "utf-8")
        places |= {passage["id"]: file for passage in part}
    return places


def about(question: Record) -> list[str]:
    """Passages that a question was asked about."""
    return [*question["oracle_ids"], *question.get("near_ids", ())]


def pages(question: Record, places: Mapping[str, str]) -> list[dict[str, Any]]:
    """Where its answer stands, as a benchmark file says it."""
    files = dict.fromkeys(places[name] for name in about(question))
    return [{"document": file, "page": 1} for file in files]


def held(questions: Sequence[Record], count: int) -> list[Record]:
    """So many questions, drawn by the digest of their id."""
    ranked = sorted(questions, key=lambda q: hashlib.sha256(q["id"].encode()).digest())
    return ranked[:count]


def written(question: Record, places: Mapping[str, str]) -> dict[str, Any]:
    """A question to learn from."""
    found = {"question": question["question"], "answers": question["answers"]}
    if not question["answers"]:
        found["answerable"] = False
    return {**found, "oracle_pages": pages(question, places)}


def asked(question: Record, places: Mapping[str, str]) -> dict[str, Any]:
    """A question to be measured by."""
    answerable = bool(question["answers"])
    found = {name: question[name] for name in ("id", "question", "answers")}
    found["answerable"] = answerable
    return found | ({"oracle_pages": pages(question, places)} if answerable else {})


def prepare(out: Path, folder: Path, count: int) -> tuple[list[dict[str, Any]], int]:
    """Write the documents of one set; its questions to learn from, and how many are held out."""
    corpus, questions = read(folder / "corpus.jsonl"), read(folder / "questions.jsonl")
    kept_back = held(questions, count)
    hidden: Collection[str] = {name for question in kept_back for name in about(question)}
    if kept_back:
        beside = out / "held_out" / folder.name
        everywhere = write_passages(beside / "documents", folder.name, corpus)
        write(beside / "questions.jsonl", [asked(q, everywhere) for q in kept_back])
    shown = [passage for passage in corpus if passage["id"] not in hidden]
    places = write_passages(out / "documents", folder.name, shown)
    left = [q for q in questions if not hidden.intersection(about(q))]
    return [written(q, places) for q in left], len(kept_back)


def main() -> None:
    """Prepare all sets and say what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--hold-out", action="append", default=[], metavar="SET:COUNT")
    options = parser.parse_args()
    counts = {
        name: int(count) for name, _, count in (s.partition(":") for s in options.hold_out)
    }
    if unknown := set(counts) - {folder.name for folder in options.sets}:
        parser.error(f"--hold-out names no set that is given: {', '.join(sorted(unknown))}")
    found = []
    for folder in options.sets:
        questions, kept_back = prepare(options.out, folder, counts.get(folder.name, 0))
        print(f"{folder.name}: {len(questions)} questions, {kept_back} held out")
        found += questions
    write(options.out / "questions.jsonl", found)


if __name__ == "__main__":
    main()
