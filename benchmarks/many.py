"""Seconds for many texts that are written side by side, by how many at once.

    python benchmarks/many.py [GGUF] [--at-once 8 32 64] [--texts 64] [--threads N] [--rounds 2]

As an evaluation asks a model that writes its quotes itself: prompts of several hundred tokens,
answers of at most 80. The arms take turns; medians count, and the ratio is to the first arm.
Without GGUF the model of the extra `quickstart` is taken.
"""

import argparse
import runpy
import time
from pathlib import Path
from statistics import median

from sfta.adapters.hub import local_path
from sfta.evaluation.machine import processor_name
from sfta_edge.cores import physical_cores
from sfta_edge.engine import Engine

_ENGINE = runpy.run_path(str(Path(__file__).with_name("engine.py")))
CONTEXT, ANSWER_TOKENS, CHUNKS = 1024, 80, 5


def written(engine: Engine, at_once: int, texts: int) -> tuple[float, int, int]:
    """Seconds, tokens read and tokens written."""
    prompts = [_ENGINE["prompt"](engine, number, CHUNKS) for number in range(texts)]
    began = time.perf_counter()
    done = engine.generate_many(prompts, max_tokens=ANSWER_TOKENS, parallel=at_once)
    seconds = time.perf_counter() - began
    read = sum(each.prompt_tokens - each.reused_tokens for each in done)
    return seconds, read, sum(len(each.token_ids) for each in done)


def main() -> None:
    """Measure and print."""
    options = _options()
    model = Path(options.gguf) if options.gguf else local_path(_ENGINE["MODEL"])
    found: dict[int, list[float]] = {count: [] for count in options.at_once}
    with Engine(model, context_tokens=CONTEXT, threads=options.threads) as engine:
        for _ in range(options.rounds):
            for count in options.at_once:
                seconds, read, wrote = written(engine, count, options.texts)
                found[count].append(seconds)
                print(f"{count} at once: {read} read, {wrote} written in {seconds:.1f} s")
    first = median(found[options.at_once[0]])
    print(f"{processor_name()}, {options.threads} thread(s), {model.name}")
    for count, seconds in found.items():
        print(f"{count:4} at once {median(seconds):8.1f} s   {median(seconds) / first:.2f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("gguf", nargs="?")
    parser.add_argument("--at-once", type=int, nargs="+", default=[8, 32, 64])
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
