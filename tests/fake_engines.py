"""An engine and an embedder that answer by rule, for tests of the evaluation."""

import hashlib
import math
import re
from dataclasses import dataclass, replace

import numpy as np

from judged_arms import CONTRACT as BARE
from judged_arms import REFUSAL
from sfta_edge.generation import Generation, Scored

CONTRACT = replace(BARE, document="[{number}] {title}, {heading}: {text}\n")
COLOURS = ("red", "blue", "green", "white", "black", "grey", "brown", "pink")
NOUNS = ("pump", "valve", "motor", "filter", "cooler", "sensor", "belt", "gauge")
DIMENSION = 32


@dataclass(frozen=True)
class Identity:
    name: str = "fake"
    sha256: str = "12" * 32
    dimension: int = DIMENSION


class FakeEmbedder:
    """Bags of hashed words."""

    identity = Identity()

    def __init__(self, model):
        assert model.read_bytes() == b"embedder"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def embed(self, texts):
        return vectors_of(texts)


def vectors_of(texts):
    rows = np.full((len(texts), DIMENSION), 1e-3)
    for row, text in enumerate(texts):
        for word in re.findall(r"\w+", text.lower()):
            rows[row, hashlib.sha256(word.encode()).digest()[0] % DIMENSION] += 1.0
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class FakeEngine:
    """Reads the prompt's text; the trained one quotes, the base one babbles."""

    threads = 1
    prompts: list[str] = []
    opened: list[str] = []
    biases: list[float] = []
    breaks_after = None

    def __init__(self, model, *, context_tokens):
        self.context_tokens = context_tokens
        self.trained = model.read_bytes() == b"trained"
        type(self).opened.append(model.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def tokenize(self, text, special=False):
        return [ord(character) for character in text]

    def generate(
        self,
        prompt,
        *,
        max_tokens,
        deadline=None,
        cancel=None,
        first_token_bias=None,
        stop=None,
    ):
        text = "".join(chr(token) for segment in prompt for token in segment)
        if self.breaks_after is not None and len(self.prompts) >= self.breaks_after:
            raise ConnectionError
        type(self).prompts.append(text)
        bias = next(iter((first_token_bias or {}).values()), 0.0)
        type(self).biases.append(bias)
        answer, margin = self.answer(text, bias)
        cut = answer[:max_tokens]
        return Generation(
            cut,
            tuple(map(ord, cut)),
            "stop" if cut == answer else "length",
            sum(map(len, prompt)),
            first_token_scores={84: 1 / (1 + math.exp(-margin))},
        )

    def answer(self, text, bias):
        # The last: examples may stand before it.
        found = re.findall(r"Question: What colour is the (\w+)", text)
        if not found:
            return "Paris, and nothing else.", -3.0
        asked = found[-1]
        lines = dict(re.findall(r"\[(\d)\] .*?: (.*?)\n", text))
        held = [(int(n), t) for n, t in lines.items() if f"The {asked} is painted" in t]
        # Too shy by 2: without a bias it refuses everything.
        margin = (-1.0 if held else 5.0) + 2.0
        if not self.trained:
            return "It is painted red, I think.", -3.0
        if margin + bias > 0 or not held:
            return REFUSAL, margin
        number, line = held[0]
        sentence = line.partition(".")[0]
        return CONTRACT.completion([(number, sentence)], sentence.split()[-1]), margin

    def score(self, prompt, options, limits):
        scores = tuple((-0.5,) * len(option) for option in options)
        return Scored(scores, sum(map(len, prompt)))

    def stream(self, prompt, limits):
        done = self.generate(
            prompt, max_tokens=limits.max_tokens, first_token_bias=limits.first_token_bias
        )
        yield done.text
        return done

    def generate_many(self, prompts, *, max_tokens, first_token_bias=None, on_done=None):
        return [
            self.generate(p, max_tokens=max_tokens, first_token_bias=first_token_bias)
            for p in prompts
        ]
