"""Cards and the bill of materials: true for any parts, readable by other programs."""

import json
import uuid
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sfta.adapters.wheel_file import Wheel
from sfta.stages.cards import ModelFacts, data_card, model_card
from sfta.stages.sbom import Part, sbom
from sfta_edge.manifest import FileEntry

FACTS = ModelFacts("pumps", 3, "maker/small-1b", "Q4_K_M", 12, 340, "`MIT`", "not stated")
GATE = {"name": "min_f1", "value": 0.71234, "bound": 0.5, "passed": True}
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
DIGESTS = st.integers(0, 2**256 - 1).map(lambda n: f"{n:064x}")
WHEELS = st.builds(
    lambda name, sha256, licence: Wheel(
        Path(f"/w/{name}-1.0-py3-none-any.whl"), name, "1.0", sha256, licence
    ),
    NAMES,
    DIGESTS,
    st.sampled_from(["MIT", "BSD-3-Clause OR MIT", "BSD License", "see file"]),
)
PARTS = st.builds(
    lambda name, sha256: Part("data", FileEntry(f"knowledge/{name}", 1, sha256), "documents"),
    NAMES,
    DIGESTS,
)


def document(name="manual.pdf", **changes):
    base = {"id": name, "title": "Manual", "name": name, "pages": 4, "sha256": "ab" * 32}
    return base | changes


def tables(text):
    """Every run of table lines, as numbers of columns."""
    return [
        line.replace("\\|", "").count("|") - 1 for line in text.splitlines() if line[:1] == "|"
    ]


def test_the_front_matter_of_a_model_card_is_yaml():
    _, front, rest = model_card(FACTS, {"gates": [GATE]}).split("---\n", 2)
    assert yaml.safe_load(front) == {
        "base_model": "maker/small-1b",
        "pipeline_tag": "question-answering",
        "tags": ["raft", "retrieval", "offline", "gguf"],
    }
    assert rest.lstrip().startswith("# pumps, bundle 3\n")


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({}, "| min_f1 | 0.712 | 0.500 | yes |"),
        ({"passed": False}, "| min_f1 | 0.712 | 0.500 | no |"),
        ({"value": None, "passed": False}, "| min_f1 | not measured | 0.500 | no |"),
        ({"value": 1}, "| min_f1 | 1.000 | 0.500 | yes |"),
        ({"bound": None}, "| min_f1 | 0.712 | not measured | yes |"),
    ],
)
def test_a_gate_is_shown_as_it_went(change, row):
    assert row in model_card(FACTS, {"gates": [GATE | change]}).splitlines()


@pytest.mark.parametrize(
    "arms",
    [{}, {"base": {"metrics": {"f1": 0.9}}}, {"raft_rag": None}, {"raft_rag": {"error": "x"}}],
)
def test_figures_of_another_arm_are_never_the_model_s(arms):
    text = model_card(FACTS, {"gates": [], "arms": arms})
    assert "## Measured" not in text
    assert "0.9" not in text


def test_a_figure_without_an_interval_has_an_empty_one():
    arm = {"metrics": {"b": 0.25, "a": None}, "intervals": {"a": None}}
    lines = model_card(FACTS, {"gates": [], "arms": {"raft_rag": arm}}).splitlines()
    at = lines.index("| a | not measured |  |")
    assert lines[at + 1] == "| b | 0.250 |  |"


def test_a_model_card_says_what_it_is_not_good_for():
    text = model_card(FACTS, {"gates": [], "verdict": "Fine-tuning does not help."})
    assert "12 documents (340 chunks)" in text
    assert text.index("does not help") < text.index("## Gates") < text.index("## Limits")
    assert "no substitute" in text


@given(st.text(alphabet="a|\n\\ -", max_size=20), st.text(alphabet="b|\n", max_size=10))
def test_no_title_or_name_makes_another_column(title, name):
    text = data_card([document(name, title=title.replace("\\", ""))], {}, "")
    assert tables(text) == [5, 5, 5]


