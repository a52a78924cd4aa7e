"""What a recipe says of its devices, of its wheels and of licences, before anything is made."""

import json

import pytest
from pydantic import ValidationError

from bundle_inputs import LICENCES
from sfta.adapters.model_licence import ModelLicence
from sfta.stages import bundle, licences
from sfta.stages.config import BundleConfig
from sfta.stages.wheel_order import compat, device_problems, wheel_order
from sfta_edge.bundle import verify_bundle
from sfta_edge.errors import ConfigError
from sfta_edge.signature import load_public_key

pytestmark = pytest.mark.usefixtures("known_licences")


def with_bundle(recipe, **changes):
    chosen = BundleConfig.model_validate({**recipe.bundle.model_dump(), **changes})
    return recipe.model_copy(update={"bundle": chosen})


@pytest.mark.parametrize(
    ("system", "python", "glibc"),
    [
        ("debian-12", "3.11", "2.36"),
        ("debian-13", "3.13", "2.41"),
        ("ubuntu-24.04", "3.12", "2.39"),
    ],
)
def test_a_system_stands_for_its_python_and_c_library(bundle_recipe, system, python, glibc):
    target = {"machine": "aarch64", "system": system}
    order = wheel_order(with_bundle(bundle_recipe, pythons=[], target=target))
    assert (order.target.machine, order.target.glibc) == ("aarch64", glibc)
    assert order.target.pythons == (python,)


@pytest.mark.parametrize(
    "changes",
    [
        {"target": {"system": "debian-12"}, "pythons": ["3.12"]},
        {"target": {"system": "debian-12", "glibc": "2.31"}},
        {"target": {"machine": "armv7l"}},
        {"target": {"system": "debian-9"}},
        {"target": {"glibc": "3"}},
        {"licence_exceptions": {"pymupdf": ""}},
    ],
)
def test_a_target_that_contradicts_itself_or_is_unknown_is_refused(changes):
    with pytest.raises(ValidationError):
        BundleConfig.model_validate(changes)


def test_the_folder_of_wheels_is_relative_to_the_recipe(bundle_recipe):
    order = wheel_order(with_bundle(bundle_recipe, wheels="../pi"))
    assert order.folder == bundle_recipe.root / "../pi"


def test_the_manifest_says_which_devices_take_the_bundle(bundle_recipe, wheel_house):
    target = {"machine": "aarch64", "system": "debian-12"}
    order = wheel_order(with_bundle(bundle_recipe, pythons=[], target=target))
    assert compat(order, wheel_house) == {
        "python": ["3.11"],
        "machine": ["aarch64"],
        "system": ["linux"],
        "glibc": [],
    }


@pytest.mark.parametrize(
    ("device", "machine", "fits"),
    [
        ("raspberry-pi-5-8gb", "aarch64", True),
        ("raspberry-pi-5-8gb", "x86_64", False),
        ("n100-mini-pc-16gb", "x86_64", True),
        ("n100-mini-pc-16gb", "aarch64", False),
        (None, "aarch64", True),
    ],
)
def test_a_device_that_is_planned_for_has_to_be_of_the_kind_of_the_wheels(
    bundle_recipe, device, machine, fits
):
    recipe = with_bundle(bundle_recipe, device=device, target={"machine": machine})
    problems = device_problems(recipe)
    assert (problems == []) is fits
    if problems:
        kind = "aarch64" if machine == "x86_64" else "x86_64"
        assert problems == [
            f"bundle.device {device} is of the kind {kind}, the wheels are for {machine}: "
            f"set bundle.target.machine to {kind}"
        ]


def test_a_copyleft_package_is_said_before_anything_is_made(bundle_job, monkeypatch):
    stated = licences.installed_licence
    monkeypatch.setattr(
        licences,
        "installed_licence",
        lambda name: "AGPL-3.0-only" if name == "lxml" else stated(name),
    )
    (problem,) = bundle.STAGE.check(bundle_job.recipe, bundle_job.runtime)
    assert problem.startswith("lxml==")
    assert problem.endswith(" is under AGPL-3.0-only")
    allowed = with_bundle(bundle_job.recipe, licence_exceptions={"lxml": "bought"})
    assert bundle.STAGE.check(allowed, bundle_job.runtime) == []


def test_a_model_that_may_not_be_traded_is_said_before_it_is_trained(bundle_job, monkeypatch):
    monkeypatch.setitem(LICENCES, "maker/small-1b", ModelLicence("cc-by-nc-4.0"))
    assert bundle.STAGE.check(bundle_job.recipe, bundle_job.runtime) == [
        "the base model is under cc-by-nc-4.0"
    ]
    with pytest.raises(ConfigError, match="the base model is under") as caught:
        bundle.run(bundle_job)
    assert "bundle.licence_exceptions" in caught.value.hint
    assert list(bundle_job.out.iterdir()) == []


def test_an_exception_for_no_part_is_said(bundle_job):
    recipe = with_bundle(bundle_job.recipe, licence_exceptions={"pymupdf": "bought"})
    assert bundle.STAGE.check(recipe, bundle_job.runtime) == [
        "bundle.licence_exceptions names pymupdf, which is no part of the bundle"
    ]


def test_the_licence_report_names_every_part_and_every_exception(bundle_job, monkeypatch):
    from dataclasses import replace

    monkeypatch.setitem(LICENCES, "maker/small-1b", ModelLicence("cc-by-nc-4.0"))
    recipe = with_bundle(bundle_job.recipe, licence_exceptions={"base-model": "own use"})
    bundle.run(replace(bundle_job, recipe=recipe))
    text = (bundle_job.out / "bundle/licences/REPORT.md").read_text()
    assert "| base-model | model | cc-by-nc-4.0 |  |" in text
    assert "| embedder | model | MIT |  |" in text
    assert "| part | 1.0 | MIT | licences/part-1.0/ |" in text
    assert "| sfta-edge | 0.1.0 | MIT | licences/sfta-edge-0.1.0/ |" in text
    assert "Exceptions: base-model: own use\n" in text


def test_every_wheel_and_model_is_in_the_bill_of_materials_with_its_licence(bundle_job):
    bundle.run(bundle_job)
    root = bundle_job.out / "bundle"
    found = json.loads((root / "sbom.json").read_bytes())["components"]
    licensed = {one["bom-ref"] for one in found if one.get("licenses")}
    parts = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.suffix in (".whl", ".gguf")
    }
    assert parts == licensed


def test_the_second_key_is_beside_the_bundle_and_named_in_it(bundle_job, tmp_path):
    from sfta.adapters.model_statement import key_hint

    bundle.run(bundle_job)
    public = load_public_key(tmp_path / "maker.pem")
    facts = verify_bundle(bundle_job.out / "bundle", public).facts
    pem = (bundle_job.out / "manuals-4.statement.pub").read_bytes()
    assert facts["statement_key"] == key_hint(pem)
    assert not list((bundle_job.out / "bundle").rglob("*.pub"))
