"""Stage bundle: nothing ships below its gates, and the same inputs give the same bytes."""

import json
import zipfile
from dataclasses import dataclass, replace
from importlib.resources import files

import numpy as np
import pytest

from sfta.adapters import wheelhouse
from sfta.adapters.model_licence import ModelLicence
from sfta.adapters.wheel_file import Wheel
from sfta.core.artifact import Artifact
from sfta.core.stage import Job, Runtime
from sfta.documents.config import IndexConfig
from sfta.recipe import Recipe
from sfta.stages import bundle, papers
from sfta.stages.cards import ModelFacts, data_card, model_card
from sfta.stages.sbom import Part, sbom
from sfta_edge.bundle import verify_bundle
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.knowledge import write_knowledge
from sfta_edge.manifest import MANIFEST, FileEntry, Manifest, payload
from sfta_edge.prompt import PromptContract
from sfta_edge.signature import fingerprint, generate_key, load_public_key

CONTRACT = PromptContract(
    **{name: name for name in PromptContract.__dataclass_fields__}  # any text will do
)
REPORT = {
    "gates": [
        {"name": "min_token_f1", "value": 0.71234, "bound": 0.5, "passed": True},
        {"name": "beat_baseline", "value": 0.1, "bound": 0.0, "passed": True},
        {"name": "beat_trivial", "value": 0.2, "bound": 0.0, "passed": True},
    ],
    "passed": True,
    "verdict": "Fine-tuning helps.",
    "settings": {
        "scheme": "Q8_0",
        "top_k": 3,
        "max_answer_tokens": 150,
        "context_tokens": 2048,
        "refusal_threshold": 0.25,
        "choose_quotes": True,
        "weights": {"similarity": 7.5},
    },
    "arms": {
        "raft_rag": {
            "metrics": {"token_f1": 0.71234, "refusal_f1": None},
            "intervals": {"token_f1": [0.6, 0.8], "refusal_f1": None},
        }
    },
}


@dataclass(frozen=True)
class Identity:
    name: str = "e"
    sha256: str = "0" * 64
    dimension: int = 4


def artifact(folder, kind, contents, **facts):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / MANIFEST).write_bytes(Manifest.of(folder, kind, facts).to_bytes())
    return Artifact.open(folder)


def index_artifact(folder):
    folder.mkdir(parents=True)
    text = "Stop | the machine."
    document = {
        "id": "d1",
        "name": "manual.pdf",
        "title": "Manual",
        "sha256": "ab" * 32,
        "media_type": "application/pdf",
        "pages": [{"number": 1, "text": text, "width": 1, "height": 1, "lines": []}],
    }
    chunk = {"id": "c1", "document_id": "d1", "page": 1, "start": 0, "end": len(text)}
    chunk |= {"heading": "", "text": text, "tokens": 3, "ordinal": 0}
    vector = np.array([[1, 0, 0, 0]], dtype=np.float32)
    write_knowledge(folder / "knowledge.sqlite", [document], [chunk], vector, Identity())
    return artifact(folder, "index", {"embedder.gguf": "embedder"}, key="index-key")


def changed(**settings):
    """The report with other settings; None leaves one out."""
    kept = {**REPORT["settings"], **settings}
    return {**REPORT, "settings": {k: v for k, v in kept.items() if v is not None}}


def make_inputs(folder, report=REPORT, **measured):
    """All inputs of the stage; `measured` replaces digests in the report."""
    gguf = artifact(
        folder / "gguf",
        "gguf",
        {"model-Q8_0.gguf": "weights", "prompt.json": CONTRACT.to_bytes(), "parity.json": "{}"},
        key="gguf-key",
    )
    made = {
        "gguf": gguf,
        "index": index_artifact(folder / "index"),
        "dataset": artifact(
            folder / "dataset",
            "dataset",
            {"README.md": "---\nlicense: x\n---\n# Rows\n7 rows\n"},
        ),
    }
    digests = {kind: made[kind].digest for kind in made} | measured
    report = {**report, "settings": {**report["settings"], "inputs": digests}}
    texts = {"report.json": json.dumps(report), "report.html": "<p>report</p>"}
    made["report"] = artifact(folder / "report", "report", texts)
    return made


def write_wheel(folder, name, number):
    stem = f"{name}-{number}"
    target = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {number}\n"
        metadata += "License-Expression: MIT\n"
        archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/METADATA"), metadata)
        archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/licenses/LICENSE"), f"of {name}")
    return Wheel.read(target)


