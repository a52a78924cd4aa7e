"""Device profiles: every figure typed and with its source, mistakes told with the nearest name."""

from pathlib import Path

import pytest
import yaml

from sfta.adapters import device_profile
from sfta.adapters.device_profile import DeviceProfile, read_profile
from sfta_edge.errors import ConfigError

PROFILES = sorted((Path(__file__).parents[2] / "configs/devices").glob("*.yaml"))
BOX = {
    "name": "box",
    "memory_gib": 8,
    "system_gib": 0.5,
    "bandwidth_gb_s": 10,
    "cores": 4,
    "clock_ghz": 2.4,
    "instruction_set": "haswell",
}


def write(folder, **changes):
    path = folder / "box.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in (BOX | changes).items() if v is not None}))
    return path


def test_there_are_profiles():
    assert {path.stem for path in PROFILES} >= {
        "raspberry-pi-5-8gb",
        "jetson-orin-nano-8gb",
        "n100-mini-pc-16gb",
        "server-8-core",
    }


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_figure_of_a_profile_that_ships_has_its_source(path):
    profile = read_profile(path.stem)
    assert profile.name == path.stem
    figures = set(yaml.safe_load(path.read_text("utf-8"))) - {"name", "sources"}
    assert set(profile.sources) == figures
    assert profile.device().free > 0


def test_a_profile_is_in_the_units_of_data_sheets(tmp_path):
    device = read_profile(str(write(tmp_path))).device()
    assert device.memory == 8 << 30
    assert device.free == int(7.5 * (1 << 30))
    assert device.bandwidth == 10e9
    assert device.clock == 2.4e9
    assert device.kernels == {}


def test_a_relative_file_starts_at_the_recipe(tmp_path):
    write(tmp_path)
    assert read_profile("box.yaml", tmp_path).name == "box"


def test_a_name_is_also_looked_for_in_the_current_folder(tmp_path, monkeypatch):
    folder = tmp_path / "configs/devices"
    folder.mkdir(parents=True)
    write(folder)
    monkeypatch.chdir(tmp_path)
    assert read_profile("box").name == "box"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"bandwith_gb_s": 10},
            r"bandwith_gb_s: unknown key \(did you mean bandwidth_gb_s\?\)",
        ),
        ({"cores": None}, "cores: field required"),
        ({"cores": 2.5}, "cores: input should be a valid integer"),
        ({"clock_ghz": 0}, "clock_ghz: input should be greater than 0"),
        ({"memory_gib": "8 GB"}, "memory_gib: input should be a valid number"),
        ({"kernels": {"Q9": 1.0}}, "kernels"),
        ({"sources": {"memory": "spec: x"}}, r"no figure memory \(did you mean memory_gib\?\)"),
        ({"sources": {"cores": "hearsay"}}, "begins with none of spec, measured, assumed"),
        ({"name": "A Box"}, "name: string should match"),
    ],
)
def test_a_mistake_is_named(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        read_profile(str(write(tmp_path, **changes)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"instruction_set": "mmx"}, "unknown instruction set 'mmx'"),
        ({"system_gib": 9}, "keeps all of the memory"),
    ],
)
def test_figures_that_make_no_device_are_refused(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        read_profile(str(write(tmp_path, **changes))).device()


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="no device profile 'raspberry-pi-5'") as info:
        read_profile("raspberry-pi-5")
    assert "Did you mean raspberry-pi-5-8gb?" in info.value.hint
    assert "server-8-core" in info.value.hint


def test_without_profiles_a_file_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(device_profile, "_CHECKOUT", tmp_path)
    with pytest.raises(ConfigError) as info:
        read_profile("box")
    assert "give a file" in info.value.hint


def test_a_file_that_is_not_there_is_told():
    with pytest.raises(ConfigError, match=r"there is no file nowhere\.yaml"):
        read_profile("nowhere.yaml")


def test_every_key_has_a_meaning():
    assert all(field.description for name, field in DeviceProfile.model_fields.items())
