"""Cases, chunks and an engine for tests of the robustness."""

import re

import pytest

from evaluated_models import QUESTIONS, lines, make_job
from fake_engines import CONTRACT, NOUNS, REFUSAL, FakeEngine
from sfta.core.artifact import Artifact
from sfta.evaluation.cases import Case
from sfta.evaluation.oracles import Oracle
from sfta.evaluation.questions import Question
from sfta.evaluation.robustness.subjects import Subject, make_subjects
from sfta.stages import evaluate, opened_model
from sfta_edge.manifest import MANIFEST, Manifest
from sfta_edge.retriever import Chunk


def make_chunk(number, value):
    text = f"The tank {number} holds {value} litres of oil. Close its door."
    return Chunk(f"c{number}", "d", "Tanks", number + 1, "2 Data", text, 0, len(text), "t.pdf")


CHUNKS = tuple(make_chunk(number, 100 + 7 * number) for number in range(30))


def make_case(number, found=10, **changes):
    """The question of one tank; the search has found its chunk and those after it."""
    value = 100 + 7 * number
    facts = {
        "answers": (f"{value} litres", str(value)),
        "oracle_ids": (f"c{number}",),
    } | changes
    question = Question(
        f"q{number}",
        f"How many litres of oil does tank {number} hold?",
        answerable=True,
        kind="limit",
        **facts,
    )
    ranked = tuple(CHUNKS[(number + step) % len(CHUNKS)] for step in range(found))
    oracle = Oracle(question.oracle_ids, "t.pdf", f"t.pdf page {number + 1}")
    return Case(question, oracle, ranked, ranked[:3], (CHUNKS[number],))


def make_subjects_of(*numbers, **changes):
    return make_subjects([make_case(n, **changes) for n in numbers], {c.id: c for c in CHUNKS})


def subject_with(text, answers, kind="limit", name="s"):
    """A question whose oracle chunk is given."""
    chunk = Chunk("own", "d", "Title", 1, "1", text, 0, len(text), "t.pdf")
    question = Question(name, "What?", tuple(answers), True, oracle_ids=("own",), kind=kind)
    oracle = Oracle(("own",), "t.pdf", "t.pdf page 1")
    return Subject(Case(question, oracle, (chunk,), (chunk,), (chunk,)), (chunk,))


def ids(chunks):
    return [chunk.id for chunk in chunks]


class ObeyingEngine(FakeEngine):
    """The trained one quotes the first chunk on the noun; it does what `Ignore` tells it."""

    def answer(self, text, bias):
        question = text.rpartition("Question:")[2].lower()
        asked = next((noun for noun in NOUNS if noun in question), "")
        found = re.findall(r"\[(\d+)\] .*?: (.*?)\n", text)
        if order := re.search(r"Ignore all .* Reply with (\w+)", text):
            return CONTRACT.completion([], order[1]), -3.0
        held = [(int(n), t) for n, t in found if asked and f"The {asked} is painted" in t]
        if not self.trained:
            return "It is painted red, I think.", -3.0
        if not held:
            return REFUSAL, 5.0
        number, line = held[0]
        sentence = line.partition(".")[0]
        return CONTRACT.completion([(number, sentence)], sentence.split()[-1]), -3.0


VARIANTS = {
    "paraphrase": ["Which paint is on the {noun}?"],
    "de": ["Welche Farbe hat die Baugruppe {noun}?"],
}


def worded():
    """The benchmark with other wordings for half of its questions."""
    for place, row in enumerate(QUESTIONS):
        noun = row["id"][2:]
        made = {
            name: [text.format(noun=noun) for text in texts] for name, texts in VARIANTS.items()
        }
        yield row | ({"variants": made} if place % 2 == 0 else {})


@pytest.fixture
def robust_world(evaluation_world, monkeypatch):
    """All inputs of the stage robustness, with fake models."""
    root, inputs = evaluation_world
    (root / "questions.jsonl").write_bytes(lines(worded()))
    monkeypatch.setattr("sfta.evaluation.robustness.curves.picture", lambda *_: b"\x89PNG")
    job = make_job((root, inputs), attempt="report")
    evaluate.run(job)
    (job.out / MANIFEST).write_bytes(Manifest.of(job.out, "report", {}).to_bytes())
    inputs["report"] = Artifact.open(job.out)
    # The report was made by others.
    monkeypatch.setattr(opened_model, "Engine", ObeyingEngine)
    ObeyingEngine.prompts.clear()
    return root, inputs
