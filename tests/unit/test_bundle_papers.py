"""Cards and bill of materials of a bundle: licences, gates, figures and documents."""

import json

import pytest

from bundle_inputs import REPORT
from sfta.adapters.wheel_file import Wheel
from sfta.stages import bundle
from sfta.stages.cards import ModelFacts, data_card, model_card
from sfta.stages.sbom import Part, sbom
from sfta_edge.manifest import FileEntry, Manifest

pytestmark = pytest.mark.usefixtures("known_licences")


def test_the_model_card_says_under_which_licences_the_models_are(bundle_job):
    bundle.run(bundle_job)
    text = (bundle_job.out / "bundle/MODEL_CARD.md").read_text()
    assert (
        "- Licence of the base model: `Apache-2.0`; the text is in `licences/base-model/`.\n"
        in text
    )
    assert "- Licence of the embedder: `MIT`; its text was not found" in text
    assert (
        bundle_job.out / "bundle/licences/base-model/LICENSE"
    ).read_bytes() == b"of the base"


def test_the_bill_of_materials_names_the_licences_of_the_models(bundle_job):
    bundle.run(bundle_job)
    found = json.loads((bundle_job.out / "bundle/sbom.json").read_text())
    licences = {c["bom-ref"]: c.get("licenses") for c in found["components"]}
    assert licences["model/manuals-Q8_0.gguf"] == [{"expression": "Apache-2.0"}]
    assert licences["embedder/embedder.gguf"] == [{"expression": "MIT"}]
    assert licences["knowledge/knowledge.sqlite"] is None


def test_the_bill_of_materials_is_valid_cyclonedx(bundle_job):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    bundle.run(bundle_job)
    text = (bundle_job.out / "bundle/sbom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found = json.loads(text)
    hashes = {c["bom-ref"]: c["hashes"][0]["content"] for c in found["components"]}
    manifest = Manifest.read(bundle_job.out / "bundle")
    for entry in manifest.files:
        if entry.path.endswith((".whl", ".gguf", ".sqlite")):
            assert hashes[entry.path] == entry.sha256
    assert len(hashes) == 6


def test_the_bill_of_materials_notices_what_is_wrong():
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str('{"bomFormat": "other", "specVersion": "1.6"}') is not None


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("mit or apache-2.0", {"expression": "MIT OR Apache-2.0"}),
        ("Apache 2.0", {"license": {"name": "Apache 2.0"}}),
        ("BSD License", {"license": {"name": "BSD License"}}),
    ],
)
def test_a_licence_is_an_expression_or_a_name(tmp_path, stated, expected):
    wheel = Wheel(tmp_path / "a.whl", "a", "1", "0" * 64, stated)
    part = Part("data", FileEntry("k", 1, "0" * 64), "documents")
    found = json.loads(sbom("n", 1, [wheel], [part]))
    assert found["components"][0]["licenses"] == [expected]


def test_the_model_card_states_gates_figures_and_limits(bundle_job):
    bundle.run(bundle_job)
    text = (bundle_job.out / "bundle/MODEL_CARD.md").read_text()
    assert text.startswith("---\nbase_model: maker/small-1b\n")
    assert "| min_token_f1 | 0.712 | 0.500 | yes |" in text
    assert "| token_f1 | 0.712 | 0.600 to 0.800 |" in text
    assert "| refusal_f1 | not measured |  |" in text
    assert "Fine-tuning helps." in text
    assert "1 documents (1 chunks)" in text


def test_a_model_card_can_do_without_figures():
    facts = ModelFacts("n", 1, "b", "Q8_0", 2, 3, "`MIT`", "`MIT`")
    text = model_card(facts, {"gates": REPORT["gates"]})
    assert "## Measured" not in text
    assert "The report states no verdict." in text


def test_the_data_card_lists_the_documents_then_the_training_data(bundle_job):
    bundle.run(bundle_job)
    text = (bundle_job.out / "bundle/DATA_CARD.md").read_text()
    assert f"| Manual | manual.pdf | 1 | 1 | {'ab' * 8} |" in text
    assert text.endswith("# Rows\n7 rows\n")
    assert "license: x" not in text


def test_a_title_cannot_break_the_table():
    row = {"id": "d", "title": "A | B\nC", "name": "n", "pages": 1, "sha256": "0" * 64}
    assert "| A \\| B C | n |" in data_card([row], {}, "")
