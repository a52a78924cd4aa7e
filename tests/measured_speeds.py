"""Speeds that nobody measured and plans that nobody made, for what is done with them."""

from sfta_edge.prediction import Prediction
from sfta_edge.speed import Speed

MIB = 1 << 20
FACTS = {
    "variant": "haswell",
    "scheme": "Q4_1",
    "threads": 2,
    "core_share": 1.0,
    "free_bytes": 1 << 30,
    "bandwidth": 1e10,
    "prompt_tokens": 300,
    "prefill_tokens_per_second": 100.0,
    "first_token_seconds": 3.1,
    "decode_tokens_per_second": 20.0,
    "peak_bytes": 400 * MIB,
}


def measured(**changes):
    return Speed(**(FACTS | changes))


def planned(**changes):
    facts = {
        "device": "box",
        "scheme": "Q4_1",
        "prompt_tokens": 300,
        "bandwidth": 2e10,
        "memory_bytes": 400 * MIB,
        "prefill_tokens_per_second": 110.0,
        "first_token_seconds": 3.0,
        "decode_tokens_per_second": 60.0,
        "spread": 2.0,
    }
    return Prediction(**(facts | changes))
