"""The circle: what is measured becomes a profile, and the profile plans what was measured."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_plans import shape
from measured_speeds import measured
from sfta_edge.examined_speed import examine_speed
from sfta_edge.own_profile import profile_text

profiles = pytest.importorskip("sfta.adapters.device_profile")
plan = pytest.importorskip("sfta_export.plan")

SMOLLM = shape(
    layers=30, hidden=576, inner=1536, heads=9, kv_heads=3, vocabulary=49_152
)  # the model of the fixture `engine`
WORK = plan.Workload(prompt_tokens=300, answer_tokens=33, context_tokens=1024)


def planned(text, path, scheme="Q4_1"):
    path.write_text(text, "utf-8")
    device = profiles.read_profile(str(path)).device()
    return plan.forecast(SMOLLM, device, WORK, [scheme])[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.floats(1, 2000), st.floats(0.2, 30))
def test_what_was_measured_is_planned(engine, tmp_path, prefill, decode):
    # Memory is no limit here: these are the speeds of computing.
    found = measured(
        prefill_tokens_per_second=prefill,
        decode_tokens_per_second=decode,
        bandwidth=2e10,
        threads=1,
    )
    text = profile_text(found, engine, root=tmp_path)
    made = planned(text, tmp_path / "mine.yaml")
    # Attention is planned on top of what was measured with it.
    assert 0.5 < made.prefill_tokens_per_second / prefill < 1.2
    assert 0.7 < made.decode_tokens_per_second / decode < 1.2


def test_a_device_that_memory_holds_up_is_planned_by_its_memory(engine, tmp_path):
    size = int(engine.model.native.llama_model_size(engine.model.handle))
    found = measured(bandwidth=1e10, decode_tokens_per_second=0.95 * 1e10 / size, threads=1)
    text = profile_text(found, engine, root=tmp_path)
    assert "vector" not in text
    made = planned(text, tmp_path / "mine.yaml")
    assert made.decode_tokens_per_second < 1e10 / size


def test_a_bundle_is_measured_and_described(small_bundle, tmp_path):
    """The real thing, once: nothing is said about how fast it is."""
    found = examine_speed(small_bundle, None, threads=1)
    assert found.prediction is None
    assert found.compared == []
    lines = list(found.lines())
    assert any(line.startswith("prefill tok/s") for line in lines)
    assert lines[-1].startswith("no plan to compare with")
    made = planned(found.profile, tmp_path / "mine.yaml")
    assert made.fits
    assert made.decode_tokens_per_second > 0
