"""The documents lead where they say, and name only what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for folder in (".", "docs", "containers", "benchmarks", "configs/quickstart")
    for path in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
    if "sources" not in path.parts
)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def name(path):
    return path.relative_to(ROOT).as_posix()


def anchors(path):
    """As a renderer makes them from headings."""
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles
    }


def broken(path, text):
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            yield target


def test_there_are_documents():
    names = {name(path) for path in DOCUMENTS}
    assert {"CHANGELOG.md", "docs/tutorial.md", "docs/threat-model.md"} <= names


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_inside_the_repository_lead_somewhere(path):
    assert list(broken(path, path.read_text("utf-8"))) == []


def test_a_broken_link_is_noticed():
    path = ROOT / "docs/tutorial.md"
    assert list(broken(path, "[a](no-such.md) [b](tutorial.md#nowhere) [c](tutorial.md)")) == [
        "no-such.md",
        "tutorial.md#nowhere",
    ]


def test_every_document_can_be_reached_from_the_table_of_contents():
    start = ROOT / "docs/README.md"
    seen, pending = set(), [start]
    while pending:
        path = pending.pop()
        if path in seen or path.suffix != ".md":
            continue
        seen.add(path)
        links = LINK.findall(path.read_text("utf-8"))
        found = [(path.parent / link.partition("#")[0]).resolve() for link in links]
        pending += [target for target in found if target.is_file()]
    lost = set((ROOT / "docs").rglob("*.md")) - seen
    assert sorted(map(name, lost)) == []


def test_every_decision_has_context_decision_and_consequences():
    for path in sorted((ROOT / "docs/decisions").glob("0*.md")):
        titles = re.findall(r"^## (.+)$", path.read_text("utf-8"), re.MULTILINE)
        assert titles == ["Context", "Decision", "Consequences"], name(path)


def test_the_changelog_knows_this_version():
    version = re.search(
        r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert version
    assert f"## [{version[1]}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
