"""Margins of a model that chooses its quotes are found without writing an answer."""

from dataclasses import dataclass

from sfta.evaluation.asking import Asker
from sfta_edge.generation import Generation, Scored
from sfta_edge.prompt import PromptContract
from sfta_edge.settings import AnswerSettings

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
    title: str = "Manual"
    name: str = "manual.pdf"
    page: int = 1
    heading: str = ""


class Engine:
    """Characters are tokens; it finds likely what its prompt asks for."""

    context_tokens = 2000

    def __init__(self):
        self.written = 0

    def tokenize(self, text, special=False):
        return [ord(char) for char in text]

    def score(self, prompt, options, limits):
        asked = "".join(chr(t) for segment in prompt for t in segment)
        value = -0.1 if "oil?" in asked else -4.0
        return Scored(tuple((value,) * len(o) for o in options), sum(map(len, prompt)))

    def stream(self, prompt, limits):
        self.written += 1
        yield " x"
        return Generation(" x", (32, 120), "stop", sum(map(len, prompt)))


def rows():
    context = [{"chunk_id": "a"}]
    return [
        {"question": "What oil?", "context": context, "completion": "anything"},
        {"question": "What colour?", "context": context, "completion": CONTRACT.refusal},
    ]


def test_an_unlikely_quote_lies_on_the_side_of_refusing_and_nothing_is_written():
    engine = Engine()
    settings = AnswerSettings(choose_quotes=True, max_tokens=80)
    chunks = {"a": Passage("a", "The oil is mineral. It is brown.")}
    held, missing = Asker(engine, CONTRACT, settings).margins(rows(), chunks)
    assert held.gap < 0 < missing.gap
    assert (held.should_refuse, missing.should_refuse) == (False, True)
    assert engine.written == 0