@given(st.lists(NAMES, unique=True, max_size=6))
def test_the_data_card_lists_every_document_once_in_its_order(names):
    text = data_card([document(name) for name in names], {}, "")
    rows = [line for line in text.splitlines() if line.startswith("| Manual |")]
    assert [row.split(" | ")[1] for row in rows] == names


def test_a_document_without_chunks_says_zero():
    text = data_card([document("a"), document("b")], {"b": 7}, "")
    assert "| Manual | a | 4 | 0 |" in text
    assert "| Manual | b | 4 | 7 |" in text


@pytest.mark.parametrize(
    ("card", "end"),
    [
        ("---\nlicense: mit\n---\n# Rows\n\n7 rows\n", "# Rows\n\n7 rows\n"),
        ("# Rows\n---\nbelow a rule\n", "# Rows\n---\nbelow a rule\n"),
        ("---\na: 1\n---\nfirst\n---\nsecond\n", "first\n---\nsecond\n"),
    ],
)
def test_only_the_front_matter_of_the_dataset_s_card_is_left_out(card, end):
    assert data_card([], {}, card).endswith("## Training data\n\n" + end)


def test_the_data_card_warns_that_the_documents_can_be_read():
    assert "whoever has the bundle can read them" in data_card([], {}, "")


@given(st.lists(WHEELS, max_size=4), st.lists(PARTS, max_size=4))
def test_the_bill_lists_every_part_with_its_hash_and_nothing_else(wheels, parts):
    bill = json.loads(sbom("pumps", 3, wheels, parts))
    hashes = [one["hashes"] for one in bill["components"]]
    digests = [wheel.sha256 for wheel in wheels] + [part.file.sha256 for part in parts]
    assert hashes == [[{"alg": "SHA-256", "content": digest}] for digest in digests]
    (root,) = bill["dependencies"]
    assert root["ref"] == bill["metadata"]["component"]["bom-ref"]
    assert root["dependsOn"] == sorted(one["bom-ref"] for one in bill["components"])


@given(st.lists(WHEELS, max_size=3), st.lists(PARTS, min_size=1, max_size=3), DIGESTS)
def test_the_serial_number_follows_the_parts(wheels, parts, digest):
    def serial(*arguments):
        text = json.loads(sbom(*arguments))["serialNumber"]
        return uuid.UUID(text)

    one = serial("pumps", 3, wheels, parts)
    assert serial("pumps", 3, wheels, parts) == one
    assert serial("pumps", 4, wheels, parts) != one
    changed = [Part("data", FileEntry(parts[0].file.path, 1, digest), "documents"), *parts[1:]]
    assert (serial("pumps", 3, wheels, changed) == one) is (changed == parts)


def test_a_wheel_in_the_bill_can_be_looked_up_in_the_package_index():
    wheel = Wheel(Path("/w/apsw-3.54-cp311.whl"), "apsw", "3.54", "0" * 64, "MIT")
    (found,) = json.loads(sbom("n", 1, [wheel], []))["components"]
    assert found["purl"] == "pkg:pypi/apsw@3.54"
    assert found["bom-ref"] == "wheels/apsw-3.54-cp311.whl"


def test_the_bill_holds_no_date_and_no_path_of_the_factory(tmp_path):
    wheel = Wheel(tmp_path / "a-1-py3-none-any.whl", "a", "1", "0" * 64, "MIT")
    text = sbom("n", 1, [wheel], []).decode()
    assert str(tmp_path) not in text
    assert "timestamp" not in text


def test_what_is_known_of_documents_has_a_column():
    known = document("a", language="en", licence="MIT", owner="ACME", access="")
    text = data_card([known, document("b", language="de")], {}, "")
    assert (
        "| title | file | pages | chunks | SHA-256 begins | language | licence | owner |"
        in text
    )
    assert "| en | MIT | ACME |\n" in text
    assert "| de |  |  |\n" in text
    assert "access" not in text
