"""The benchmarks of many callers and of memory: how callers ask, and what is said of it."""

import itertools
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections import defaultdict
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.errors import ConfigError
from sfta_edge.generation import Generation
from sfta_edge.model import Model

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LOAD = runpy.run_path(str(BENCHMARKS / "serving_load.py"))
MEMORY = runpy.run_path(str(BENCHMARKS / "memory.py"))
SERVING = runpy.run_path(str(BENCHMARKS / "serving.py"))
Reply = LOAD["Reply"]


class Counting:
    """An engine that answers at once and knows how many asked it at the same time."""

    context_tokens = 4096

    def __init__(self, fails=False):
        self.fails, self.callers, self.prompts = fails, [], []
        self.now = self.most = 0
        self._lock = threading.Lock()

    def tokenize(self, text, special=False):
        return list(text.encode())

    def stream(self, prompt, limits):
        if self.fails:
            raise ConfigError("no")
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.callers.append(limits.caller)
            self.prompts.append(prompt)
        yield "text"
        with self._lock:
            self.now -= 1
        return Generation("text", tuple(range(limits.max_tokens)), "length", 9)


def reply(caller="a", asked=0.0, first=1.0, ended=2.0, tokens=8):
    return Reply(caller, asked, first, ended, tokens)


def test_prompts_begin_alike_and_go_on_differently():
    engine = Counting()
    prompts = list(islice(LOAD["draw_prompts"](engine, "one"), 20))
    assert len({tuple(prefix) for prefix, _ in prompts}) == 1
    assert len({tuple(rest) for _, rest in prompts}) == 20


def test_the_same_seed_draws_the_same_prompts_and_another_one_others():
    engine = Counting()
    draw = lambda seed: list(islice(LOAD["draw_prompts"](engine, seed), 5))  # noqa: E731
    assert draw("one") == draw("one")
    assert draw("one")[0][0] == draw("two")[0][0]
    assert draw("one")[0][1] != draw("two")[0][1]


def test_a_prompt_of_the_real_model_has_a_few_hundred_tokens(smollm2_gguf):
    model = Model(smollm2_gguf)
    try:
        prefix, rest = next(LOAD["draw_prompts"](model, "one"))
    finally:
        model.close()
    assert 200 < len(prefix) < 400
    assert 100 < len(rest) < 300


@given(st.integers(1, 30), st.integers(1, 8))
def test_every_question_is_asked_once_by_one_of_the_askers(questions, askers):
    engine = Counting()
    prompts = [[[1, number]] for number in range(questions)]
    replies = LOAD["taking_turns"](engine, prompts, askers, 5)
    assert sorted(engine.prompts) == sorted(prompts)
    assert len(replies) == questions
    assert set(engine.callers) <= {f"asker {n}" for n in range(askers)}
    assert engine.most <= askers
    assert all(r.asked <= r.first <= r.ended and r.tokens == 5 for r in replies)


def test_everybody_asks_everything_at_once():
    engine = Counting()
    replies = LOAD["all_at_once"](engine, {"ten": [[[1]]] * 10, "one": [[[2]]]}, 3)
    assert sorted(engine.callers) == ["one"] + ["ten"] * 10
    assert sorted(r.caller for r in replies) == sorted(engine.callers)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    "ask",
    [
        lambda engine: LOAD["taking_turns"](engine, [[[1]]] * 3, 2, 3),
        lambda engine: LOAD["all_at_once"](engine, {"a": [[[1]]]}, 3),
    ],
)
def test_a_question_without_an_answer_is_no_result(ask):
    with pytest.raises(RuntimeError, match="found no answer"):
        ask(Counting(fails=True))


def test_shares_count_as_they_are_when_half_of_the_answers_are_there():
    served_in_order = [reply("a", ended=float(n)) for n in range(4)]
    served_in_order += [reply("b", ended=float(10 + n)) for n in range(4)]
    assert LOAD["evenness"](served_in_order, ["a", "b"]) == pytest.approx(0.5)
    in_turns = [reply("ab"[n % 2], ended=float(n)) for n in range(8)]
    assert LOAD["evenness"](in_turns, ["a", "b"]) == pytest.approx(1.0)


def test_throughput_is_over_the_whole_time():
    replies = [reply(asked=0.0, ended=2.0, tokens=6), reply(asked=1.0, ended=4.0, tokens=10)]
    assert LOAD["tokens_per_second"](replies) == pytest.approx(4.0)
    assert (replies[1].seconds, reply(asked=0.5).first_seconds) == (3.0, 0.5)


