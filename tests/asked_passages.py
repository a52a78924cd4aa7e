"""Passages, a searcher over them, and an engine that writes what a test tells it."""

from dataclasses import dataclass

from sfta_edge.caller import EVERYTHING
from sfta_edge.errors import ConfigError
from sfta_edge.found import Box, Hit
from sfta_edge.generation import EngineDownError, Generation
from sfta_edge.prompt import PromptContract

CONTRACT = PromptContract(
    head="<",
    between="|",
    tail=">",
    end="#",
    system="s",
    document="[{number}] {text}\n",
    question="Q: {question}",
    refusal="Not in the documents.",
    answer_marker="Answer:",
    chat_template_sha256="0" * 64,
)


@dataclass(frozen=True)
class Passage:
    id: str
    text: str
    title: str = "Operator manual"
    name: str = "manual.pdf"
    page: int = 4
    heading: str = ""
    document_id: str = "manual"


OIL = Passage("oil", "The oil is changed every 2000 hours. Use Gearlube 46S.")
NOISE = Passage("noise", "The noise level is 74 dB(A).")
FILTER = Passage("filter", "The intake filter is replaced every 4000 hours.")


class ToldEngine:
    """Characters are tokens. `fails` with an error after so many pieces, if it is told to."""

    def __init__(self, text="", context_tokens=2000, fails_after=None):
        self.text, self.context_tokens, self.fails_after = text, context_tokens, fails_after
        self.prompts, self.limits = [], []

    def tokenize(self, text, special=False):
        return [ord(char) for char in text]

    def stream(self, prompt, limits):
        self.prompts.append("".join(chr(t) for segment in prompt for t in segment))
        self.limits.append(limits)
        for number, char in enumerate(self.text):
            if number == self.fails_after:
                raise EngineDownError("the worker died")
            yield char
        if self.fails_after is not None:
            raise EngineDownError("the worker died")
        return Generation(self.text, tuple(map(ord, self.text)), "stop", 1)


class PassageSearcher:
    """Finds its passages in their order, and remembers what it was asked.

    `cosines` of texts: a function of one text; None: there is no embedder.
    """

    def __init__(self, *passages, cosines=None, embedder_down=False):
        self.passages, self.cosines, self.embedder_down = passages, cosines, embedder_down
        self.searches, self.views = [], []

    def search(self, question, top_k, view=EVERYTHING, *, words_only=False):
        self.searches.append((question, top_k, words_only))
        self.views.append(view)
        if self.embedder_down and not words_only:
            raise EngineDownError("the embedder is gone")
        return [Hit(c, 1.0 / n, n) for n, c in enumerate(self.passages[:top_k], 1)]

    def similarities(self, question, texts):
        if self.embedder_down:
            raise EngineDownError("the embedder is gone")
        if self.cosines is None:
            raise ConfigError("similarity needs an embedder")
        return [self.cosines(text) for text in texts]

    def boxes(self, chunk_id, span, view=EVERYTHING):
        self.views.append(view)
        return [Box(4, span.start, 0, span.end, 10, 595, 842)]

    def around(self, chunk_id, count, view=EVERYTHING):
        self.views.append(view)
        at = [passage.id for passage in self.passages].index(chunk_id)
        near = range(max(0, at - count), min(len(self.passages), at + count + 1))
        return {place: self.passages[place] for place in near}
