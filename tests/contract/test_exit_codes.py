"""Every error a person can act on has an exit code, and the code is documented."""

import ast
import builtins
import re
from functools import cache
from pathlib import Path

import pytest

from sfta_edge import errors
from sfta_edge.errors import SftaError

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference/errors.md"
FAMILIES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, SftaError)
]
SOURCES = sorted(
    path for top in ("sfta", "export", "edge") for path in (ROOT / top).rglob("*.py")
)


def documented():
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|", REFERENCE.read_text("utf-8"), re.MULTILINE)
    return {name: int(code) for code, name in rows}


@cache
def classes():
    """Path, name, bases and own attributes of every class in the three distributions."""
    return tuple(_classes())


def _classes():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
                own = {
                    target.id
                    for statement in node.body
                    if isinstance(statement, ast.Assign | ast.AnnAssign)
                    for target in (
                        statement.targets
                        if isinstance(statement, ast.Assign)
                        else [statement.target]
                    )
                    if isinstance(target, ast.Name)
                }
                yield path, node.name, bases, own


def error_names():
    """Of every class that descends from a family."""
    known, before = {family.__name__ for family in FAMILIES}, set()
    while known != before:  # until subclasses of subclasses are found, too
        before = set(known)
        known |= {name for _path, name, bases, _own in classes() if bases & known}
    return known


def test_every_family_has_its_own_code():
    codes = [family.exit_code for family in FAMILIES]
    assert sorted(codes) == [1, 2, 3, 4, 5]


def test_the_reference_names_every_family_with_its_code():
    assert documented() == {family.__name__: family.exit_code for family in FAMILIES}


def test_no_other_module_invents_an_exit_code():
    known = error_names()
    inventors = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, name, _bases, own in classes()
        if name in known and "exit_code" in own and path.name != "errors.py"
    ]
    assert inventors == []


def test_every_public_error_is_one_that_a_person_can_act_on():
    """A class of its own that is no SftaError would end in a traceback."""
    known = error_names()
    builtin = {name for name, value in vars(builtins).items() if _is_exception(value)}
    strays = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, name, bases, _own in classes()
        if bases & builtin and name not in known and not name.startswith("_")
    ]
    assert strays == []


def _is_exception(value):
    return isinstance(value, type) and issubclass(value, BaseException)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_an_error_keeps_what_and_hint_apart(family):
    error = family("the key is missing", hint="Make one.")
    assert str(error) == "the key is missing"
    assert error.hint == "Make one."
    assert family("no hint").hint == ""
