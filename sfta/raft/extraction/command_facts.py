"""Facts of commands: torques, tools, amounts, reasons and conditions."""

import re
from collections.abc import Iterator

from sfta.raft.corpus import CorpusChunk, Phrasebook, bag
from sfta.raft.extraction.clauses import Command, analyse_command
from sfta.raft.extraction.facts import Fact, anchored, fact, topic_phrase, topic_thing
from sfta.raft.extraction.lexicon import PREPOSITIONS, VERBS, is_verb_form
from sfta.raft.extraction.nouns import bare, lower_first
from sfta.raft.extraction.procedure_facts import while_doing
from sfta.raft.extraction.quantities import EVERY, find_quantities
from sfta.raft.extraction.segments import cut_tail, end_of_phrase
from sfta.raft.extraction.verbs import is_participle

_SAYING = bag("state send note quote describe have write enter report give name")
_PRONOUN = re.compile(r"^(?:it|them|both|one|each|all|this|that|these)\b")
_TORQUE = re.compile(
    r"\b(?P<verb>[Tt]ighten(?:ed)?|[Tt]orque|[Rr]etighten) (?P<thing>(?:the|its|all|both) "
    r"[^,;:.|]+?) to (?P<value>\d[\d,.]* ?(?:N[·.]?m|Nm))"
)
_MORE_TORQUE = re.compile(
    r"\b(?:and|or) (?P<thing>(?:the|those of the) [^,;:.|]+?) to (?P<value>\d[\d,.]* ?(?:N[·.]?m))"
)


def torque_facts(text: str, quote: str, chunk: CorpusChunk, book: Phrasebook) -> Iterator[Fact]:
    """Every "tighten X to V" of a sentence or step, however many it holds."""
    first = _TORQUE.search(text)
    if first is None:
        return
    found = [(first["thing"], first["value"])]
    for match in _MORE_TORQUE.finditer(text, first.end()):
        thing = match["thing"]
        if thing.startswith("those of "):
            head = re.split(r" of ", first["thing"])[0]
            thing = f"{head} of {thing.removeprefix('those of ')}"
        found.append((thing, match["value"]))
    for raw, value in found:
        thing = _own(raw, text, chunk)
        named = anchored(thing, chunk, book) if thing else None
        if named is None:
            continue
        plural = named.split(" of ")[0].split(" ")[-1].endswith("s")
        yield fact("torque", chunk, quote, value, thing=named, bare=bare(named),
                   be="are" if plural else "is")  # fmt: skip


def _own(thing: str, text: str, chunk: CorpusChunk) -> str | None:
    """The owner in the place of "its" ("Fit the guard and tighten its M8 screws")."""
    if not thing.startswith("its "):
        return thing
    owner = re.match(r"[A-Z]\w+ (the [\w-]+)\b", text)
    topic = topic_thing(chunk) or next(iter(chunk.topics[-2:]), "")
    if owner is None:
        return None
    return f"the {thing[4:]} of {owner[1]} of the {lower_first(topic)}"


def command_facts(
    text: str, quote: str, chunk: CorpusChunk, book: Phrasebook, *, in_steps: bool
) -> Iterator[Fact]:
    """Facts of one command; `in_steps` adds where in the manual it belongs."""
    command = analyse_command(text)
    if command is None or _PRONOUN.match(command.rest):
        return
    whole, tail = cut_tail(re.split(r"; ", command.rest)[0])
    main = re.split(r", (?:and|or|then) |; ", whole)[0]
    during = f" {while_doing(chunk, book)}" if in_steps else ""
    if tail and tail.word in ("because", "since", "so that", "otherwise") and not in_steps:
        yield from _reason(command, main, tail.word, tail.text, quote, chunk)
    if command.adverb in ("never", "not"):
        return
    if not in_steps and command.verb in _SAYING and re.search(r", | and ", main):
        yield fact("say", chunk, quote, whole, verb=command.verb, about=topic_phrase(chunk))
    yield from _tool(command, main, during, quote, chunk, book)
    yield from _amount(command, main, during, quote, chunk, book)
    simple = not re.search(r", | and (?!the|two|four)|\bonly$", whole)
    if (
        simple
        and tail
        and _is_clause(tail.text)
        and tail.word in ("if", "when", "whenever", "as soon as")
        and _named(main, chunk, book)
    ):
        action = f"{command.verb} {main}"
        yield fact("wh", chunk, quote, f"{tail.word} {tail.text}", wh="when",
                   inverted=f"should I {action}{during}", declared=f"I should {action}{during}",
                   label="when")  # fmt: skip


