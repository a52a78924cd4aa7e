"""What a batch of tokens costs behind a prompt: written for several, compared, or read.

    python benchmarks/batches.py MODEL.gguf [--past 400] [--rounds 5]

One thread. "Written" is one token for each of several texts, as when many are answered; "compared"
is a batch of tokens of sixteen texts behind one prompt, as when quotes are weighed; "read" is a
piece of a prompt. The least of some rounds: what is in the way makes a batch slower only.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from sfta_edge.context import Context, Entry, Shape
from sfta_edge.model import Model

_PIECE, _TEXTS = 200, 16


def _least(
    rounds: int, prepare: Callable[[], None], entries: list[Entry], on: Context
) -> float:
    best = float("inf")
    for _ in range(rounds):
        prepare()
        began = time.perf_counter()
        on.decode(entries)
        best = min(best, time.perf_counter() - began)
    return best * 1000


def _read(context: Context, tokens: list[int], past: int, sequence: int) -> None:
    for start in range(0, past, _PIECE):
        piece = tokens[start : min(start + _PIECE, past)]
        context.decode(
            [
                Entry(t, start + i, sequence, wanted=i == len(piece) - 1)
                for i, t in enumerate(piece)
            ]
        )


def written(model: Model, tokens: list[int], past: int, width: int, rounds: int) -> float:
    """Milliseconds of one token for each of `width` texts."""
    context = Context(model, Shape((past + 64) * width, 256, width))
    for sequence in range(width):
        _read(context, tokens, past, sequence)

    def forget() -> None:
        for sequence in range(width):
            context.forget(past, sequence)

    entries = [Entry(tokens[5], past, sequence, wanted=True) for sequence in range(width)]
    spent = _least(rounds, forget, entries, context)
    context.close()
    return spent


def compared(model: Model, tokens: list[int], past: int, count: int, rounds: int) -> float:
    """Milliseconds of `count` tokens of sixteen texts."""
    context = Context(model, Shape(past + 512, 256, 1 + _TEXTS, outputs=count, unified=True))
    _read(context, tokens, past, 0)

    def renew() -> None:
        for text in range(1, 1 + _TEXTS):
            context.forget(0, text)
            context.continue_as(text)

    entries = [
        Entry(tokens[i], past + i // _TEXTS, 1 + i % _TEXTS, wanted=True) for i in range(count)
    ]
    spent = _least(rounds, renew, entries, context)
    context.close()
    return spent


def read(model: Model, tokens: list[int], past: int, count: int, rounds: int) -> float:
    """Milliseconds of a piece of a prompt."""
    context = Context(model, Shape(past + 512, 256))
    _read(context, tokens, past, 0)
    entries = [Entry(tokens[i], past + i, wanted=i == count - 1) for i in range(count)]

    def forget() -> None:
        context.forget(past)

    spent = _least(rounds, forget, entries, context)
    context.close()
    return spent


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--past", type=int, default=400, help="tokens that are there already")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    model = Model(args.model)
    tokens = model.tokenize("The filter is cleaned by hand, the oil is changed. " * args.past)
    kinds = {
        "written": (written, (1, 4, 8, 16)),
        "compared": (compared, (16, 32, 64, 128)),
        "read": (read, (16, 32, 64, 128, 256)),
    }
    print("| what | tokens | ms | ms a token |\n|---|---|---|---|")
    for name, (measure, sizes) in kinds.items():
        for size in sizes:
            spent = measure(model, tokens, args.past, size, args.rounds)
            print(f"| {name} | {size} | {spent:.1f} | {spent / size:.2f} |", flush=True)
    model.close()


if __name__ == "__main__":
    main()
