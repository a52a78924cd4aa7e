"""What the owner says about documents, in files beside them."""

import pytest

from sfta.documents.particulars import (
    Particulars,
    matches,
    merged,
    read_folder,
    read_particulars,
)
from sfta_edge.errors import ConfigError


@pytest.fixture
def write(tmp_path):
    def write_text(text):
        path = tmp_path / "facts.yaml"
        path.write_text(text)
        return path

    return write_text


def test_one_document_has_its_facts(write):
    path = write("title: Pump manual\nowner: ACME\nlicence: CC-BY-4.0\nlanguage: de\n")
    assert read_particulars(path, "a.pdf.meta.yaml") == Particulars(
        title="Pump manual", owner="ACME", licence="CC-BY-4.0", language="de"
    )


def test_a_folder_gives_facts_by_glob_in_order(write):
    path = write('"*.pdf":\n  owner: ACME\n"secret/*":\n  access: service\n')
    found = read_folder(path, "documents.yaml")
    assert list(found) == ["*.pdf", "secret/*"]
    assert found["secret/*"] == Particulars(access="service")


@pytest.mark.parametrize(
    ("glob", "name", "means"),
    [
        ("*.pdf", "a.pdf", True),
        ("*.pdf", "pumps/a.pdf", True),
        ("pumps/*", "pumps/a.pdf", True),
        ("pumps/*", "valves/a.pdf", False),
        ("a.pdf", "pumps/a.pdf", True),
        ("b.pdf", "pumps/a.pdf", False),
    ],
)
def test_a_glob_means_the_path_or_the_name(glob, name, means):
    assert matches(glob, name) is means


def test_of_several_facts_the_last_one_counts():
    found = merged(
        [Particulars(owner="A", licence="MIT"), Particulars(owner="B"), Particulars()]
    )
    assert found == Particulars(owner="B", licence="MIT")
    assert merged([]) == Particulars()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("license: MIT\n", r"a\.meta\.yaml has 1 problem:\n  license: .*did you mean licence"),
        ("language: German\n", r"language: string should match pattern"),
        ("owner: 7\n", r"owner: .*valid string"),
        ("owner: [\n", r"a\.meta\.yaml is not valid YAML"),
        ("- a\n", r"a\.meta\.yaml holds no settings"),
    ],
)
def test_a_wrong_sidecar_is_refused_with_its_name(write, text, message):
    with pytest.raises(ConfigError, match=message):
        read_particulars(write(text), "a.meta.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"*.pdf": ACME\n', r"documents\.yaml: '\*\.pdf' names no facts"),
        ('"*.pdf":\n  onwer: ACME\n', r"documents\.yaml: \*\.pdf has 1 problem:\n  onwer"),
    ],
)
def test_a_wrong_folder_file_is_refused_with_its_glob(write, text, message):
    with pytest.raises(ConfigError, match=message):
        read_folder(write(text), "documents.yaml")
