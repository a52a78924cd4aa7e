"""Facts of commands: torques, tools, amounts, intervals, reasons and conditions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sfta.raft.corpus import CorpusChunk, Phrasebook, bag
from sfta.raft.extraction.clauses import Command, analyse_command
from sfta.raft.extraction.facts import (
    Fact,
    anchored,
    fact,
    names_its_things,
    topic_phrase,
    topic_thing,
)
from sfta.raft.extraction.lexicon import DETERMINERS, PREPOSITIONS, VERBS, is_verb_form
from sfta.raft.extraction.nouns import bare, lower_first, upper_first
from sfta.raft.extraction.procedure_facts import while_doing
from sfta.raft.extraction.quantities import EVERY, Quantity, find_quantities
from sfta.raft.extraction.segments import clause_end, cut_tail, end_of_phrase
from sfta.raft.extraction.verbs import is_participle

_SAYING = bag("state send note quote describe write enter report give name")
_PRONOUN = re.compile(r"^(?:it|them|both|one|each|all|this|that|these)\b")
_TORQUE = re.compile(
    r"\b(?P<verb>[Tt]ighten(?:ed)?|[Tt]orque|[Rr]etighten) (?P<thing>(?:the|its|all|both) "
    r"[^,;:.|]+?) to (?P<value>\d[\d,.]* ?(?:N[·.]?m|Nm))"
)
_MORE_TORQUE = re.compile(
    r"\b(?:and|or) (?P<thing>(?:the|those of the) [^,;:.|]+?) to (?P<value>\d[\d,.]* ?(?:N[·.]?m))"
)
_JOINT = re.compile(r"; |, and then |, then |, and | and then | and |, ")
_AFTER_VERB = DETERMINERS | bag("for on off up out until unloaded loaded at by")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a command stands."""

    quote: str
    """The whole sentence or step."""
    chunk: CorpusChunk
    book: Phrasebook
    during: str = ""
    """The procedure it belongs to: "when changing the gear oil"; empty in running text."""

    @classmethod
    def of(cls, quote: str, chunk: CorpusChunk, book: Phrasebook, *, in_steps: bool) -> "Scene":
        """Find the procedure, if the command is a step of one."""
        return cls(quote, chunk, book, while_doing(chunk, book) if in_steps else "")

    def names(self, thing: str) -> bool:
        """Whether a phrase can be understood in a question about this command."""
        if not thing.strip() or _PRONOUN.match(thing) or not names_its_things(thing):
            return False
        if thing.split(maxsplit=1)[0].lower() in PREPOSITIONS or self.during:
            return True
        return anchored(thing, self.chunk, self.book) == thing

    def doing(self, action: str) -> str:
        """An action with its procedure."""
        return " ".join(f"{action} {self.during}".split())


def torque_facts(text: str, scene: Scene) -> Iterator[Fact]:
    """Every "tighten X to V" of a sentence or step, however many it holds."""
    first = _TORQUE.search(text)
    if first is None:
        return
    found = [(first["thing"], first["value"])]
    for match in _MORE_TORQUE.finditer(text, first.end()):
        thing = match["thing"]
        if thing.startswith("those of "):
            head = first["thing"].split(" of ", 1)[0]
            thing = f"{head} of {thing.removeprefix('those of ')}"
        found.append((thing, match["value"]))
    for raw, value in found:
        thing_named = _named_part(_own(raw, text, scene.chunk), scene)
        if thing_named:
            yield fact("torque", scene.chunk, scene.quote, value, thing=thing_named,
                       bare=bare(thing_named))  # fmt: skip


def _named_part(thing: str | None, scene: Scene) -> str | None:
    if thing is None:
        return None
    named = anchored(thing, scene.chunk, scene.book)
    if named is None and scene.during and names_its_things(thing):
        return scene.doing(thing)
    return named


def _own(thing: str, text: str, chunk: CorpusChunk) -> str | None:
    """The owner in the place of "its" ("Fit the guard and tighten its M8 screws")."""
    if not thing.startswith("its "):
        return thing
    owner = re.match(r"[A-Z]\w+ (the [\w-]+)\b", text)
    topic = topic_thing(chunk) or next(iter(chunk.topics[-2:]), "")
    if owner is None:
        return None
    return f"the {thing[4:]} of {owner[1]} of the {lower_first(topic)}"


def split_commands(text: str) -> list[str]:
    """Commands of "Pull X out and clean Y.", each with a capital."""
    text = text.rstrip(".")
    for joint in _JOINT.finditer(text):
        words = text[joint.end() :].split()
        if len(words) < 2 or words[0] not in VERBS:
            continue
        if words[1].lower() in _AFTER_VERB or words[1][0].isdigit():
            return [text[: joint.start()], *split_commands(upper_first(text[joint.end() :]))]
    return [text]


def command_facts(text: str, scene: Scene) -> Iterator[Fact]:
    """Facts of a sentence or step made of commands."""
    yield from _whole_facts(text, scene)
    for piece in split_commands(text):
        command = analyse_command(piece)
        if command is None or command.adverb in ("never", "not"):
            continue
        main, tail = cut_tail(command.rest)
        if _PRONOUN.match(main):
            continue
        yield from _tool(command, main, scene)
        yield from _amount(command, main, scene)
        yield from _interval(command, main, scene)
        if tail and tail.word in ("if", "when", "whenever", "as soon as") and (
            _is_clause(tail.text) and scene.names(main) and not main.endswith("only")
        ):  # fmt: skip
            action = scene.doing(f"{command.verb} {main}")
            case = f"{tail.word} {clause_end(tail.text)}"
            yield fact("wh", scene.chunk, scene.quote, case, wh="when",
                       inverted=f"should I {action}", declared=f"I should {action}",
                       label="when")  # fmt: skip


