"""A model reads on, steps back, and computes what it computes for the whole text at once."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from model_families import save_base
from sfta_export import onnx, onnx_parity
from sfta_export.onnx import model_onnx
from sfta_export.reference import load_folder
from sfta_export.steppers import OnnxStepper, TorchStepper

WITHOUT_ONNX = any(find_spec(name) is None for name in onnx.PACKAGES)
FAMILIES = ["smollm2", "smollm3", "qwen2.5", "qwen3", "phi", "gemma3"]
TEXT = list(range(5, 75))
"""Longer than the window of the Gemma."""


def exact(model, ids, rows):
    with torch.inference_mode():
        return model(input_ids=torch.tensor([ids])).logits[0, -rows:].float().numpy()


def check_steps(stepper, model, tolerance):
    """Read, read on, step back, read something else, begin anew."""

    def same(found, ids, rows):
        assert found.shape[0] == rows
        assert np.abs(found - exact(model, ids, rows)).max() < tolerance

    stepper.begin()
    same(stepper.read(TEXT), TEXT, 1)
    same(stepper.read([7, 8, 9], 3), [*TEXT, 7, 8, 9], 3)
    stepper.back_to(len(TEXT))
    same(stepper.read([80, 81], 2), [*TEXT, 80, 81], 2)
    stepper.back_to(len(TEXT))
    same(stepper.read([90]), [*TEXT, 90], 1)
    stepper.begin()
    same(stepper.read(TEXT[10:40], 4), TEXT[10:40], 4)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_in_pytorch_steps_back_windows_included(name, tmp_path):
    model = load_folder(save_base(name, tmp_path / "base"))
    check_steps(TorchStepper(model), model, 1e-3)


def test_stepping_back_to_where_one_is_changes_nothing(tmp_path):
    model = load_folder(save_base("smollm2", tmp_path / "base"))
    stepper = TorchStepper(model)
    stepper.read(TEXT)
    stepper.back_to(len(TEXT))
    found = stepper.read([7])
    assert np.abs(found - exact(model, [*TEXT, 7], 1)).max() < 1e-3


@pytest.mark.skipif(WITHOUT_ONNX, reason="needs the extra onnx")
@pytest.mark.parametrize(("scheme", "tolerance"), [("fp32", 1e-3), ("fp16", 0.2)])
def test_a_model_as_onnx_steps_back(scheme, tolerance, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_parity, "physical_cores", lambda: 1)
    base = save_base("qwen2.5", tmp_path / "base")
    folder = model_onnx(base, tmp_path / "out", scheme)
    check_steps(OnnxStepper(folder, 256), load_folder(base), tolerance)


@pytest.mark.skipif(WITHOUT_ONNX, reason="needs the extra onnx")
def test_what_it_has_given_stays_when_it_reads_on(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_parity, "physical_cores", lambda: 1)
    base = save_base("smollm2", tmp_path / "base")
    stepper = OnnxStepper(model_onnx(base, tmp_path / "out", "int4"), 256)
    found = stepper.read(TEXT, 2)
    before = found.copy()
    stepper.read([1, 2, 3], 3)
    assert np.array_equal(found, before)
