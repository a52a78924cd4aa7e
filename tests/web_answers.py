"""What a scripted device answers; a word in the question decides."""

from flask import json

INFO = {"name": "CX-220 manuals", "counter": 7, "digest": "ab" * 32}
REFUSAL = "The documents do not answer this question."


def event(name, data):
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def sentences(answer, weak=()):
    """Where each sentence stands; those that begin with a text of `weak` are unsupported."""
    found, start = [], 0
    for text in answer.split("\n"):
        end = start + len(text)
        found.append(
            {"start": start, "end": end, "supported": not text.startswith(tuple(weak))}
        )
        start = end + 1
    return found


def answer_to(question, papers):
    """The whole answer, without its id."""
    maintenance, safety = papers[0], papers[1]
    oil = maintenance.citation(
        2, 2, "The gear oil is changed every 8,000 hours or every 24 months."
    )
    first = maintenance.citation(4, 2, "The first oil change is due after 500 hours")
    lock = safety.citation(1, 1, "Nobody but the person who set a lock may take it away")
    text = (
        "Change the gear oil every 8,000 hours or every 24 months, whichever comes first [2].\n"
        "The first change is already due after 500 hours [4]."
    )
    facts = {"answer": text, "citations": [oil, first], "sentences": sentences(text)}
    word = next((word for word in SCRIPT if word in question), "")
    return {**BASE, **facts, **SCRIPT.get(word, lambda *_: {})(oil, lock)}


BASE = {
    "refused": False, "supported": True, "mode": "model", "degraded": [], "withheld": 0,
    "finish_reason": "stop", "dropped_chunks": [], "refusal_score": 0.02, "bundle": INFO,
    "usage": {"prompt_tokens": 812, "completion_tokens": 57, "reused_tokens": 640},
    "timings_ms": {"search": 41.0, "prefill": 730.5, "decode": 2610.0, "total": 3382.0},
}  # fmt: skip


def _partly(oil, _lock):
    text = (
        "Change the gear oil every 8,000 hours \U0001f6e2 [2].\n"
        "A sample should go to the laboratory each month.\n"
        "Use Gearlube 46S only."
    )
    weak = sentences(text, ["A sample"])
    return {"answer": text, "sentences": weak, "citations": [oil], "dropped_chunks": ["a", "b"]}


def _refused(oil, _lock):
    return {
        "answer": REFUSAL, "refused": True, "supported": False, "sentences": [],
        "citations": [oil],
    }  # fmt: skip


def _invented(_oil, _lock):
    text = "The machine was built in 1987."
    made_up = {
        "number": 9, "document": None, "document_id": None, "title": None, "page": None,
        "chunk_id": None, "quote": "built in 1987", "verified": False, "corrected": False,
        "boxes": [],
    }  # fmt: skip
    weak = sentences(text, ["The"])
    return {"answer": text, "supported": False, "sentences": weak, "citations": [made_up]}


def _lock(_oil, lock):
    text = "Only the person who set the lock."
    return {
        "answer": text,
        "sentences": sentences(text),
        "citations": [{**lock, "corrected": True}],
    }


def _extractive(oil, lock):
    return {
        "mode": "extractive", "degraded": ["generator"], "answer": oil["quote"],
        "citations": [oil, lock],
    }  # fmt: skip


SCRIPT = {
    "lab": _partly,
    "weather": _refused,
    "built": _invented,
    "lock": _lock,
    "passages": _extractive,
    "disk": lambda *_: {"degraded": ["embedder", "disk"]},
    "essay": lambda *_: {"finish_reason": "length", "withheld": 2},
    "eternity": lambda *_: {"finish_reason": "deadline"},
    "<img": lambda *_: {"answer": "<b>bold</b> <img src=x onerror=alert(1)>", "sentences": []},
}