@pytest.fixture(name="house")
def _house(tmp_path, monkeypatch):
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheels = (write_wheel(folder, "part", "1.0"), write_wheel(folder, "sfta_edge", "0.1.0"))
    (folder / "requirements.txt").write_bytes(wheelhouse.requirements(wheels))
    house = wheelhouse.Wheelhouse(folder, wheels)
    monkeypatch.setattr(wheelhouse, "gather", lambda pythons, cache: house)
    monkeypatch.setattr(wheelhouse, "identity", lambda pythons, cache: {"pythons": pythons})
    return house


BASE = ModelLicence("Apache-2.0", {"LICENSE": b"of the base"})
LICENCES = {"maker/small-1b": BASE, IndexConfig().embedder: ModelLicence("MIT")}


@pytest.fixture(autouse=True)
def _licences(monkeypatch):
    """What the hub and an installed package say of the two models."""
    monkeypatch.setattr(papers, "model_licence", lambda spec, cache, root: LICENCES[spec])


@pytest.fixture(name="recipe")
def _recipe():
    return Recipe.model_validate(
        {
            "name": "manuals",
            "ingest": {"sources": ["x"]},
            "model": {"base": "maker/small-1b"},
            "retrieval": {"top_k": 3},
            "bundle": {"counter": 4, "pythons": ["3.11"]},
        }
    )


@pytest.fixture(name="job")
def _job(tmp_path, recipe, house):
    generate_key(tmp_path / "maker.key", tmp_path / "maker.pem")
    runtime = Runtime(cache=tmp_path / "cache", signing_key=tmp_path / "maker.key")
    for name in ("out", "work"):
        (tmp_path / name).mkdir()
    return Job(
        recipe, make_inputs(tmp_path / "runs"), tmp_path / "out", tmp_path / "work", runtime
    )


@pytest.fixture(name="public")
def _public(job, tmp_path):
    return load_public_key(tmp_path / "maker.pem")


def test_folder_and_file_verify_with_the_public_key(job, public):
    metrics = bundle.run(job)
    manifest = verify_bundle(job.out / "bundle", public)
    assert verify_bundle(job.out / "manuals-4.tar", public) == manifest
    assert metrics["digest"] == manifest.digest[:16]
    assert metrics["counter"] == 4
    assert metrics["wheels"] == 2
    assert metrics["bytes"] == (job.out / "manuals-4.tar").stat().st_size


def test_a_bundle_holds_all_its_parts(job, public):
    bundle.run(job)
    listed = {entry.path for entry in verify_bundle(job.out / "bundle", public).files}
    assert listed == {
        "DATA_CARD.md",
        "MODEL_CARD.md",
        "SHA256SUMS",
        "embedder/embedder.gguf",
        "install.sh",
        "knowledge/knowledge.sqlite",
        "licences/base-model/LICENSE",
        "licences/part-1.0/LICENSE",
        "licences/sfta-edge-0.1.0/LICENSE",
        "model/manuals-Q8_0.gguf",
        "prompt.json",
        "report.html",
        "report.json",
        "sbom.json",
        "wheels/part-1.0-py3-none-any.whl",
        "wheels/requirements.txt",
        "wheels/sfta_edge-0.1.0-py3-none-any.whl",
    }
    script = files("sfta_edge").joinpath("install.sh").read_bytes()
    assert (job.out / "bundle/install.sh").read_bytes() == script
    assert (job.out / "bundle/model/manuals-Q8_0.gguf").read_bytes() == b"weights"


def test_the_model_card_says_under_which_licences_the_models_are(job):
    bundle.run(job)
    text = (job.out / "bundle/MODEL_CARD.md").read_text()
    assert (
        "- Licence of the base model: `Apache-2.0`; the text is in `licences/base-model/`.\n"
        in text
    )
    assert "- Licence of the embedder: `MIT`; its text was not found" in text
    assert (job.out / "bundle/licences/base-model/LICENSE").read_bytes() == b"of the base"


def test_the_bill_of_materials_names_the_licences_of_the_models(job):
    bundle.run(job)
    found = json.loads((job.out / "bundle/sbom.json").read_text())
    licences = {c["bom-ref"]: c.get("licenses") for c in found["components"]}
    assert licences["model/manuals-Q8_0.gguf"] == [{"expression": "Apache-2.0"}]
    assert licences["embedder/embedder.gguf"] == [{"expression": "MIT"}]
    assert licences["knowledge/knowledge.sqlite"] is None