def test_a_model_that_is_not_here_is_refused(tmp_path):
    with pytest.raises(ConfigError):
        LOAD["model_file"](str(tmp_path / "none.gguf"))
    with pytest.raises(ConfigError):
        LOAD["model_file"](str(tmp_path))


@pytest.mark.parametrize("name", ["serving.py", "memory.py"])
def test_a_benchmark_says_what_it_does(name):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / name, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--gguf" in done.stdout


def test_a_row_compares_medians():
    ours = {"1 askers, tok/s": [30.0, 10.0, 20.0], "first token cold, ms": [50.0]}
    theirs = {"1 askers, tok/s": [10.0, 5.0, 40.0], "first token cold, ms": [100.0]}
    speed, first = SERVING["rows"]({"ours": ours, "llama.cpp": theirs})
    assert (speed["ours"], speed["llama.cpp"], speed["ratio"]) == (20.0, 10.0, 2.0)
    assert (speed["better"], first["better"], first["ratio"]) == ("higher", "lower", 0.5)


def test_short_turns_of_writing_count_by_their_best():
    name = "writing alone, tok/s"
    (row,) = SERVING["rows"](
        {"ours": {name: [1.0, 2.0, 8.0]}, "llama.cpp": {name: [4.0, 3.0, 4.0]}}
    )
    assert (row["ours"], row["ratio"], row["better"]) == (8.0, 2.0, "higher")


def test_the_time_that_a_process_computes_is_read_from_the_system():
    arm = SERVING["Arm"](Counting(), os.getpid())
    before, began = arm.computed, time.process_time()
    while time.process_time() - began < 0.1:
        pass
    assert 0.0 < arm.computed - before <= time.process_time() - began + 0.05


def test_every_figure_of_an_arm_is_noted():
    found = defaultdict(list)
    arm = SERVING["Arm"](Counting(), os.getpid())
    # So short a time is not seen by a clock that ticks a hundred times a second.
    busy = type(
        "Busy", (), {"engine": arm.engine, "computed": property(lambda _: next(ticks))}
    )()
    ticks = itertools.count()
    options = Namespace(askers=[1, 4], questions=4, tokens=3)
    for part in SERVING["_parts"](options).values():
        part(busy, found, "round 0")
    assert {name for name in found if name.startswith("4 askers")} == {
        "4 askers, tok per second of computing",
        "4 askers, tok/s",
        "4 askers, p50 s",
        "4 askers, p95 s",
    }
    assert found["1 askers, tok per second of computing"] == [2 * 3.0]
    assert {"first token cold, ms", "first token restored, ms"} < set(found)
    assert {"one question beside ten, s", "last of the ten, s"} < set(found)
    assert 0.25 <= found["Jain index of 4 callers"][0] <= 1.0


def test_a_server_of_llama_cpp_that_does_not_start_is_told_of_and_leaves_no_process(tmp_path):
    program = tmp_path / "llama-server"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    options = Namespace(context=64, slots=1, threads=1)
    with (
        pytest.raises(Exception, match=r"did not start \(exit code 7\)"),
        SERVING["llama_server"](program, tmp_path / "m.gguf", options),
    ):
        pass


def test_a_benchmark_that_is_ended_runs_its_last_steps(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import runpy, sys, time\n"
        f"runpy.run_path({str(BENCHMARKS / 'serving_load.py')!r})['leave_when_told']()\n"
        "try:\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "finally:\n    print('cleaned', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout.readline() == "cleaned\n"
        assert process.wait(30) == 128 + signal.SIGTERM


@given(st.integers(0, 1 << 20), st.integers(-1000, 1000))
def test_memory_that_grows_with_questions_is_told_by_its_slope(start, grows):
    found = [(n, (1 << 28) + start + grows * n) for n in range(0, 2001, 100)]
    told = MEMORY["summary"](found)
    assert told["questions"] == 2000
    assert told["bytes_per_question"] == pytest.approx(grows, abs=1e-3)
    assert told["first_bytes"] == found[1][1]
    assert told["last_bytes"] - told["loaded_bytes"] == 2000 * grows


def test_what_fills_up_at_first_is_no_growth():
    found = [(0, 100), (100, 500), (200, 900), (300, 1000), (400, 1000), (500, 1000)]
    assert MEMORY["summary"](found)["bytes_per_question"] == 0.0
