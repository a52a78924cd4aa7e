"""What speaks for each quote of a validation row is found without writing an answer."""

from contextlib import contextmanager
from dataclasses import dataclass

from sfta.evaluation.asking import Asker, calibrate
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
        likely = ["oil?" in asked and "oil" in "".join(map(chr, o)) for o in options]
        scores = [
            (-0.1 if each else -4.0,) * len(o) for each, o in zip(likely, options, strict=True)
        ]
        return Scored(tuple(scores), sum(map(len, prompt)))

    @contextmanager
    def lanes(self):
        yield [self]

    def stream(self, prompt, limits):
        self.written += 1
        yield " x"
        return Generation(" x", (32, 120), "stop", sum(map(len, prompt)))


def rows():
    context = [{"chunk_id": "a"}]
    return [
        {
            "question": "What oil?",
            "context": context,
            "completion": '[1] "The oil is mineral."\nAnswer: mineral',
        },
        {"question": "What colour?", "context": context, "completion": CONTRACT.refusal},
    ]


def alike(question, texts):
    return [0.8 if "mineral" in text else 0.1 for text in texts]


def asker(engine):
    settings = AnswerSettings(choose_quotes=True, max_tokens=80)
    return Asker(engine, CONTRACT, settings, alike)


CHUNKS = {"a": Passage("a", "The oil is mineral. It is brown.")}


def test_both_witnesses_are_heard_and_nothing_is_written():
    engine = Engine()
    held, missing = asker(engine).weighed(rows(), CHUNKS)
    assert [e.similarity for e in held.evidence] == [0.8, 0.1]
    assert set(held.evidence[0].tokens) == {-0.1}
    assert set(missing.evidence[0].tokens) == {-4.0}
    assert (held.quote, missing.quote) == (0, None)
    assert (held.should_refuse, missing.should_refuse) == (False, True)
    assert engine.written == 0


def test_a_row_whose_chunks_hold_no_sentence_is_left_out():
    assert asker(Engine()).weighed(rows(), {"a": Passage("a", "- -")}) == []


def test_the_fit_is_kept_and_read_again(tmp_path):
    kept = tmp_path / "calibration.json"
    first = calibrate(asker(Engine()), rows() * 4, CHUNKS, kept)
    again = calibrate(asker(None), [], {}, kept)
    assert again == first
    assert first.weights.need_similarity
    assert first.refusal_f1 == 1.0