def test_another_licence_text_is_another_bundle(job, monkeypatch):
    before = bundle.STAGE.external(job.recipe, job.runtime)
    changed = ModelLicence("Apache-2.0", {"LICENSE": b"another"})
    monkeypatch.setitem(LICENCES, "maker/small-1b", changed)
    after = bundle.STAGE.external(job.recipe, job.runtime)
    assert before["licences"]["base-model"] != after["licences"]["base-model"]
    assert before["licences"]["embedder"] == after["licences"]["embedder"]


def test_the_facts_say_how_to_answer_and_where_it_comes_from(job, public):
    bundle.run(job)
    facts = verify_bundle(job.out / "bundle", public).facts
    assert facts["answer"] == {
        "top_k": 3,
        "candidates": job.recipe.retrieval.candidates,
        "max_tokens": 150,
        "context_tokens": 2048,
        "refusal_threshold": 0.25,
        "choose_quotes": True,
        "weights": {"similarity": 7.5},
    }
    assert (facts["name"], facts["counter"]) == ("manuals", 4)
    assert facts["compat"]["python"] == ["3.11"]
    assert facts["key"] == fingerprint(public)
    assert facts["report"] == job.inputs["report"].digest
    assert facts["made_from"]["gguf"] == job.inputs["gguf"].digest
    assert facts["keys"]["gguf"] == "gguf-key"
    for part in ("model", "embedder", "knowledge", "prompt"):
        assert (job.out / "bundle" / facts[part]).is_file()


def test_the_same_inputs_give_the_same_bytes(job, tmp_path):
    bundle.run(job)
    other = replace(job, out=tmp_path / "other")
    other.out.mkdir()
    bundle.run(other)
    for path in [*payload(job.out), job.out / "bundle" / MANIFEST]:
        twin = other.out / path.relative_to(job.out)
        assert path.read_bytes() == twin.read_bytes(), path


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"passed": False}, "the report is not passed"),
        ({"gates": []}, "beat_baseline is missing, beat_trivial is missing"),
        ({"gates": REPORT["gates"][:2]}, "not passed: beat_trivial is missing"),
        ({"gates": REPORT["gates"][::2]}, "not passed: beat_baseline is missing"),
        ({"gates": [{"name": "min_f1", "passed": False}]}, "not passed: min_f1"),
        ({"gates": [{"name": "min_f1", "passed": "yes"}]}, "not passed: min_f1"),
        ({"gates": [{"name": "a", "passed": True}], "passed": "yes"}, "not passed"),
        (changed(scheme="Q4_0"), "measured Q4_0, but bundle.scheme is Q8_0"),
    ],
)
def test_nothing_ships_without_a_passing_report(job, tmp_path, change, reason):
    inputs = make_inputs(tmp_path / "other", {**REPORT, **change})
    with pytest.raises(SftaError, match=reason) as caught:
        bundle.run(replace(job, inputs=inputs))
    assert caught.value.hint
    assert list(job.out.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"gates": 1, "passed": true}', "null"])
def test_a_report_that_cannot_be_read_is_no_passing_report(job, tmp_path, content):
    report = artifact(tmp_path / "r", "report", {"report.json": content, "report.html": ""})
    with pytest.raises(IntegrityError, match="is not readable"):
        bundle.run(replace(job, inputs={**job.inputs, "report": report}))


@pytest.mark.parametrize("kind", ["gguf", "index"])
def test_a_report_on_another_model_is_refused(job, tmp_path, kind):
    inputs = make_inputs(tmp_path / "other", **{kind: "another digest"})
    with pytest.raises(IntegrityError, match=f"made with another {kind}"):
        bundle.run(replace(job, inputs=inputs))


@pytest.mark.parametrize(
    "settings",
    [
        {"top_k": None},
        {"top_k": 0},
        {"max_answer_tokens": "many"},
        {"refusal_threshold": None},
        {"refusal_threshold": 1.5},
        {"choose_quotes": "yes"},
        {"weights": {"taste": 1}},
        {"context_tokens": -1},
    ],
)
def test_a_report_must_say_how_the_device_is_to_answer(job, tmp_path, settings):
    inputs = make_inputs(tmp_path / "other", changed(**settings))
    with pytest.raises(IntegrityError, match="does not say how the device is to answer"):
        bundle.run(replace(job, inputs=inputs))


