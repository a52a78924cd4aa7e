"""How texts of an engine that serves many are compared with those of one that serves one."""

import threading
import time

ROUNDING = 1.0
"""Logits that differ by less are as good as equal.

Batches of another shape, and tokens at another place in memory, add in another order; activations
of 8 bits make a few tenths of it, in a model of 4 bits.
"""


def largest_margin(engine, prompt, tokens):
    """By how much the model, reading them again, likes another token better than one of these."""
    margins = [0.0]
    for at, token in enumerate(tokens):
        row = engine.logits([*prompt, list(tokens[:at])] if at else prompt)
        margins.append(float(row.max() - row[token]))
    return max(margins)


def together(calls):
    """What several calls return that are made at the same time, in their order."""
    results = [None] * len(calls)

    def make(place):
        try:
            results[place] = calls[place]()
        except Exception as error:  # noqa: BLE001 it is the result
            results[place] = error

    threads = [threading.Thread(target=make, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def until(condition, seconds=60):
    """Wait for what another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)
