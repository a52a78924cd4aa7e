"""Candidates of the extractive teacher: facts worded as questions."""

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sfta.raft.candidate import Candidate, Rejected
from sfta.raft.config import ExtractiveTeacher
from sfta.raft.corpus import CorpusChunk, Phrasebook
from sfta.raft.extraction.blocks import read_blocks
from sfta.raft.extraction.facts import Fact, names_its_things
from sfta.raft.extraction.further_kinds import further_candidates
from sfta.raft.extraction.near_miss import unanswerable_facts
from sfta.raft.extraction.phrasings import wordings
from sfta.raft.extraction.rules import corpus_facts
from sfta.raft.wording import reworded
from sfta_edge.citation import normalise
from sfta_edge.manifest import canonical_json

NAME = "extractive"
_TASKS_OF_ONE_THING = 4


def extractive_candidates(
    chunks: Sequence[CorpusChunk], config: ExtractiveTeacher, seed: int
) -> tuple[list[Candidate], list[Rejected]]:
    """Questions of all facts, and the facts that lean on words outside of them.

    Every fact is worded up to `config.phrasings` times, in the wordings used least so far;
    unanswerable ones once or twice.
    """
    facts = corpus_facts(chunks)
    missing = unanswerable_facts(facts, read_blocks(chunks), chunks, seed)
    uses: Counter[str] = Counter()
    aliases = Phrasebook(chunks).aliases()
    found: list[Candidate] = []
    lost: list[Rejected] = []
    ambiguous = ambiguous_facts(facts)
    for item in [*facts, *missing]:
        count = config.phrasings if item.answer else min(2, config.phrasings)
        candidates = [
            _varied(candidate, config.reworded, aliases, seed)
            for candidate in _worded(item, count, uses, seed)
        ]
        if item in ambiguous:
            lost += [Rejected(candidate, "ambiguous question") for candidate in candidates]
        elif _stands_alone(item):
            found += candidates
        else:
            lost += [Rejected(candidate, "not self-contained") for candidate in candidates]
    sure = [item for item in facts if item not in ambiguous and _stands_alone(item)]
    return [*found, *further_candidates(chunks, sure, config.further_kinds, seed)], lost


def ambiguous_facts(facts: Sequence[Fact]) -> set[Fact]:
    """Facts that are asked for alike but answer differently, or of things that do too much.

    Two rows of a table with one first cell are such facts; so is the task of a controller
    that a dozen sentences speak of.
    """
    answers: dict[tuple[object, ...], set[str]] = {}
    quotes: dict[str, set[str]] = {}
    for item in facts:
        answers.setdefault((item.kind, item.slots), set()).add(normalise(item.answer))
        quotes.setdefault(dict(item.slots).get("declared", "")[:60], set()).add(item.quote)
    busy: Counter[str] = Counter()
    for declared in quotes:
        busy.update({declared[:at] for at in range(len(declared)) if declared[at] == " "})
    return {
        item
        for item in facts
        if len(answers[item.kind, item.slots]) > 1
        or (item.kind == "function" and busy[dict(item.slots)["subject"]] > _TASKS_OF_ONE_THING)
    }


def _worded(item: Fact, count: int, uses: Counter[str], seed: int) -> list[Candidate]:
    identity = _identity(item)
    rng = random.Random(f"{seed}/{identity}")
    ranked = sorted(
        wordings(item), key=lambda wording: (uses[wording[0]] / wording[2], rng.random())
    )
    chosen = ranked[:count]
    uses.update(template for template, _, _ in chosen)
    return [
        Candidate(
            question=question,
            kind=item.shown_kind,
            chunk_id=item.chunk.id,
            quote=" ".join(item.quote.split()),
            answer=item.answer,
            template=template,
            fact=identity,
            teacher=NAME,
        )
        for template, question, _ in chosen
    ]


def _varied(
    candidate: Candidate, share: float, aliases: dict[str, list[str]], seed: int
) -> Candidate:
    rng = random.Random(f"{seed}/words/{candidate.id}")
    question = reworded(candidate.question, rng, share=share, aliases=aliases)
    return replace(candidate, question=question)


def _stands_alone(item: Fact) -> bool:
    """Whether what fills the wordings names its things; the wordings themselves do."""
    return all(names_its_things(value) for name, value in item.slots if name != "pronoun")


def _identity(item: Fact) -> str:
    parts = [item.kind, item.slots, item.answer, item.quote, item.chunk.id]
    return hashlib.sha256(canonical_json(parts)).hexdigest()[:16]