def test_a_prompt_contract_that_cannot_be_read_does_not_ship(job, tmp_path):
    gguf = artifact(tmp_path / "g", "gguf", {"model-Q8_0.gguf": "w", "prompt.json": "{}"})
    inputs = make_inputs(tmp_path / "other", gguf=gguf.digest)
    with pytest.raises(IntegrityError, match="prompt contract"):
        bundle.run(replace(job, inputs={**inputs, "gguf": gguf}))


def test_without_a_key_nothing_is_signed(job):
    runtime = replace(job.runtime, signing_key=None)
    with pytest.raises(ConfigError, match="sfta keygen"):
        bundle.run(replace(job, runtime=runtime))
    assert "sfta keygen" in bundle.STAGE.check(job.recipe, runtime)[0]


def test_everything_is_checked_before_the_run(job):
    assert bundle.STAGE.check(job.recipe, job.runtime) == []


def test_a_scheme_that_is_not_exported_is_said_before_the_run(job):
    recipe = job.recipe.model_copy(
        update={"bundle": job.recipe.bundle.model_copy(update={"scheme": "Q4_0"})}
    )
    assert bundle.STAGE.check(recipe, job.runtime) == [
        "bundle.scheme Q4_0 is not exported (Q8_0)"
    ]


def test_a_key_that_cannot_be_read_is_said_before_the_run(job, tmp_path):
    runtime = replace(job.runtime, signing_key=tmp_path / "maker.pem")
    assert "cannot read the private key" in bundle.STAGE.check(job.recipe, runtime)[0]


def test_another_key_is_another_bundle(job, tmp_path):
    generate_key(tmp_path / "second.key", tmp_path / "second.pem")
    other = replace(job.runtime, signing_key=tmp_path / "second.key")
    before, after = (bundle.STAGE.external(job.recipe, r) for r in (job.runtime, other))
    assert before["wheels"] == after["wheels"]
    assert before["key"] != after["key"]


def test_the_private_key_is_in_no_file(job, tmp_path):
    bundle.run(job)
    secret = (tmp_path / "maker.key").read_bytes().splitlines()[1]
    for path in [*payload(job.out), job.out / "bundle" / MANIFEST]:
        assert secret not in path.read_bytes()
        assert b"maker.key" not in path.read_bytes()


def test_the_bill_of_materials_is_valid_cyclonedx(job):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    bundle.run(job)
    text = (job.out / "bundle/sbom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    found = json.loads(text)
    hashes = {c["bom-ref"]: c["hashes"][0]["content"] for c in found["components"]}
    manifest = Manifest.read(job.out / "bundle")
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


def test_the_model_card_states_gates_figures_and_limits(job):
    bundle.run(job)
    text = (job.out / "bundle/MODEL_CARD.md").read_text()
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


def test_the_data_card_lists_the_documents_then_the_training_data(job):
    bundle.run(job)
    text = (job.out / "bundle/DATA_CARD.md").read_text()
    assert f"| Manual | manual.pdf | 1 | 1 | {'ab' * 8} |" in text
    assert text.endswith("# Rows\n7 rows\n")
    assert "license: x" not in text


def test_a_title_cannot_break_the_table():
    row = {"id": "d", "title": "A | B\nC", "name": "n", "pages": 1, "sha256": "0" * 64}
    assert "| A \\| B C | n |" in data_card([row], {}, "")


def test_settings_refuse_what_cannot_be():
    from pydantic import ValidationError

    from sfta.stages.config import BundleConfig, ExportConfig

    for changes in ({"counter": 0}, {"scheme": "Q9"}, {"pythons": ["3"]}, {"surprise": 1}):
        with pytest.raises(ValidationError):
            BundleConfig(**changes)
    for schemes in ([], ["Q8_0", "Q8_0"], ["nonsense"]):
        with pytest.raises(ValidationError):
            ExportConfig(schemes=schemes)


def test_the_schemes_of_a_recipe_are_those_the_exporter_knows():
    from typing import get_args

    from sfta.stages.config import Scheme
    from sfta_export.gguf import FLOAT_SCHEMES
    from sfta_export.quantization import SCHEMES

    assert set(get_args(Scheme)) == {*SCHEMES, *FLOAT_SCHEMES}