def _whole_facts(text: str, scene: Scene) -> Iterator[Fact]:
    """Reasons and lists: facts of the sentence as a whole, in running text only."""
    command = analyse_command(text)
    if command is None or scene.during or _PRONOUN.match(command.rest):
        return
    main, tail = cut_tail(command.rest.split("; ", 1)[0])
    # "Never open a panel because it is quiet" gives no reason against opening panels.
    fits = not command.adverb or re.search(r", (?:because|since|otherwise)\b", text)
    if tail and fits and tail.word in ("because", "since", "so that", "otherwise"):
        yield _reason(command, re.split(r", (?:and|or) ", main)[0], tail.word, tail.text, scene)
    elif not command.adverb and command.verb in _SAYING and re.search(r", | and ", main):
        yield fact("say", scene.chunk, scene.quote, main, verb=command.verb,
                   about=topic_phrase(scene.chunk))  # fmt: skip


def _is_clause(text: str) -> bool:
    return any(is_verb_form(word) or word in VERBS for word in text.split()[1:])


def _reason(command: Command, main: str, word: str, text: str, scene: Scene) -> Fact:
    cut = re.split(r"[;:] ", text)[0]
    answer = f"{word} {cut}" if word in ("because", "so that") else cut
    action = f"{command.verb} {main}"
    if command.adverb in ("never", "not"):
        return fact("why_not", scene.chunk, scene.quote, answer, action=action,
                    never=command.adverb)  # fmt: skip
    return fact("why", scene.chunk, scene.quote, answer, inverted=f"must I {action}",
                declared=f"I must {action}")  # fmt: skip


def _tool(command: Command, main: str, scene: Scene) -> Iterator[Fact]:
    match = re.match(r"(?P<thing>.+?) with (?P<tool>(?:an?|the) .+)$", main)
    if match is None or not scene.names(match["thing"]):
        return
    thing = match["thing"]
    tool = re.split(r" and (?!two|four|a )|(?<=\d) on |, ", end_of_phrase(match["tool"]))[0]
    if len(thing.split()) > 9 or find_quantities(tool) or re.search(r",| and \w+ the\b", thing):
        return
    if thing.split()[-1] in ("together", "up", "along") or re.search(r"\bin an? \w+$", thing):
        return
    if is_participle(tool.split()[-1]):
        return
    action = f"{command.verb} {thing} with"
    yield fact("wh", scene.chunk, scene.quote, tool, wh="what", label="tool",
               inverted=f"do I {scene.doing(action)}",
               declared=f"I should {scene.doing(action)}")  # fmt: skip


def _interval(command: Command, main: str, scene: Scene) -> Iterator[Fact]:
    match = EVERY.search(main)
    if match is None or not scene.names(main[: match.start()]):
        return
    action = scene.doing(f"{command.verb} {main[: match.start()]} {main[match.end() :]}")
    yield fact("wh", scene.chunk, scene.quote, match.group(), wh="how often",
               label="interval", inverted=f"must I {action}",
               declared=f"I must {action}")  # fmt: skip


def _amount(command: Command, main: str, scene: Scene) -> Iterator[Fact]:
    values = find_quantities(main)
    if not values or values[0].kind == "torque" or EVERY.search(main):
        return
    value = values[0]
    head, tail = main[: value.start].strip(), main[value.end :].strip()
    if re.search(r"\b(?:and|or|that|which|until)\b|,", head):
        return
    tail = re.split(r", | and | or ", tail)[0]
    made = _question_word(command, head, tail, value)
    if made is None:
        return
    word, before, after = made
    if (before and not scene.names(before)) or not (before or scene.during or after):
        return
    action = scene.doing(f"{command.verb} {before} {after}")
    yield fact("wh", scene.chunk, scene.quote, value.text, wh=word, label="amount",
               inverted=f"must I {action}", declared=f"I must {action}")  # fmt: skip


def _question_word(
    command: Command, head: str, tail: str, value: Quantity
) -> tuple[str, str, str] | None:
    """Question word, and the words before and after the value that stay."""
    *words, last = head.split() or [""]
    before = " ".join(words)
    if value.kind == "time" and last in ("for", "within", "after", ""):
        waits = command.verb in ("wait", "run", "rest", "hold", "cool")
        word = {"for": "how long", "within": "within what time", "after": "after what time"}
        return (word.get(last, "how long"), before, tail) if last or waits else None
    if not head and tail.startswith("of "):
        amount, *rest = re.split(r" (?=through|into|from|with|to|at)", tail[3:], maxsplit=1)
        return f"how much {amount}", "", rest[0] if rest else ""
    plain = value.kind in ("length", "volume", "mass", "percentage")
    kind = "value" if plain else value.kind
    found = {"to": f"to what {kind}", "by": "by how much", "at": f"at what {kind}",
             "with": f"with what {kind}", "below": f"below what {kind}"}.get(last)  # fmt: skip
    return (found, before, tail) if found else None
