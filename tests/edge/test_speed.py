"""Measuring: every figure is there and is a number of its kind; none is asserted to be fast."""

import pytest

from measured_speeds import MIB, measured, planned
from sfta_edge import speed as measuring
from sfta_edge.engine import Engine
from sfta_edge.errors import ConfigError
from sfta_edge.llama import variant
from sfta_edge.own_profile import multiplied_weights, profile_text
from sfta_edge.speed import (
    compare,
    core_share,
    free_memory,
    measure,
    memory_bandwidth,
    peak_memory,
    scheme_of,
)


@pytest.fixture(name="found", scope="module")
def _found(smollm2_gguf):
    with Engine(smollm2_gguf, context_tokens=128, threads=1) as engine:
        return measure(engine, 64)


def test_every_figure_is_measured(found):
    assert found.variant == variant()
    assert found.scheme == "Q4_1"
    assert found.threads == 1
    assert found.prompt_tokens == 64
    for figure in ("bandwidth", "prefill_tokens_per_second", "first_token_seconds",
                   "decode_tokens_per_second", "free_bytes"):  # fmt: skip
        assert getattr(found, figure) > 0
    assert 0 < found.core_share <= 1
    assert found.peak_bytes > 80 * MIB  # the weights alone


def test_the_first_token_takes_the_prompt_and_one_token(found):
    prompt = found.prompt_tokens / found.prefill_tokens_per_second
    assert found.first_token_seconds > 0.5 * prompt


def test_a_prompt_that_does_not_fit_is_shortened(smollm2_gguf):
    with Engine(smollm2_gguf, context_tokens=64, threads=1) as engine:
        assert measure(engine, 4096).prompt_tokens == 64 - 33


def test_a_context_without_room_is_refused(smollm2_gguf):
    with (
        Engine(smollm2_gguf, context_tokens=33, threads=1) as engine,
        pytest.raises(ConfigError, match="too small to measure in"),
    ):
        measure(engine)


def test_no_run_computes_on_what_the_one_before_left(smollm2_gguf, monkeypatch):
    reused, generate = [], Engine.generate

    def spy(self, prompt, **limits):
        made = generate(self, prompt, **limits)
        reused.append(made.reused_tokens)
        return made

    monkeypatch.setattr(Engine, "generate", spy)
    with Engine(smollm2_gguf, context_tokens=512, threads=1) as engine:
        measure(engine, 300)
    assert len(reused) == 4
    assert set(reused) == {0}


def test_a_slow_device_is_measured_once(smollm2_gguf, monkeypatch):
    monkeypatch.setattr(measuring, "_PATIENCE", 0.0)
    calls, run = [], measuring._run

    def spy(engine, prompt):
        calls.append(len(prompt))
        return run(engine, prompt)

    monkeypatch.setattr(measuring, "_run", spy)
    with Engine(smollm2_gguf, context_tokens=128, threads=1) as engine:
        measure(engine, 64)
    assert calls == [32, 64]


def test_a_model_that_writes_nothing_has_no_speed_of_writing(smollm2_gguf, monkeypatch):
    from sfta_edge.generation import Generation, Timings

    def silent(self, prompt, **limits):
        return Generation("", (), "stop", len(prompt), timings=Timings(10.0, 0.0))

    monkeypatch.setattr(Engine, "generate", silent)
    with Engine(smollm2_gguf, context_tokens=128, threads=1) as engine:
        found = measure(engine, 64)
    assert found.decode_tokens_per_second is None
    assert found.prefill_tokens_per_second == pytest.approx(6400)
    assert [each.figure for each in compare(found, planned())] == [
        "prefill_tokens_per_second",
        "first_token_seconds",
        "bandwidth",
        "memory_bytes",
    ]


def test_figures_are_held_against_the_plan():
    found = {each.figure: each for each in compare(measured(), planned())}
    assert found["prefill_tokens_per_second"].within
    assert found["prefill_tokens_per_second"].ratio == pytest.approx(100 / 110)
    assert found["bandwidth"].within  # exactly the factor
    assert not found["decode_tokens_per_second"].within
    assert found["memory_bytes"].ratio == 1.0


