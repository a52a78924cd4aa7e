"""What many callers get from our engine, and from llama-server with the same model.

    python benchmarks/serving.py [--gguf PATH] [--slots 4] [--context 4096] [--askers 1 4 16]
        [--questions 16] [--tokens 64] [--rounds 2] [--threads N] [--json]

Both programs hold the model in a process of their own, with as many slots and as much memory of
past tokens, and get the same token ids; they take turns, and the medians of the rounds count.
Tokens per second of computing hold on a busy machine too, where the others say little. Writing
alone is compared with llama-bench, where our engine guesses nothing, by the best of short turns.
Programs of llama.cpp that are not there yet are built first, from the pinned source. A ratio is
ours through theirs.
"""

import argparse
import json
import logging
import os
import runpy
import shutil
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from sfta.evaluation.machine import processor_name
from sfta_edge.answer import StreamingEngine
from sfta_edge.batching.capacity import Capacity
from sfta_edge.batching.engine import BatchEngine
from sfta_edge.bench.figures import percentile
from sfta_edge.cores import physical_cores
from sfta_edge.errors import ToolError
from sfta_edge.generation import Limits, drain
from sfta_edge.llama import variant
from sfta_edge.speed import core_share
from sfta_edge.worker.llama_server import LlamaServerEngine
from sfta_edge.worker.models import WorkerFiles
from sfta_edge.worker.remote import RemoteEngine
from sfta_edge.worker.state import WatchOptions
from sfta_edge.worker.supervisor import Supervisor
from sfta_export.native import BENCH
from sfta_export.server import ensure_server

OURS, THEIRS = "ours", "llama.cpp"
HEAVY, LIGHT = "ten questions", "one question"
_LOAD = runpy.run_path(str(Path(__file__).with_name("serving_load.py")))
_START_SECONDS, _SETTLING_SECONDS = 300.0, 1.0
_WRITTEN, _WRITING_TURNS = 64, 6
_WRITING = "writing alone, tok/s"
_COMPUTED = "tok per second of computing"
_BETTER = {True: "higher", False: "lower"}
Figures = dict[str, list[float]]
"""What was measured, by the name of its row."""


@dataclass(frozen=True, slots=True)
class Arm:
    """An engine, and the process in which it computes."""

    engine: StreamingEngine
    pid: int

    @property
    def computed(self) -> float:
        """Seconds that its process has computed so far, on all cores together."""
        # Fields 14 and 15 of proc(5); the name in field 2 may hold spaces.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def our_worker(model: Path, options: argparse.Namespace) -> Iterator[Arm]:
    """Our engine in its worker process."""
    # The memory for all prompts is twice the context of one.
    files = WorkerFiles(
        model, None, options.context // 2, options.threads, options.slots, waiting=256
    )
    with Supervisor.of_files(files, WatchOptions(start=_START_SECONDS, longest=3600)) as worker:
        pid = worker.state.pid
        assert pid is not None
        yield Arm(RemoteEngine(worker), pid)
        if worker.state.restarts:
            raise RuntimeError("our worker was replaced while it was measured: measure again")


@contextmanager
def llama_server(program: Path, model: Path, options: argparse.Namespace) -> Iterator[Arm]:
    """llama-server with as many slots over one memory of the same size."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(program), "--model", str(model), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--ctx-size", str(options.context), "--parallel", str(options.slots)]
    command += ["--kv-unified", "--threads", str(options.threads), "--no-ui", "--log-disable"]
    # The system ends it even if this process is killed.
    dying = [keeper, "--pdeathsig", "KILL"] if (keeper := shutil.which("setpriv")) else []
    process = subprocess.Popen(
        [*dying, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield Arm(_answering(process, f"http://127.0.0.1:{port}"), process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answering(process: subprocess.Popen[bytes], address: str) -> LlamaServerEngine:
    """The server, as soon as it has loaded its model."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            return LlamaServerEngine(address)
        except ToolError:
            time.sleep(0.2)
    raise ToolError(f"llama-server did not start (exit code {process.poll()})")


def measure_writing(
    bench: Path, model: Path, options: argparse.Namespace
) -> dict[str, Figures]:
    """Tokens per second of one text, in turns: our engine in this process, and llama-bench."""
    found: dict[str, Figures] = {OURS: defaultdict(list), THEIRS: defaultdict(list)}
    wanted = f"-t {options.threads} -r 1 -o json -p 0 -n {_WRITTEN} -fa auto"
    command = [str(bench), "-m", str(model), *wanted.split()]
    capacity = Capacity(1, guessed=0)
    size = {"context_tokens": 512, "threads": options.threads}
    with BatchEngine(model, capacity=capacity, **size) as e:
        prompt = e.tokenize("Once upon a time, in a town by the sea, there lived a")
        for _ in range(_WRITING_TURNS):
            drain(e.stream(prompt, Limits(_WRITTEN)))  # llama-bench warms up as well
            made = drain(e.stream(prompt, Limits(_WRITTEN)))
            steps = len(made.token_ids) - (made.finish_reason == "length")
            found[OURS][_WRITING].append(steps / made.timings.decode_ms * 1000)
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[THEIRS][_WRITING].append(json.loads(done.stdout)[0]["avg_ts"])
    return found


def measure_first(arm: Arm, found: Figures, seed: str) -> None:
    """The first token where nothing is known, and where the beginning of the prompt is."""
    engine = arm.engine
    # Threads of llama-server look for work for a while after their last, each on a core.
    time.sleep(_SETTLING_SECONDS)
    prompts = _LOAD["draw_prompts"](engine, f"first {seed}")
    prefix, rest = next(prompts)
    new = engine.tokenize(f"{seed} ")
    found["first token cold, ms"].append(_first(engine, [[*new, *prefix], rest]))
    _first(engine, next(prompts))
    found["first token restored, ms"].append(_first(engine, next(prompts)))


