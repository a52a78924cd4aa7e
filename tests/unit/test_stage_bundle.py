"""Stage bundle: nothing ships below its gates, and the same inputs give the same bytes."""

from dataclasses import replace
from importlib.resources import files

import pytest

from bundle_inputs import LICENCES, REPORT, artifact, make_inputs
from sfta.adapters.model_licence import ModelLicence
from sfta.stages import bundle
from sfta_edge.bundle import verify_bundle
from sfta_edge.errors import ConfigError, IntegrityError, SftaError
from sfta_edge.manifest import MANIFEST, payload
from sfta_edge.signature import fingerprint, generate_key, load_public_key

pytestmark = pytest.mark.usefixtures("known_licences")


def changed(**settings):
    """The report with other settings; None leaves one out."""
    kept = {**REPORT["settings"], **settings}
    return {**REPORT, "settings": {k: v for k, v in kept.items() if v is not None}}


def without(name):
    """The report without one of its gates."""
    return {"gates": [gate for gate in REPORT["gates"] if gate["name"] != name]}


@pytest.fixture(name="bundle_public_key")
def _public(bundle_job, tmp_path):
    return load_public_key(tmp_path / "maker.pem")


def test_folder_and_file_verify_with_the_public_key(bundle_job, bundle_public_key):
    metrics = bundle.run(bundle_job)
    manifest = verify_bundle(bundle_job.out / "bundle", bundle_public_key)
    assert verify_bundle(bundle_job.out / "manuals-4.tar", bundle_public_key) == manifest
    assert metrics["digest"] == manifest.digest[:16]
    assert metrics["counter"] == 4
    assert metrics["wheels"] == 2
    assert metrics["bytes"] == (bundle_job.out / "manuals-4.tar").stat().st_size


def test_a_bundle_holds_all_its_parts(bundle_job, bundle_public_key):
    bundle.run(bundle_job)
    listed = {
        entry.path
        for entry in verify_bundle(bundle_job.out / "bundle", bundle_public_key).files
    }
    assert listed == {
        "DATA_CARD.md",
        "MODEL_CARD.md",
        "SHA256SUMS",
        "embedder/embedder.gguf",
        "golden.json",
        "install.sh",
        "knowledge/knowledge.sqlite",
        "licences/REPORT.md",
        "licences/base-model/LICENSE",
        "licences/part-1.0/LICENSE",
        "licences/sfta-edge-0.1.0/LICENSE",
        "model.sig",
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
    assert (bundle_job.out / "bundle/install.sh").read_bytes() == script
    assert (bundle_job.out / "bundle/model/manuals-Q8_0.gguf").read_bytes() == b"weights"


def test_another_licence_text_is_another_bundle(bundle_job, monkeypatch):
    before = bundle.STAGE.external(bundle_job.recipe, bundle_job.runtime)
    changed = ModelLicence("Apache-2.0", {"LICENSE": b"another"})
    monkeypatch.setitem(LICENCES, "maker/small-1b", changed)
    after = bundle.STAGE.external(bundle_job.recipe, bundle_job.runtime)
    assert before["licences"]["base-model"] != after["licences"]["base-model"]
    assert before["licences"]["embedder"] == after["licences"]["embedder"]


def test_the_facts_say_how_to_answer_and_where_it_comes_from(bundle_job, bundle_public_key):
    bundle.run(bundle_job)
    facts = verify_bundle(bundle_job.out / "bundle", bundle_public_key).facts
    assert facts["answer"] == {
        "top_k": 3,
        "candidates": bundle_job.recipe.retrieval.candidates,
        "max_tokens": 150,
        "context_tokens": 2048,
        "refusal_threshold": 0.25,
        "choose_quotes": True,
        "weights": {"similarity": 7.5},
    }
    assert (facts["name"], facts["counter"]) == ("manuals", 4)
    assert facts["compat"]["python"] == ["3.11"]
    assert facts["key"] == fingerprint(bundle_public_key)
    assert facts["report"] == bundle_job.inputs["report"].digest
    assert facts["made_from"]["gguf"] == bundle_job.inputs["gguf"].digest
    assert facts["keys"]["gguf"] == "gguf-key"
    for part in ("model", "embedder", "knowledge", "prompt"):
        assert (bundle_job.out / "bundle" / facts[part]).is_file()


def test_the_same_inputs_give_the_same_bytes(bundle_job, tmp_path):
    bundle.run(bundle_job)
    other = replace(bundle_job, out=tmp_path / "other")
    other.out.mkdir()
    bundle.run(other)
    for path in [*payload(bundle_job.out), bundle_job.out / "bundle" / MANIFEST]:
        twin = other.out / path.relative_to(bundle_job.out)
        assert path.read_bytes() == twin.read_bytes(), path


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"passed": False}, "the report is not passed"),
        (
            {"gates": []},
            "beat_baseline is missing, beat_trivial is missing, quotes_hold is missing",
        ),
        (without("beat_baseline"), "not passed: beat_baseline is missing"),
        (without("beat_trivial"), "not passed: beat_trivial is missing"),
        (without("quotes_hold"), "not passed: quotes_hold is missing"),
        ({"gates": [{"name": "min_f1", "passed": False}]}, "not passed: min_f1"),
        ({"gates": [{"name": "min_f1", "passed": "yes"}]}, "not passed: min_f1"),
        ({"gates": [{"name": "a", "passed": True}], "passed": "yes"}, "not passed"),
        (changed(scheme="Q4_0"), "measured Q4_0, but bundle.scheme is Q8_0"),
    ],
)
def test_nothing_ships_without_a_passing_report(bundle_job, tmp_path, change, reason):
    inputs = make_inputs(tmp_path / "other", {**REPORT, **change})
    with pytest.raises(SftaError, match=reason) as caught:
        bundle.run(replace(bundle_job, inputs=inputs))
    assert caught.value.hint
    assert list(bundle_job.out.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"gates": 1, "passed": true}', "null"])
