"""Facts of procedures: what comes first, next and last, and where in the manuals one is."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from sfta.raft.corpus import CorpusChunk, Phrasebook
from sfta.raft.extraction.blocks import Step
from sfta.raft.extraction.clauses import analyse_command
from sfta.raft.extraction.facts import Fact, bare_noun, fact, topic_phrase, topic_thing
from sfta.raft.extraction.lexicon import GERUNDS, gerund
from sfta.raft.extraction.nouns import lower_first
from sfta.raft.extraction.segments import cut_tail


def while_doing(chunk: CorpusChunk, book: Phrasebook) -> str:
    """Where one is: "when changing the gear oil", "during the overhaul of the check valve"."""
    topics = chunk.topics
    leaf = topics[-1] if topics else chunk.title
    parent = topics[-2] if len(topics) > 1 else ""
    words, thing = leaf.split(), topic_thing(chunk)
    if words[0].lower() in GERUNDS:
        action = lower_first(leaf)
        if len(words) == 1 and parent.split()[:1] and parent.split()[0].lower() in GERUNDS:
            return f"when {action} {' '.join(parent.split()[1:])}"
        noun = bare_noun(words[1:]) if len(words) > 1 else None
        if noun and book.ambiguous(noun) and parent and len(parent.split()) <= 3:
            owner = lower_first(thing or parent)
            return f"when {action} of the {owner}" if noun not in owner else f"when {action}"
        return f"when {action}"
    if thing and thing != leaf:
        return f"during the {lower_first(leaf)} of the {lower_first(thing)}"
    where = f"{leaf} ({lower_first(parent)})" if len(words) == 1 and parent else leaf
    return f'in the procedure "{where}"'


def step_facts(steps: Sequence[Step], book: Phrasebook) -> Iterator[Fact]:
    """Order questions of one procedure; its steps share a heading."""
    numbered = sorted(steps, key=lambda step: step.number)
    if [step.number for step in numbered] != list(range(1, len(numbered) + 1)):
        return
    if len(numbered) < 3 or any(re.match(r"(?:It|They|This)\b", s.text) for s in numbered):
        return
    during = while_doing(numbered[0].chunk, book)
    topic = topic_phrase(numbered[0].chunk)
    for label, step in (("step_first", numbered[0]), ("step_last", numbered[-1])):
        yield fact(label, step.chunk, step.text, step.text, during=during, topic=topic)
    for before, after in pairwise(numbered):
        if _tellable(before.text) and len(after.text.split()) <= 24:
            yield fact("step_next", after.chunk, after.text, after.text, topic=topic,
                       during=during, step=_spoken(before.text),
                       doing=as_gerund(before.text))  # fmt: skip
        if _tellable(after.text) and len(before.text.split()) <= 20 and before.number % 2:
            yield fact("step_before", before.chunk, before.text, before.text, topic=topic,
                       during=during, step=_spoken(after.text),
                       doing=as_gerund(after.text))  # fmt: skip
    for step in numbered[1:-1]:
        if len(step.text.split()) <= 24:
            yield fact("step_number", step.chunk, step.text, step.text, topic=topic,
                       during=during, number=str(step.number))  # fmt: skip


def _tellable(text: str) -> bool:
    return len(text.split()) <= 16 and not re.match(r"(?:If|When)\b", text)


def _spoken(text: str) -> str:
    return lower_first(re.split(r"[;:] ", text.rstrip("."))[0]).replace('"', "'")


def as_gerund(step: str) -> str:
    """Turn "Close V1 and lock it." into "closing V1"; empty if the step is no command."""
    command = analyse_command(step)
    if command is None or command.adverb:
        return ""
    main, _ = cut_tail(command.rest)
    main = re.split(r", | and (?!the|both|two|water|\d)| as described |; |: ", main)[0]
    main = main.replace('"', "'")
    return f"{gerund(command.verb)} {main}" if len(main.split()) > 1 else ""
