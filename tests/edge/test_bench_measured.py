"""What is said of measured figures: as lines, as JSON, and what disturbed them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measured_bundle import MEASURED, MIB, READING
from sfta_edge.bench import machine as machine_module
from sfta_edge.bench import peak
from sfta_edge.bench.figures import Series
from sfta_edge.bench.machine import Machine, measure_machine, peak_resident
from sfta_edge.bench.measured import Memory
from sfta_edge.bench.shown import bench_lines
from sfta_edge.errors import ToolError


def lines(**changes):
    return list(bench_lines(replace(MEASURED, **changes)))


def line(start, **changes):
    return next(one for one in lines(**changes) if one.startswith(start))


def test_people_get_every_figure():
    first, columns, *rest = lines()
    assert first == (
        "manuals 3: Q4_1 on 2 threads of haswell, prompt of 300 tokens, 40 of them system text"
    )
    assert columns.split() == ["median", "p95", "spread", "runs"]
    assert line("first token cold").split()[-4:] == ["3,050", "3,100", "3%", "2"]
    assert line("question to first text").split()[-4:] == ["12,346", "12,346", "0%", "1"]
    assert line("whole answer").split()[-4:] == ["10.5", "19", "181%", "20"]
    for name in ("first token restored", "first token again", "prefill", "decode", "retrieval"):
        assert any(one.startswith(name) for one in rest), name
    assert "guessed from the prompt: 25% of the answers' tokens" in rest
    assert "most memory: model's process 400 MiB, this process 150 MiB" in rest
    assert not any(one.startswith("disturbed") for one in rest)


def test_the_limits_stand_beside_the_speeds():
    # 1e10 bytes a second over 200 MB of weights and 300 tokens of 100 kB.
    (decode,) = [one for one in lines() if one.startswith("decode") and " of " in one]
    assert decode.startswith(
        "decode   20 of 43.48 tok/s (46%)  limit: memory, 10 GB/s, 219.3 MiB"
    )
    (prefill,) = [one for one in lines() if one.startswith("prefill") and " of " in one]
    assert prefill.startswith(
        "prefill  100.5 of 400 tok/s (25%)  limit: arithmetic, 400 GFLOP/s"
    )


def test_a_figure_that_could_not_be_measured_is_left_open():
    mute = replace(READING, decode=None)
    memory = Memory(None, 150 * MIB)
    found = lines(reading=mute, memory=memory, scheme="")
    assert found[0].startswith("manuals 3: model on")
    assert sum(one.split()[-1] == "none" for one in found) == 1
    assert any(one.startswith("decode   not measured") for one in found)
    assert any("model's process not told" in one for one in found)
    facts = replace(MEASURED, reading=mute, memory=memory).to_json()
    assert facts["decode_tokens_per_second"] is None
    assert facts["roofline"]["decode"] is None
    assert facts["memory"]["worker"] is None


def test_programs_get_the_same_figures():
    facts = MEASURED.to_json()
    assert facts["questions"] == 20
    assert facts["answer_ms"] == {"median": 10.5, "p95": 19.0, "spread": 19 / 10.5, "count": 20}
    assert facts["roofline"]["prefill"] == {
        "measured": 100.5,
        "ceiling": 400.0,
        "share": 100.5 / 400,
    }
    assert facts["machine"]["bandwidth"] == 1e10
    assert facts["model"]["weight_bytes"] == 200_000_000


def test_another_program_is_told_of():
    busy = replace(MEASURED.machine, core_share=0.4)
    assert replace(MEASURED, machine=busy).disturbances == [
        "other programs take 60% of the cores' time"
    ]
    assert line("disturbed", machine=busy).endswith("measure again when the device rests")


@given(st.floats(0.0, 2.0))
def test_runs_that_differ_by_more_than_a_quarter_are_told_of(spread):
    series = Series((100.0, 100.0 * (1 + spread / 2), 100.0 * (1 - spread / 2)))
    shaken = replace(MEASURED, reading=replace(READING, prefill=series))
    told = [one for one in shaken.disturbances if one.startswith("prefill differs")]
    assert bool(told) is (series.spread > 0.25)


def test_answers_to_different_questions_may_differ():
    assert replace(MEASURED, answer_ms=Series((1.0, 100.0))).disturbances == []


def test_the_most_memory_of_a_process_is_read_from_the_system(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n")
    (tmp_path / "8").mkdir()
    (tmp_path / "8" / "status").write_text("Name:\tx\n")
    assert peak_resident(7, tmp_path) == 2 * MIB
    assert peak_resident(8, tmp_path) is None
    assert peak_resident(9, tmp_path) is None


def test_the_best_of_several_tries_is_the_limit(monkeypatch):
    tries = iter([3e9, 9e9, 5e9])
    monkeypatch.setattr(machine_module, "memory_bandwidth", lambda threads, most: next(tries))
    monkeypatch.setattr(machine_module, "core_share", lambda threads: 0.5)
    monkeypatch.setattr(machine_module, "peak_operations", lambda threads: 1e11 * threads)
    assert measure_machine(2) == Machine(2, 0.5, 9e9, 2e11)


def test_arithmetic_is_measured_in_a_process_of_its_own():
    assert peak.peak_operations(1) > 0
    assert peak.multiplied(size=16, rounds=2) > 0


def test_a_process_that_fails_to_measure_is_told_of(monkeypatch, tmp_path):
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\necho nothing\n")
    silent.chmod(0o755)
    monkeypatch.setattr(peak.sys, "executable", str(silent))
    with pytest.raises(ToolError, match="cannot be measured"):
        peak.peak_operations(1)
    monkeypatch.setattr(peak.sys, "executable", str(tmp_path / "none"))
    with pytest.raises(ToolError, match="cannot be measured"):
        peak.peak_operations(1)
