"""Quantizing gives the same smaller file each time and survives faults in native code."""

import logging
import subprocess
import sys

import pytest

from sfta_edge.errors import ConfigError, ToolError
from sfta_edge.model import Model
from sfta_export import quantization
from sfta_export.gguf import model_gguf
from sfta_export.quantization import NOMINAL_BITS, SCHEMES, quantize


@pytest.fixture(scope="module")
def wide(build_model, cache, tmp_path_factory):
    """A 16-bit file whose rows fit blocks of 256."""
    folder = build_model(tmp_path_factory.mktemp("models") / "wide", hidden=256, seed=3)
    return model_gguf(folder, cache, "F16")


pytestmark = pytest.mark.tools


@pytest.mark.parametrize("scheme", ["Q8_0", "Q4_0"])
def test_the_file_is_smaller_and_loads(f16, tmp_path, scheme):
    made = quantize(f16, tmp_path / "q.gguf", scheme)
    assert made.size == (tmp_path / "q.gguf").stat().st_size < f16.stat().st_size
    assert 4 <= made.bits_per_weight <= 9
    model = Model(made.path)
    assert model.metadata("general.architecture") == "llama"
    model.close()


def test_same_inputs_give_the_same_bytes(f16, tmp_path):
    one = quantize(f16, tmp_path / "one.gguf", "Q4_0").path
    two = quantize(f16, tmp_path / "two.gguf", "Q4_0").path
    assert one.read_bytes() == two.read_bytes()


def test_the_measured_bits_are_those_of_the_format(f16, tmp_path):
    made = quantize(f16, tmp_path / "q.gguf", "Q8_0")
    assert made.bits_per_weight == pytest.approx(NOMINAL_BITS["Q8_0"], abs=0.05)


def test_rows_that_do_not_fit_the_blocks_are_warned_of_with_the_real_bits(
    f16, tmp_path, caplog
):
    with caplog.at_level(logging.WARNING, logger="sfta"):
        made = quantize(f16, tmp_path / "q.gguf", "Q4_K_M")
    assert made.bits_per_weight > NOMINAL_BITS["Q4_K_M"]
    assert f"{made.bits_per_weight:.2f} bits per weight instead of 4.85" in caplog.text
    assert "rows of 64 weights" in caplog.text


def test_rows_that_fit_are_not_warned_of(wide, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="sfta"):
        quantize(wide, tmp_path / "q.gguf", "Q4_K_M")
    assert caplog.text == ""


def test_fewer_bits_make_a_smaller_file(wide, tmp_path):
    ladder = ["Q8_0", "Q6_K", "Q4_K_M", "Q2_K"]
    sizes = [quantize(wide, tmp_path / f"{scheme}.gguf", scheme).size for scheme in ladder]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


@pytest.mark.parametrize("scheme", ["IQ2_XS", "Q4", "q8_0", "F16", "", "../x"])
def test_an_unknown_scheme_is_refused_with_the_known_ones(f16, tmp_path, scheme):
    with pytest.raises(ConfigError, match="unknown quantization scheme") as caught:
        quantize(f16, tmp_path / "q.gguf", scheme)
    assert "Q4_K_M" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("raw", [b"", b"GGUF", b"no model at all" * 100])
def test_a_damaged_source_is_a_tool_error_and_leaves_nothing(tmp_path, raw):
    source = tmp_path / "bad.gguf"
    source.write_bytes(raw)
    with pytest.raises(ToolError, match=r"quantizing bad\.gguf to Q8_0 failed"):
        quantize(source, tmp_path / "q.gguf", "Q8_0")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.gguf"]


def test_a_truncated_source_is_a_tool_error(f16, tmp_path):
    source = tmp_path / "cut.gguf"
    source.write_bytes(f16.read_bytes()[:-1000])
    with pytest.raises(ToolError, match=r"quantizing cut\.gguf"):
        quantize(source, tmp_path / "q.gguf", "Q8_0")


def test_a_crash_in_native_code_ends_the_child_only(f16, tmp_path, monkeypatch):
    """As if llama.cpp had failed an assertion: the child ends by SIGABRT."""
    run = subprocess.run

    def crashing(command, **options):
        abort = [sys.executable, "-c", "import os; os.abort()", *command[3:]]
        return run(abort, **options)

    monkeypatch.setattr(quantization.subprocess, "run", crashing)
    with pytest.raises(ToolError, match="exit -6") as caught:
        quantize(f16, tmp_path / "q.gguf", "Q8_0")
    assert "16-bit file is not changed" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_former_file_stays_when_quantizing_fails(tmp_path):
    out = tmp_path / "q.gguf"
    out.write_bytes(b"former")
    (tmp_path / "bad.gguf").write_bytes(b"bad")
    with pytest.raises(ToolError):
        quantize(tmp_path / "bad.gguf", out, "Q8_0")
    assert out.read_bytes() == b"former"


def test_every_scheme_is_one_that_llama_cpp_knows():
    from sfta_edge.llama import load_library

    native = load_library()
    assert all(hasattr(native, f"LLAMA_FTYPE_MOSTLY_{scheme}") for scheme in SCHEMES)


def test_every_scheme_of_a_recipe_can_be_made():
    from typing import get_args

    from sfta.stages.config import Scheme
    from sfta_export.gguf import FLOAT_SCHEMES

    assert set(get_args(Scheme)) <= {*SCHEMES, *FLOAT_SCHEMES}
