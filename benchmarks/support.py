"""How often the support marks of `sfta_edge.support` are right: precision and recall.

    python benchmarks/support.py [--show] [--json]

Two sets, both without a model:

- `quickstart`: for each answerable question the sentence, list item or table row of the sources
  that holds its answer is the quote, the text below its heading the chunk. Supported are the
  gold answers, the quote itself, and both in a frame of function words. Not supported are the
  same with another number (also one that stands elsewhere in the chunk), another unit, another
  code or word (also of the same document), or the other way round.
- `written`: sentences written by hand in other words, in English and German, beside wrong ones,
  in support_pairs.jsonl.

Precision: of what was marked as supported, the share that is. Recall: of what is, that marked.
"""

import argparse
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta_edge.citation import find_quote
from sfta_edge.quoting import candidates
from sfta_edge.support import Source, supported_sentences
from sfta_edge.terms import found_in, terms_of

QUICKSTART = Path(__file__).resolve().parent.parent / "configs/quickstart"
WRITTEN = Path(__file__).with_name("support_pairs.jsonl")
SEED = 7
FRAMES = ("It is {}.", "The answer is {}.")
UNITS = {
    "m": "mm", "mm": "m", "bar": "mbar", "hours": "minutes", "minutes": "hours", "min": "h",
    "seconds": "minutes", "s": "min", "months": "years", "years": "months", "kg": "g", "g": "kg",
    "litres": "millilitres", "N·m": "kN", "°C": "K", "V": "kV", "A": "mA", "percent": "ppm",
    "ohms": "megohms", "megohms": "ohms", "mg/l": "g/l", "m³/min": "m³/h", "dB": "Hz",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Passage:
    """Text below one heading."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One sentence as an answer, and whether its source supports it."""

    kind: str
    sentence: str
    supported: bool
    source: Source
    question: str


def quickstart_pairs() -> Iterator[Pair]:
    """What can be made from the questions of the quickstart."""
    lines = (QUICKSTART / "questions.jsonl").read_text("utf-8").splitlines()
    for line in lines:
        record = json.loads(line)
        if not record["answerable"]:
            continue
        name = record["oracle_pages"][0]["document"].removesuffix(".pdf")
        title, passages = _passages((QUICKSTART / f"sources/{name}.md").read_text("utf-8"))
        found = _oracle(record, passages)
        if found is None:
            continue
        passage, quote, gold = found
        span = find_quote(quote, passage.text)
        assert span is not None
        source = Source(passage.text, passage.heading, title, (span,))
        made = _made(gold, quote, passage, passages, random.Random(f"{SEED}/{record['id']}"))
        for kind, sentence, supported in made:
            yield Pair(kind, sentence, supported, source, record["question"])


def written_pairs() -> Iterator[Pair]:
    """What was written by hand."""
    for line in WRITTEN.read_text("utf-8").splitlines():
        record = json.loads(line)
        span = find_quote(record["quote"], record["text"])
        assert span is not None, record["quote"]
        source = Source(record["text"], "", "", (span,))
        for supported in (True, False):
            for sentence in record["supported" if supported else "unsupported"]:
                yield Pair(record["language"], sentence, supported, source, record["question"])


def is_supported(pair: Pair) -> bool:
    """All sentences of the pair's text are marked as supported."""
    marks = supported_sentences(pair.sentence, [pair.source], pair.question)
    return all(mark.supported for mark in marks)


def measure(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Precision and recall, and for each kind the share that was marked as supported."""
    marked = [(pair, is_supported(pair)) for pair in pairs]
    right = sum(pair.supported for pair, mark in marked if mark)
    kinds: dict[str, list[bool]] = defaultdict(list)
    for pair, mark in marked:
        kinds[f"{pair.kind}, {'' if pair.supported else 'not '}supported"].append(mark)
    return {
        "pairs": len(marked),
        "precision": right / max(1, sum(mark for _, mark in marked)),
        "recall": right / max(1, sum(pair.supported for pair in pairs)),
        "marked_as_supported": {
            kind: {"share": sum(marks) / len(marks), "of": len(marks)}
            for kind, marks in sorted(kinds.items())
        },
    }


def _passages(markdown: str) -> tuple[str, list[Passage]]:
    """Title and passages of one source document."""
    _, head, body = markdown.split("---\n", 2)
    title = re.search(r"^title: (.*)$", head, re.MULTILINE)
    product = re.search(r"^product: (.*)$", head, re.MULTILINE)
    assert title is not None
    assert product is not None
    found, path, lines = list[Passage](), list[str](), list[str]()
    for line in [*body.splitlines(), "# end"]:
        if heading := re.match(r"(#+) (.*)", line):
            if text := "\n".join(lines).strip():
                found.append(Passage(" > ".join(path), text))
            path, lines = [*path[: len(heading[1]) - 1], heading[2]], []
        else:
            lines.append(line)
    return f"{title[1]} {product[1]}", found


def _oracle(
    record: dict[str, Any], passages: Sequence[Passage]
) -> tuple[Passage, str, list[str]] | None:
    """The passage and quote that hold an answer, and the answers that stand in the quote."""
    asked = terms_of(record["question"])

    def likeness(text: str) -> float:
        there = terms_of(text)
        shared = sum(found_in(word, there.words) for word in asked.words)
        return shared + 2 * len(asked.codes & there.codes)

    options = [
        (
            2 * likeness(candidate.text) + likeness(passage.heading),
            passage,
            candidate.text,
            gold,
        )
        for passage in passages
        for candidate in candidates([passage])
        if (gold := [a for a in record["answers"] if find_quote(a, candidate.text)])
    ]
    if not options:
        return None
    return max(options, key=lambda option: option[0])[1:]


def _made(
    gold: Sequence[str],
    quote: str,
    passage: Passage,
    passages: Sequence[Passage],
    rng: random.Random,
) -> Iterator[tuple[str, str, bool]]:
    for answer in gold:
        yield "gold", answer, True
        yield from (("framed", frame.format(answer), True) for frame in FRAMES)
        yield from _wrong("gold", answer, passage, passages, rng)
    yield "quote", quote, True
    yield from _wrong("quote", quote, passage, passages, rng)
    if turned := _turned(quote):
        yield "quote, turned round", turned, False


def _wrong(
    kind: str, text: str, passage: Passage, passages: Sequence[Passage], rng: random.Random
) -> Iterator[tuple[str, str, bool]]:
    """The text with one thing changed, where it has such a thing."""
    for number in re.findall(r"(?<![\w.,-])\d+(?:[.,]\d+)*(?![\w-])", text)[:2]:
        beside = re.findall(r"(?<![\w.,-])\d+(?:[.,]\d+)*(?![\w-])", passage.text)
        others = [other for other in beside if other not in text]
        for name, other in (
            (
                "made up",
                str(int(number[0]) % 9 + 1) + number[1:] if number[0] != "0" else f"{number}5",
            ),
            ("of the chunk", rng.choice(others) if others else ""),
        ):
            if other:
                changed = re.sub(
                    rf"(?<![\w.,-]){re.escape(number)}(?![\w-])", other, text, count=1
                )
                yield f"{kind}, number {name}", changed, False
    for unit, other in UNITS.items():
        changed = re.sub(rf"(?<=\d ){re.escape(unit)}(?![\w/·³])", other, text)
        if changed != text:
            yield f"{kind}, unit", changed, False
    yield from _other_code(kind, text, passages, rng)
    yield from _other_word(kind, text, passages, rng)


def _other_code(
    kind: str, text: str, passages: Sequence[Passage], rng: random.Random
) -> Iterator[tuple[str, str, bool]]:
    every = sorted({c for p in passages for c in re.findall(r"\b[A-Z]{1,3}-\d+\b", p.text)})
    codes = re.findall(r"\b[A-Z]{1,3}-\d+\b", text)
    others = [code for code in every if code not in text]
    if codes and others:
        yield f"{kind}, code", text.replace(codes[0], rng.choice(others)), False


def _other_word(
    kind: str, text: str, passages: Sequence[Passage], rng: random.Random
) -> Iterator[tuple[str, str, bool]]:
    """One content word in the place of another of the same document."""
    words = [w for w in re.findall(r"\b[a-z]{5,}\b", text) if terms_of(w).words]
    every = sorted({w for p in passages for w in re.findall(r"\b[a-z]{5,}\b", p.text)})
    there = terms_of(text).words
    others = [w for w in every if terms_of(w).words and not found_in(w, there)]
    if words and others:
        changed = re.sub(rf"\b{rng.choice(words)}\b", rng.choice(others), text, count=1)
        yield f"{kind}, word", changed, False


def _turned(text: str) -> str:
    """A sentence that says the opposite; empty: it has no verb that the rules know."""
    for pattern, other in (
        (r"\b(is|are|must|may|can|does|will) (?:not|never) ", r"\1 "),
        (r"\b(is|are|must|may|can|will) (?!not|never)", r"\1 not "),
    ):
        changed = re.sub(pattern, other, text, count=1)
        if changed != text:
            return changed
    return ""


def main() -> None:
    """Print both sets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--show", action="store_true", help="print what was marked wrongly")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sets = {"quickstart": list(quickstart_pairs()), "written": list(written_pairs())}
    figures = {name: measure(pairs) for name, pairs in sets.items()}
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, found in figures.items():
        print(
            f"{name}: {found['pairs']} pairs, precision {found['precision']:.3f},"
            f" recall {found['recall']:.3f}"
        )
        for kind, share in found["marked_as_supported"].items():
            print(f"  {kind:<44} {share['share']:.3f} of {share['of']}")
    if arguments.show:
        for pair in (pair for pairs in sets.values() for pair in pairs):
            if is_supported(pair) != pair.supported:
                quote = [pair.source.text[s.start : s.end] for s in pair.source.quotes]
                print(
                    f"\n{pair.kind}, supported: {pair.supported}\n  {pair.sentence}\n  {quote}"
                )


if __name__ == "__main__":
    main()
