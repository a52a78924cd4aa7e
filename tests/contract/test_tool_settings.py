"""The settings of the tools are strict, and every exception says why it is one."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "pyproject.toml").read_text("utf-8")
TOOLS = tomllib.loads(TEXT)["tool"]


def test_every_lint_rule_is_on_but_the_listed_ones():
    assert TOOLS["ruff"]["lint"]["select"] == ["ALL"]


def test_every_switched_off_rule_has_its_reason():
    rules = set(TOOLS["ruff"]["lint"]["ignore"])
    for listed in TOOLS["ruff"]["lint"]["per-file-ignores"].values():
        rules |= set(listed)
    bare = [rule for rule in sorted(rules) if not re.search(rf'"{rule}",\s+# \S.{{3,}}', TEXT)]
    assert bare == []


def test_type_checking_is_strict():
    assert TOOLS["mypy"]["strict"] is True
    assert {
        "ignore-without-code",
        "possibly-undefined",
        "redundant-expr",
        "truthy-bool",
    } <= set(TOOLS["mypy"]["enable_error_code"])


def test_types_are_missing_only_for_foreign_packages():
    for override in TOOLS["mypy"]["overrides"]:
        if override.get("ignore_missing_imports"):
            assert not [m for m in override["module"] if m.startswith("sfta")]
        assert "ignore_errors" not in override


def test_warnings_are_errors_and_every_exception_has_its_reason():
    settings = TOOLS["pytest"]["ini_options"]
    assert settings["filterwarnings"][0] == "error"
    block = re.search(r"^filterwarnings = \[\n(.*?)^\]", TEXT, re.MULTILINE | re.DOTALL)
    assert block
    lines = block[1].splitlines()
    for before, line in pairwise(lines):
        if line.strip().startswith(("'", '"')):
            assert before.strip().startswith("#") or "#" in line, line
    assert settings["xfail_strict"] is True


SUPPRESSED = re.compile(r"# (?:noqa|type: ignore)\b.*")
EXPLAINED = re.compile(
    r"# (?:noqa: [A-Z]+\d+(?:, [A-Z]+\d+)* \w.{2,}|type: ignore\[[\w, -]+\].*)"
)


def test_a_suppressed_finding_names_its_rule_and_a_lint_rule_its_reason():
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for top in ("sfta", "export", "edge")
        for path in sorted((ROOT / top).rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if (found := SUPPRESSED.search(line)) and not EXPLAINED.fullmatch(found[0])
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("comment", "explained"),
    [
        ("# noqa: S506 a SafeLoader subclass", True),
        ("# noqa: S506", False),
        ("# noqa", False),
        ("# type: ignore[no-untyped-call]", True),
        ("# type: ignore", False),
    ],
)
def test_a_bare_suppression_is_noticed(comment, explained):
    assert SUPPRESSED.search(comment)
    assert bool(EXPLAINED.fullmatch(comment)) is explained