def _is_clause(text: str) -> bool:
    return any(is_verb_form(token) or token in VERBS for token in text.split()[1:])


def _reason(
    command: Command, main: str, word: str, text: str, quote: str, chunk: CorpusChunk
) -> Iterator[Fact]:
    cut = re.split(r"[;:] ", text)[0]
    answer = f"{word} {cut}" if word in ("because", "so that") else cut
    action = f"{command.verb} {main}"
    if command.adverb in ("never", "not"):
        yield fact("why_not", chunk, quote, answer, action=action,
                   never="never" if command.adverb == "never" else "not")  # fmt: skip
    else:
        yield fact("why", chunk, quote, answer, inverted=f"must I {action}",
                   declared=f"I must {action}")  # fmt: skip


def _tool(
    command: Command, main: str, during: str, quote: str, chunk: CorpusChunk, book: Phrasebook
) -> Iterator[Fact]:
    match = re.match(r"(?P<thing>.+?) with (?P<tool>(?:an?|the) .+)$", main)
    if match is None or not _named(match["thing"], chunk, book):
        return
    tool = end_of_phrase(match["tool"])
    tool = re.split(r" and (?!two|four|a )|(?<=\d) on |, ", tool)[0]
    thing = match["thing"]
    if len(thing.split()) > 9 or find_quantities(tool) or re.search(r",| and \w+ the\b", thing):
        return
    if thing.split()[-1] in ("together", "up", "along") or re.search(r"\bin an? \w+$", thing):
        return
    if is_participle(tool.split()[-1]):
        return
    action = f"{command.verb} {match['thing']}"
    yield fact("wh", chunk, quote, tool, wh="what", label="tool",
               inverted=f"do I {action} with{during}",
               declared=f"I should {action} with{during}")  # fmt: skip


def _amount(
    command: Command, main: str, during: str, quote: str, chunk: CorpusChunk, book: Phrasebook
) -> Iterator[Fact]:
    values = find_quantities(main)
    if not values or values[0].kind == "torque" or EVERY.search(main):
        return
    value = values[0]
    head, tail = main[: value.start].strip(), main[value.end :].strip()
    if re.search(r"\b(?:and|or|that|which|until|below|above)\b|,", head):
        return
    tail = re.split(r", | and | or ", tail)[0]
    if not head and command.verb == "wait" and value.kind == "time":
        yield fact("wh", chunk, quote, value.text, wh="how long", label="duration",
                   inverted=f"must I wait {tail}{during}",
                   declared=f"I must wait {tail}{during}")  # fmt: skip
        return
    last = head.split()[-1] if head else ""
    before = " ".join(head.split()[:-1])
    word = _question_word(last, value.kind)
    if not word or (before and not _named(before, chunk, book)):
        return
    if not before and not during:
        return
    action = " ".join(f"{command.verb} {before} {tail}".split())
    yield fact("wh", chunk, quote, value.text, wh=word, label="amount",
               inverted=f"must I {action}{during}",
               declared=f"I must {action}{during}")  # fmt: skip


def _question_word(last: str, kind: str) -> str:
    """How one asks for a value behind a preposition; empty if one does not."""
    if last == "for":
        return "how long" if kind == "time" else ""
    return {"to": f"to what {kind}", "by": "by how much", "at": f"at what {kind}"}.get(last, "")


def _named(thing: str, chunk: CorpusChunk, book: Phrasebook) -> bool:
    if not thing.strip():
        return False
    first = thing.split(maxsplit=1)[0].lower()
    if first in PREPOSITIONS:
        return True
    return anchored(thing, chunk, book) == thing
