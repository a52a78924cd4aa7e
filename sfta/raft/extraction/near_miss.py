"""On-topic questions that the corpus does not answer, and the check that it does not.

Three kinds: a code that does not exist among those that do, a thing with an attribute that is
stated of other things only, and a table key under a header of another table. Each is asked in
the wordings of the answerable facts, so the wording gives nothing away.
"""

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sfta.raft.corpus import CorpusChunk, bag, key_terms, words
from sfta.raft.extraction.blocks import Block, Sentence, TableRow
from sfta.raft.extraction.facts import CODE, Fact, fact
from sfta.raft.extraction.nouns import is_plural, lower_first

_CODE_PARTS = re.compile(r"^([A-Z]{1,4}-?)(\d{1,3})$")
_MOST_PER_CODE = 3


@dataclass(frozen=True, slots=True)
class _Attribute:
    """Something one may ask of a thing, and the words that would state it."""

    name: str
    bank: str
    marker: str


_ATTRIBUTES = (
    _Attribute("torque", "torque", r"\bN[·.]?m\b|torque"),
    _Attribute("part number", "part_number", r"\b\d{4}-\d{3,}\b|part number|order number"),
    _Attribute("mass", "mass", r"\bkg\b|\btonnes?\b|\bmass\b|weigh"),
    _Attribute("purchase price", "value", r"price|cost|\u20ac|\$|EUR|USD"),
    _Attribute("material", "value", r"steel|iron|brass|copper|bronze|aluminium|poly|rubber|made of|"
               r"paper|glass|graphite|plastic|titanium"),
    _Attribute("colour", "value", r"colou?r|red|green|blue|yellow|orange|black|white|grey|amber|"
               r"violet|pink|brown"),
    _Attribute("serial number", "value", r"serial number"),
    _Attribute("supplier", "value", r"supplier|supplied by|made by|manufacturer"),
    _Attribute("power consumption", "value", r"\bk?W\b|\bpower\b"),
    _Attribute("service life", "value", r"\bhours\b|\byears\b|\bmonths\b|life"),
    _Attribute("operating voltage", "value", r"\bk?V\b|volt"),
    _Attribute("operating pressure", "value", r"\bm?bar\b|pressure"),
    _Attribute("maximum temperature", "value", r"\u00b0C|temperature"),
    _Attribute("thread size", "value", r"\bM\d+\b|thread|\bG \d"),
    _Attribute("protection class", "value", r"\bIP\d+|class"),
    _Attribute("diameter", "value", r"\bmm\b|diameter"),
    _Attribute("noise level", "value", r"dB|noise"),
)  # fmt: skip


def unanswerable_facts(
    facts: Sequence[Fact], blocks: Sequence[Block], chunks: Sequence[CorpusChunk], seed: int
) -> list[Fact]:
    """Facts without an answer, in a fixed order; verified against the whole corpus."""
    corpus = _Corpus.of(blocks, chunks)
    found = [
        *_missing_codes(facts, corpus, seed),
        *_missing_attributes(facts, corpus, seed),
        *_swapped_keys(facts, corpus, seed),
    ]
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Corpus:
    """What the corpus says: each window is a sentence with the next one, or a row."""

    windows: tuple[tuple[frozenset[str], str], ...]
    words: frozenset[str]

    @classmethod
    def of(cls, blocks: Sequence[Block], chunks: Sequence[CorpusChunk]) -> "_Corpus":
        texts: list[str] = []
        for block, after in pairwise([*blocks, None]):
            if isinstance(block, TableRow):
                texts.append(f"{block.caption} {' '.join(block.header)} {block.quote}")
            elif block is not None:
                follows = isinstance(after, Sentence) and after.chunk == block.chunk
                more = after.text if follows and isinstance(after, Sentence) else ""
                texts.append(f"{block.text} {more} {' '.join(block.chunk.topics)}")
        every = frozenset(word for chunk in chunks for word in words(chunk.text))
        return cls(tuple((frozenset(key_terms(text)), text) for text in texts), every)

    def states(self, thing: str, marker: str) -> bool:
        """Whether any window speaks of the thing and holds the marker."""
        terms = _head_terms(thing)
        return any(
            terms <= held and re.search(marker, text, re.IGNORECASE)
            for held, text in self.windows
        )

    def knows(self, code: str) -> bool:
        """Whether the code stands anywhere."""
        return code.casefold() in self.words


def _head_terms(thing: str) -> frozenset[str]:
    """Words that must stand together for a text to speak of a thing: its code, or all."""
    codes = CODE.findall(thing)
    return frozenset(key_terms(codes[0] if codes else thing.split(" of ", maxsplit=1)[0]))


