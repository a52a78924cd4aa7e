"""Old and new processors, emulated: the right code is chosen, and none ends with a signal.

QEMU's emulation of a process has the CPUID instruction of the model that is named, and ends the
process at an instruction which that model lacks, as the processor would.
"""

import json
import platform
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from device_bundles import run
from sfta_edge import llama
from sfta_edge.engine import Engine

QEMU = shutil.which("qemu-x86_64")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        QEMU is None or platform.machine() != "x86_64",
        reason="needs qemu-x86_64 (Debian: apt-get install qemu-user)",
    ),
]
# Processors of 2008 to 2017, and the code that llama.cpp has for each. QEMU before 8 has no
# AVX-512: its newest models are Haswells with other names.
CHOSEN = {
    "Nehalem": "sse42",
    "SandyBridge": "sandybridge",
    "Opteron_G5": "piledriver",
    "Haswell": "haswell",
    "EPYC": "haswell",
}
TOO_OLD = ("qemu64", "core2duo", "Penryn", "phenom", "Opteron_G1")
# NumPy says so itself on a processor that only just fails; on others it is ended.
SIGNALLED = ("qemu64", "core2duo", "phenom", "Opteron_G1")
PROMPT = "The oil of the pump is changed every"
TOKENS = 3
PROGRAM = f"""
import json, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from sfta_edge import llama
from sfta_edge.engine import Engine
with Engine(Path(sys.argv[1]), context_tokens=64, threads=1) as engine:
    ids = engine.tokenize({PROMPT!r})
    top = engine.logits([ids]).argsort()[::-1][:2].tolist()
    written = list(engine.generate([ids], max_tokens={TOKENS}).token_ids)
print(json.dumps([llama.variant(), top, written]))
"""


def emulated(model, *arguments):
    # Features that QEMU does not have are named on stderr, before the program begins.
    done = subprocess.run(
        [QEMU, "-cpu", model, sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    kept = [line for line in done.stderr.splitlines() if "TCG doesn't support" not in line]
    return done.returncode, done.stdout, kept


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, smollm2_gguf):
    """The first two layers of a real model: an emulated processor is slow."""
    gguf = pytest.importorskip("gguf")
    reader = gguf.GGUFReader(smollm2_gguf)
    out = tmp_path_factory.mktemp("tiny") / "tiny.gguf"
    writer = gguf.GGUFWriter(out, "llama")
    for field in reader.fields.values():
        name, kind = field.name, field.types[0]
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        value = 2 if name == "llama.block_count" else field.contents()
        writer.add_key_value(
            name, value, kind, field.types[-1] if len(field.types) > 1 else None
        )
    for tensor in reader.tensors:
        if not tensor.name.startswith("blk.") or tensor.name.split(".")[1] in "01":
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


@pytest.fixture(scope="module")
def native(tiny):
    """The two most probable tokens and the greedy text on this machine's own processor."""
    with Engine(tiny, context_tokens=64, threads=1) as engine:
        ids = engine.tokenize(PROMPT)
        top = np.argsort(engine.logits([ids]))[::-1][:2].tolist()
        return top, list(engine.generate([ids], max_tokens=TOKENS).token_ids)


@pytest.mark.parametrize("model", CHOSEN)
def test_the_code_for_the_processor_is_chosen_and_computes_the_same(model, tiny, native):
    if llama.variant() == "built-in":
        pytest.skip("this runtime was built for one processor")
    code, out, told = emulated(model, "-c", PROGRAM, tiny)
    assert (code, told) == (0, [])
    chosen, top, written = json.loads(out)
    assert chosen == CHOSEN[model]
    assert top[0] == native[0][0]
    assert written[:2] == native[1][:2]


@pytest.mark.parametrize("model", TOO_OLD)
@pytest.mark.parametrize("command", ["doctor", "ask", "serve", "install"])
def test_a_processor_that_is_too_old_gets_a_sentence_and_no_signal(model, command):
    code, out, told = emulated(model, "-m", "sfta_edge.cli.main", command)
    assert (code, out) == (3, "")
    assert len(told) == 2
    assert told[0].startswith("error: this processor has no ")
    assert "x86-64-v2" in told[0]
    assert told[1].startswith("hint: ")


@pytest.mark.parametrize("model", SIGNALLED)
def test_without_the_check_the_process_would_be_ended(model):
    """The reason for the check; when NumPy learns to say it, the check may go."""
    code, _, _ = emulated(model, "-c", "import numpy")
    assert code == -signal.SIGILL


@pytest.mark.parametrize("command", ["status", "rollback", "verify"])
def test_what_computes_nothing_works_on_the_oldest(command, tmp_path):
    more = {"status": ["--root", tmp_path], "rollback": ["--root", tmp_path / "none"],
            "verify": [tmp_path, "--key", tmp_path / "none.pem"]}[command]  # fmt: skip
    code, _, told = emulated("Opteron_G1", "-m", "sfta_edge.cli.main", command, *more)
    assert code == (0 if command == "status" else 2), told


def test_the_installer_stops_before_it_installs_packages(tmp_path, install_bundle, install_key):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {QEMU} -cpu Penryn {sys.executable} "$@"\n')
    python.chmod(0o755)
    root = tmp_path / "root"
    done = run(install_bundle, "--key", install_key, "--prefix", root, "--python", python)
    assert done.returncode == 3, done.stderr
    assert "error: this processor has no SSE4.2, POPCNT" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((root / "environments").iterdir()) == []
    assert not (root / "state.json").exists()


def test_the_installer_goes_on_where_the_processor_is_new_enough(
    tmp_path, install_bundle, install_key
):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {QEMU} -cpu Nehalem {sys.executable} "$@"\n')
    python.chmod(0o755)
    root = tmp_path / "root"
    done = run(install_bundle, "--key", install_key, "--prefix", root, "--python", python)
    assert done.returncode == 0, done.stderr
    assert (root / "state.json").is_file()
