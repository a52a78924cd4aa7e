"""A broken or hostile model file ends in a typed error; whoever opened it lives and goes on."""

import os
import random
import shutil
import struct
import subprocess
import sys

import pytest

from sfta_edge.device import Device, DeviceOptions
from sfta_edge.errors import SftaError
from sfta_edge.installation import install
from sfta_edge.manifest import Manifest
from sfta_edge.seal import seal
from sfta_edge.selftest import SelfTestError, run_selftest, try_bundle
from sfta_edge.slots import read_state
from whole_device import Person, app_of, opened_device

HUGE = struct.pack("<Q", 1 << 62)


def string(text):
    return struct.pack("<Q", len(text)) + text


def header(tensors=b"\0" * 8, pairs=b"\0" * 8, version=3):
    return b"GGUF" + struct.pack("<I", version) + tensors + pairs


def nested(depth):
    """One pair whose value is an array in an array in an array."""
    one = header(pairs=struct.pack("<Q", 1)) + string(b"general.x") + struct.pack("<I", 9)
    return one + (struct.pack("<IQ", 9, 1) * depth)


HOSTILE = {
    "empty": lambda _: b"",
    "magic alone": lambda _: b"GGUF",
    "another version": lambda _: header(version=99),
    "countless tensors": lambda _: header(tensors=HUGE),
    "countless pairs": lambda _: header(pairs=HUGE),
    "endless name": lambda _: header(pairs=struct.pack("<Q", 1)) + HUGE + b"x" * 99,
    "nested arrays": lambda _: nested(50_000),
    "half of it": lambda sound: sound[: len(sound) // 2],
    "without its last byte": lambda sound: sound[:-1],
    "shifted": lambda sound: b"\0" + sound,
    "no numbers": lambda sound: sound[:-4096] + b"\xff" * 4096,
    "other words": lambda sound: sound.replace(
        b"tokenizer.ggml.model", b"tokenizer.ggml.m0del"
    ),
    "another shape": lambda sound: sound.replace(
        b"llama.block_count\x04\0\0\0\x1e", b"llama.block_count\x04\0\0\0\xff"
    ),
    "another family": lambda sound: sound.replace(b"llama.", b"lIama."),
}


@pytest.fixture(name="bundle_of")
def _bundle_of(small_bundle, signing_key, tmp_path):
    """Makes a signed bundle with another model."""

    def make(model, counter=4):
        folder = tmp_path / f"bundle-{counter}"
        shutil.copytree(small_bundle, folder, copy_function=os.link)
        facts = Manifest.read(folder).facts
        for name in ("manifest.json", "manifest.sig", "SHA256SUMS"):
            (folder / name).unlink()
        (path,) = (folder / "model").iterdir()
        path.unlink()
        path.write_bytes(model)
        seal(folder, {**facts, "counter": counter}, signing_key)
        return folder

    return make


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_model_is_a_typed_error_of_whoever_opens_the_device(
    bundle_of, smollm2_gguf, tmp_path, name
):
    folder = bundle_of(HOSTILE[name](smollm2_gguf.read_bytes()))
    with pytest.raises(SftaError) as refused:
        Device.open(folder, tmp_path / "data", DeviceOptions(threads=1, accounts=False))
    assert str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["countless tensors", "nested arrays", "another family"])
def test_a_hostile_model_never_gets_past_the_self_test(
    bundle_of, small_bundle, signing_key, smollm2_gguf, tmp_path, name
):
    root, key = tmp_path / "root", signing_key.public_key()
    install(small_bundle, root, key)
    before = read_state(root)
    folder = bundle_of(HOSTILE[name](smollm2_gguf.read_bytes()))
    with pytest.raises(SelfTestError):
        install(folder, root, key, trial=lambda incoming: try_bundle(root, incoming))
    assert read_state(root) == before
    assert [path.name for path in (root / "slots").iterdir()] == ["a"]


@pytest.mark.slow
def test_any_damage_of_the_header_is_an_error_or_a_model(bundle_of, smollm2_gguf, tmp_path):
    """What is signed is loaded; what was damaged before it was signed must not end the device."""
    sound, chance = smollm2_gguf.read_bytes(), random.Random(5)
    for number in range(int(os.environ.get("SFTA_DAMAGES", "6"))):
        model = bytearray(sound)
        for _ in range(chance.randint(1, 20)):
            model[chance.randrange(2000)] = chance.randrange(256)
        folder = bundle_of(bytes(model), 10 + number)
        try:
            with opened_device(folder, tmp_path / f"data-{number}") as device:
                assert Person(device, app_of(device)).ask().status_code in (200, 503)
        except SftaError:
            pass  # refused by name: the process that opened it goes on
        shutil.rmtree(folder)


def test_who_tests_a_hostile_model_opens_a_sound_one_afterwards(bundle_of, small_bundle):
    with pytest.raises(SelfTestError):
        run_selftest(bundle_of(b"GGUF" + b"\xff" * 5000))
    assert run_selftest(small_bundle).peak_bytes


def test_a_model_that_was_damaged_after_its_installation_is_never_loaded(
    small_bundle, tmp_path
):
    """Bit-rot: weights with one wrong bit would load, and answer nonsense."""
    folder = shutil.copytree(small_bundle, tmp_path / "rotten")
    (path,) = (folder / "model").iterdir()
    with path.open("r+b") as stream:
        stream.seek(-1000, os.SEEK_END)
        byte = stream.read(1)
        stream.seek(-1000, os.SEEK_END)
        stream.write(bytes([byte[0] ^ 1]))
    line = [sys.executable, "-m", "sfta_edge.cli.main", "ask", "oil?", "--bundle", str(folder)]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    assert done.returncode == 4
    assert "changed: model/" in done.stderr
    with pytest.raises(SftaError, match="changed: model/"):
        Device.open(folder, tmp_path / "data")