def _missing_codes(facts: Sequence[Fact], corpus: _Corpus, seed: int) -> Iterator[Fact]:
    """Facts about a code, asked of a sibling that does not exist."""
    asked: dict[str, int] = {}
    for item in facts:
        text = " ".join(value for name, value in item.slots if name not in _FOREIGN_SLOTS)
        codes = [c for c in CODE.findall(text) if _CODE_PARTS.match(c)]
        if not codes or item.kind not in _ABOUT_CODES:
            continue
        sibling = _sibling(codes[0], corpus, random.Random(f"{seed}/{codes[0]}/{item.kind}"))
        if sibling is None or asked.get(sibling, 0) >= _MOST_PER_CODE:
            continue
        asked[sibling] = asked.get(sibling, 0) + 1
        slots = tuple((name, value.replace(codes[0], sibling)) for name, value in item.slots)
        yield replace(item, slots=slots, answer="", quote="", label="near_miss_code")


_FOREIGN_SLOTS = frozenset({"noun", "the", "be", "does", "has", "big", "pronoun"})
_ABOUT_CODES = bag(
    "code_meaning code_action definition function value wh torque part_number cell cell_purpose "
    "cell_name cell_position mass"
)


def _sibling(code: str, corpus: _Corpus, rng: random.Random) -> str | None:
    match = _CODE_PARTS.match(code)
    if match is None:
        return None
    prefix, number = match[1], int(match[2])
    near = [n for n in range(max(1, number - 6), number + 7) if n != number]
    rng.shuffle(near)
    spelled = [f"{prefix}{n:0{len(match[2])}d}" for n in near]
    return next((name for name in spelled if not corpus.knows(name)), None)


def _missing_attributes(facts: Sequence[Fact], corpus: _Corpus, seed: int) -> Iterator[Fact]:
    """Things the corpus names, with an attribute it does not state of them."""
    for thing, source in _things(facts).items():
        rng = random.Random(f"{seed}/{thing}")
        open_attributes = [a for a in _ATTRIBUTES if not corpus.states(thing, a.marker)]
        for attribute in rng.sample(open_attributes, min(2, len(open_attributes))):
            yield _attribute_fact(thing, attribute, source)


def _things(facts: Iterable[Fact]) -> dict[str, Fact]:
    """Noun phrases that facts are about, each with the first fact that names it."""
    found: dict[str, Fact] = {}
    for item in facts:
        slots = dict(item.slots)
        thing = slots.get("thing") or (
            slots.get("subject") if item.kind in ("definition", "function") else ""
        )
        concrete = thing and (CODE.search(thing) or item.kind in ("torque", "part_number"))
        if thing and concrete and len(thing.split()) <= 7 and "(" not in thing:
            found.setdefault(thing, item)
    return found


def _attribute_fact(thing: str, attribute: _Attribute, source: Fact) -> Fact:
    plural = is_plural(thing)
    slots = {
        "thing": thing, "bare": re.sub(r"^(?:the|an?) ", "", thing),
        "be": "are" if plural else "is", "does": "do" if plural else "does",
        "pronoun": "they" if plural else "it", "has": "have" if plural else "has",
    }  # fmt: skip
    if attribute.bank == "value":
        asked = f"the {attribute.name} of {thing}"
        slots |= {
            "subject": asked,
            "bare": asked.removeprefix("the "),
            "be": "is",
            "has": "has",
        }
    return fact(attribute.bank, source.chunk, "", "", label="near_miss_attribute", **slots)


def _swapped_keys(facts: Sequence[Fact], corpus: _Corpus, seed: int) -> Iterator[Fact]:
    """A key of one table under the header of another one."""
    kinds = ("cell_limit", "cell_range", "cell_setting", "cell_adjust")
    rows = {kind: [f for f in facts if f.kind == kind] for kind in kinds}
    keys = {
        dict(item.slots)["key"]: item
        for item in facts
        if item.kind in (*kinds, "cell_value") and "(" not in dict(item.slots)["key"]
    }
    for kind in kinds:
        if not rows[kind]:
            continue
        own = {dict(item.slots)["key"] for item in rows[kind]}
        for key in sorted(set(keys) - own):
            rng = random.Random(f"{seed}/{kind}/{key}")
            header = dict(rng.choice(rows[kind]).slots)["header"]
            if corpus.states(key, rf"\b{re.escape(header)}\b") or _resembles(key, own):
                continue
            slots = {**dict(keys[key].slots), "key": lower_first(key), "header": header}
            slots = {name: slots.get(name, "") for name in ("key", "header", "the")}
            yield fact(kind, keys[key].chunk, "", "", label="near_miss_table", **slots)


def _resembles(key: str, others: Iterable[str]) -> bool:
    """Whether another key says nearly the same, so that its row might be meant."""
    terms = set(key_terms(key))
    return any(len(terms & set(key_terms(other))) * 2 > len(terms) for other in others)