def test_faster_than_planned_is_off_the_plan_as_well():
    found = compare(measured(prefill_tokens_per_second=1000.0), planned())
    assert not found[0].within


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_bandwidth_is_measured_in_the_room_that_is_given(threads):
    assert memory_bandwidth(threads, 1 << 20) > 0


def test_at_least_one_number_is_read_even_without_room():
    assert memory_bandwidth(2, 0) > 0


def test_the_share_of_the_cores_is_a_share():
    assert 0 < core_share(1, 0.01) <= 1


def test_free_memory_is_what_the_kernel_says(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:     2048 kB\n")
    assert free_memory(tmp_path) == 2 * MIB


@pytest.mark.parametrize("content", [None, "MemTotal: 9 kB\n"])
def test_without_the_kernels_word_all_memory_counts(tmp_path, content):
    if content is not None:
        (tmp_path / "meminfo").write_text(content)
    assert free_memory(tmp_path) > 64 * MIB


def test_the_peak_is_in_bytes():
    assert peak_memory() > 10 * MIB


def test_an_unknown_number_of_a_scheme_is_no_scheme(engine, monkeypatch):
    for stated in ("", "999", "x"):
        monkeypatch.setattr(engine.model, "metadata", lambda key, stated=stated: stated)
        assert scheme_of(engine) == ""


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_profile_of_this_machine_is_one_that_the_factory_reads(engine, tmp_path):
    profiles = pytest.importorskip("sfta.adapters.device_profile")
    write(tmp_path, "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "2400000\n")
    path = tmp_path / "mine.yaml"
    path.write_text(profile_text(measured(threads=1), engine, root=tmp_path))
    profile = profiles.read_profile(str(path))
    assert (profile.cores, profile.clock_ghz, profile.bandwidth_gb_s) == (1, 2.4, 10.0)
    assert profile.instruction_set == "haswell"
    assert set(profile.sources) == set(profile.model_fields_set) - {"name", "sources"}
    # 106 million weights in the layers, 100 tokens a second, on a core of 2.4 GHz.
    assert profile.kernels["Q4_1"] == pytest.approx(2 * 106.2e6 * 100 / 2.4e9, rel=0.01)
    assert profile.device().kernels == profile.kernels


def test_where_memory_is_the_limit_computing_is_not_blamed(engine, tmp_path):
    slow = profile_text(measured(decode_tokens_per_second=1.0), engine, root=tmp_path)
    fast = profile_text(measured(decode_tokens_per_second=1e4), engine, root=tmp_path)
    none = profile_text(measured(decode_tokens_per_second=None), engine, root=tmp_path)
    assert "  vector: " in slow
    assert "vector" not in fast
    assert "vector" not in none


def test_a_clock_that_is_not_told_is_read_elsewhere_or_assumed(engine, tmp_path):
    assert "assumed: the system does not say" in profile_text(measured(), engine, root=tmp_path)
    write(tmp_path, "proc/cpuinfo", "processor: 0\ncpu MHz\t\t: 1800.000\n")
    text = profile_text(measured(), engine, root=tmp_path)
    assert "clock_ghz: 1.80" in text
    assert "measured: /proc/cpuinfo" in text


def test_weights_are_counted_by_where_they_are_used(engine, monkeypatch):
    every = int(engine.model.native.llama_model_n_params(engine.model.handle))
    table = engine.model.token_count * engine.model.dimension
    assert multiplied_weights(engine) == (every - table, every)
    monkeypatch.setattr("sfta_edge.own_profile._has_own_output", lambda path: True)
    assert multiplied_weights(engine) == (every - 2 * table, every - table)


def test_an_output_of_its_own_is_found_in_the_header(engine, tmp_path):
    from sfta_edge.own_profile import _has_own_output

    assert not _has_own_output(engine.model.path)
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + b"\x18" + b"\0" * 7 + b"blk.0.attn_output.weight")
    assert not _has_own_output(path)
    path.write_bytes(b"GGUF" + b"\x0d" + b"\0" * 7 + b"output.weight")
    assert _has_own_output(path)