def _first(engine: StreamingEngine, prompt: list[list[int]]) -> float:
    return float(_LOAD["ask"](engine, prompt, 4).first_seconds * 1000)


def measure_askers(
    arm: Arm, found: Figures, seed: str, count: int, options: argparse.Namespace
) -> None:
    """Throughput and time of an answer with so many askers."""
    prompts = _LOAD["draw_prompts"](arm.engine, f"{count} askers {seed}")
    # One asker needs fewer for a steady figure; sixteen need one each at least.
    questions = list(islice(prompts, max(count, options.questions // (1 + (count == 1)))))
    before = arm.computed
    replies = _LOAD["taking_turns"](arm.engine, questions, count, options.tokens)
    computed = arm.computed - before
    seconds = [reply.seconds for reply in replies]
    found[f"{count} askers, {_COMPUTED}"].append(sum(r.tokens for r in replies) / computed)
    found[f"{count} askers, tok/s"].append(_LOAD["tokens_per_second"](replies))
    found[f"{count} askers, p50 s"].append(percentile(seconds, 0.5))
    found[f"{count} askers, p95 s"].append(percentile(seconds, 0.95))


def measure_fairness(arm: Arm, found: Figures, seed: str, options: argparse.Namespace) -> None:
    """A caller with one question beside one with ten; and four callers of unequal greed."""
    engine = arm.engine
    prompts = _LOAD["draw_prompts"](engine, f"fairness {seed}")
    queues = {HEAVY: list(islice(prompts, 10)), LIGHT: [next(prompts)]}
    replies = _LOAD["all_at_once"](engine, queues, options.tokens)
    (single,) = [reply.seconds for reply in replies if reply.caller == LIGHT]
    found["one question beside ten, s"].append(single)
    found["last of the ten, s"].append(max(r.seconds for r in replies if r.caller == HEAVY))
    queues = {"greedy": list(islice(prompts, 12))}
    queues |= {f"modest {n}": list(islice(prompts, 4)) for n in range(3)}
    replies = _LOAD["all_at_once"](engine, queues, max(1, options.tokens // 4))
    found["Jain index of 4 callers"].append(_LOAD["evenness"](replies, list(queues)))


def measure(model: Path, options: argparse.Namespace) -> dict[str, Figures]:
    """All figures of both, by arm and row."""
    server = ensure_server()
    found = measure_writing(server.with_name(BENCH), model, options)
    with ExitStack() as stack:
        arms = {
            OURS: stack.enter_context(our_worker(model, options)),
            THEIRS: stack.enter_context(llama_server(server, model, options)),
        }
        for arm in arms.values():
            _first(arm.engine, next(_LOAD["draw_prompts"](arm.engine, "warm")))
        for number in range(options.rounds):
            order = list(arms) if number % 2 == 0 else list(arms)[::-1]
            for name, part in _parts(options).items():
                for key in order:
                    before = set(found[key])
                    part(arms[key], found[key], f"round {number}")
                    told = {
                        n: v[-1] for n, v in found[key].items() if n not in before or name in n
                    }
                    sys.stderr.write(f"round {number + 1}, {key}, {name}: {told}\n")
    return found


def _parts(options: argparse.Namespace) -> Mapping[str, Callable[[Arm, Figures, str], None]]:
    """What is measured in each round; short, since the arms take turns part by part."""
    askers = {
        f"{count} askers": partial(measure_askers, count=count, options=options)
        for count in options.askers
    }
    fairness = partial(measure_fairness, options=options)
    return {"first token": measure_first, **askers, "fairness": fairness}


def rows(found: Mapping[str, Figures]) -> list[dict[str, Any]]:
    """A row per figure: medians of both, their ratio, and which way is better."""
    made = []
    for name, figures in found[OURS].items():
        middle = max if name == _WRITING else median
        ours, theirs = middle(figures), middle(found[THEIRS][name])
        higher = name.endswith(("tok/s", _COMPUTED)) or name.startswith("Jain")
        row = {"figure": name, "better": _BETTER[higher], OURS: ours, THEIRS: theirs}
        made.append(row | {"ratio": ours / theirs})
    return made


def machine_line(options: argparse.Namespace, before: float) -> str:
    """What the figures hold for."""
    busy = 1 - min(before, core_share(options.threads))
    return (
        f"{time.strftime('%Y-%m-%d')}, {processor_name()}, {os.cpu_count()} logical cores, "
        f"{options.threads} thread(s) of {variant()} each, {options.slots} slots over "
        f"{options.context} tokens, answers of {options.tokens}, {options.rounds} round(s); other "
        f"programs took up to {busy:.0%} of the cores, load {os.getloadavg()[1]:.1f}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gguf", default=_LOAD["MODEL"], help="file, or package://name/file")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--context", type=int, default=4096, help="tokens over all slots")
    parser.add_argument("--askers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--questions", type=int, default=16, help="for each number of askers")
    parser.add_argument("--tokens", type=int, default=64, help="of an answer")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Print a table, or JSON."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    _LOAD["leave_when_told"]()
    before = core_share(options.threads)
    found = rows(measure(_LOAD["model_file"](options.gguf), options))
    if options.json:
        print(json.dumps(found))
        return
    print(f"{machine_line(options, before)}\n")
    print(f"| figure | better | {OURS} | {THEIRS} | ratio |\n|---|---|---|---|---|")
    for row in found:
        cells = (f"{row[column]:.4g}" for column in (OURS, THEIRS))
        print(
            f"| {row['figure']} | {row['better']} | {' | '.join(cells)} | {row['ratio']:.2f} |"
        )


if __name__ == "__main__":
    main()