def test_a_report_that_cannot_be_read_is_no_passing_report(bundle_job, tmp_path, content):
    report = artifact(tmp_path / "r", "report", {"report.json": content, "report.html": ""})
    with pytest.raises(IntegrityError, match="is not readable"):
        bundle.run(replace(bundle_job, inputs={**bundle_job.inputs, "report": report}))


@pytest.mark.parametrize("kind", ["gguf", "index"])
def test_a_report_on_another_model_is_refused(bundle_job, tmp_path, kind):
    inputs = make_inputs(tmp_path / "other", **{kind: "another digest"})
    with pytest.raises(IntegrityError, match=f"made with another {kind}"):
        bundle.run(replace(bundle_job, inputs=inputs))


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
def test_a_report_must_say_how_the_device_is_to_answer(bundle_job, tmp_path, settings):
    inputs = make_inputs(tmp_path / "other", changed(**settings))
    with pytest.raises(IntegrityError, match="does not say how the device is to answer"):
        bundle.run(replace(bundle_job, inputs=inputs))


def test_a_prompt_contract_that_cannot_be_read_does_not_ship(bundle_job, tmp_path):
    gguf = artifact(tmp_path / "g", "gguf", {"model-Q8_0.gguf": "w", "prompt.json": "{}"})
    inputs = make_inputs(tmp_path / "other", gguf=gguf.digest)
    with pytest.raises(IntegrityError, match="prompt contract"):
        bundle.run(replace(bundle_job, inputs={**inputs, "gguf": gguf}))


def test_without_a_key_nothing_is_signed(bundle_job):
    runtime = replace(bundle_job.runtime, signing_key=None)
    with pytest.raises(ConfigError, match="sfta keygen"):
        bundle.run(replace(bundle_job, runtime=runtime))
    assert "sfta keygen" in bundle.STAGE.check(bundle_job.recipe, runtime)[0]


def test_everything_is_checked_before_the_run(bundle_job):
    assert bundle.STAGE.check(bundle_job.recipe, bundle_job.runtime) == []


def test_a_scheme_that_is_not_exported_is_said_before_the_run(bundle_job):
    recipe = bundle_job.recipe.model_copy(
        update={"bundle": bundle_job.recipe.bundle.model_copy(update={"scheme": "Q4_0"})}
    )
    assert bundle.STAGE.check(recipe, bundle_job.runtime) == [
        "bundle.scheme Q4_0 is not exported (Q8_0)"
    ]


def test_a_key_that_cannot_be_read_is_said_before_the_run(bundle_job, tmp_path):
    runtime = replace(bundle_job.runtime, signing_key=tmp_path / "maker.pem")
    assert "cannot read the private key" in bundle.STAGE.check(bundle_job.recipe, runtime)[0]


def test_another_key_is_another_bundle(bundle_job, tmp_path):
    generate_key(tmp_path / "second.key", tmp_path / "second.pem")
    other = replace(bundle_job.runtime, signing_key=tmp_path / "second.key")
    before, after = (
        bundle.STAGE.external(bundle_job.recipe, r) for r in (bundle_job.runtime, other)
    )
    assert before["wheels"] == after["wheels"]
    assert before["key"] != after["key"]


def test_the_private_key_is_in_no_file(bundle_job, tmp_path):
    bundle.run(bundle_job)
    secret = (tmp_path / "maker.key").read_bytes().splitlines()[1]
    for path in [*payload(bundle_job.out), bundle_job.out / "bundle" / MANIFEST]:
        assert secret not in path.read_bytes()
        assert b"maker.key" not in path.read_bytes()


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
