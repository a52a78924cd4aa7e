"""A small evaluation of Go templates: what is needed to see what Ollama would make of one.

Written from the documentation of Go's package text/template, and not from the templates that are
tried with it. What it does not know is an error.
"""

import json
import re
from dataclasses import dataclass, field

_ACTION = re.compile(r'\{\{(- )?((?:"(?:[^"\\]|\\.)*"|.)*?)( -)?\}\}', re.DOTALL)
_WORD = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[()]|:=|,|[^\s()",]+)')


@dataclass
class Block:
    kind: str  # text, value, if, range
    head: list = field(default_factory=list)
    text: str = ""
    body: list = field(default_factory=list)
    otherwise: list = field(default_factory=list)


def render(template, data):
    blocks, rest = _parse(_pieces(template))
    assert not rest
    return _run(blocks, {"$": data, ".": data})


def _pieces(template):
    """Texts and actions; a minus sign trims the text on its side."""
    pieces, place, trim = [], 0, False
    for found in _ACTION.finditer(template):
        text = template[place : found.start()]
        text = text.lstrip() if trim else text
        pieces.append(("text", text.rstrip() if found[1] else text))
        pieces.append(("action", [word for word in _WORD.findall(found[2]) if word]))
        place, trim = found.end(), bool(found[3])
    text = template[place:]
    return [*pieces, ("text", text.lstrip() if trim else text)]


def _parse(pieces):
    """Blocks up to the end of the enclosing one, and what is left, its `end` or `else` first."""
    blocks = []
    while pieces:
        (kind, content), *rest = pieces
        if kind == "text":
            blocks.append(Block("text", text=content))
            pieces = rest
        elif content[0] in ("end", "else"):
            return blocks, pieces
        elif content[0] in ("if", "range"):
            block, pieces = _branch(content, rest)
            blocks.append(block)
        else:
            blocks.append(Block("value", content))
            pieces = rest
    return blocks, []


def _branch(content, rest):
    block = Block(content[0], content[1:])
    block.body, rest = _parse(rest)
    (_, mark), *rest = rest
    if mark == ["end"]:
        return block, rest
    assert mark[0] == "else"
    if mark[1:]:  # else if: an if of its own, ended by the same end
        inner, rest = _branch(mark[1:], rest)
        block.otherwise = [inner]
        return block, rest
    block.otherwise, rest = _parse(rest)
    (_, mark), *rest = rest
    assert mark == ["end"]
    return block, rest


def _run(blocks, scope):
    return "".join(_one(block, scope) for block in blocks)


def _one(block, scope):
    if block.kind == "text":
        return block.text
    if block.kind == "value":
        return str(_value(block.head, scope))
    if block.kind == "if":
        return _run(block.body if _value(block.head, scope) else block.otherwise, scope)
    number, comma, name, assign, *source = block.head
    assert (comma, assign) == (",", ":=")
    inner = [
        _run(block.body, {**scope, number: place, name: item, ".": item})
        for place, item in enumerate(_value(source, scope))
    ]
    return "".join(inner)


def _value(words, scope):
    """A pipeline of one command: a function with its arguments, or one operand."""
    operands, rest = [], list(words)
    while rest:
        word = rest.pop(0)
        if word == "(":
            depth, inner = 1, []
            while depth:
                word = rest.pop(0)
                depth += {"(": 1, ")": -1}.get(word, 0)
                inner.append(word)
            operands.append(_value(inner[:-1], scope))
        else:
            operands.append(_operand(word, scope))
    first, *arguments = operands
    return first(*arguments) if callable(first) else first


def _operand(word, scope):
    functions = {
        "eq": lambda a, b: a == b,
        "len": len,
        "slice": lambda items, start: items[start:],
    }
    if word in functions:
        return functions[word]
    if word.startswith('"'):
        return json.loads(re.sub(r"\\U([0-9a-f]{8})", lambda m: chr(int(m[1], 16)), word))
    if word.isdigit():
        return int(word)
    name, *path = word.split(".")
    value = scope[name or "."]
    for part in path:
        value = value[part]
    return value
