"""Stage evaluate: frozen retrieval, both models through the device's code, nothing asked twice."""

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass

import numpy as np
import pytest

from sfta.core.artifact import Artifact
from sfta.core.stage import Job, Runtime
from sfta.evaluation import plots
from sfta.evaluation.arms import ARMS
from sfta.evaluation.asking import Asker, calibrate
from sfta.evaluation.calibration import Margin, fit_bias
from sfta.evaluation.machine import processor_name
from sfta.evaluation.questions import Question, draw_evenly
from sfta.recipe import Recipe
from sfta.stages import evaluate
from sfta_edge.errors import ConfigError
from sfta_edge.generation import Generation
from sfta_edge.knowledge import write_knowledge
from sfta_edge.manifest import MANIFEST, Manifest, canonical_json
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import Chunk
from sfta_edge.settings import AnswerSettings, Weights

REFUSAL = "The documents do not contain the answer."
CONTRACT = PromptContract(
    head="<s>",
    between="<u>",
    tail="<a>",
    end="</s>",
    system="Answer.",
    document="[{number}] {title}, {heading}: {text}\n",
    question="Question: {question}",
    refusal=REFUSAL,
    answer_marker="Answer:",
    chat_template_sha256="0" * 64,
)
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


def not_asked(question, texts):
    raise AssertionError("quotes that are written need no embedder")


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
        asked = re.search(r"Question: What colour is the (\w+)", text)[1]
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


def artifact(folder, kind, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / MANIFEST).write_bytes(Manifest.of(folder, kind, {}).to_bytes())
    return Artifact.open(folder)


def lines(records):
    return b"".join(canonical_json(record) + b"\n" for record in records)


def make_chunks():
    chunks = []
    for place, (noun, colour) in enumerate(zip(NOUNS, COLOURS, strict=True)):
        text = f"The {noun} is painted {colour}. It stands behind door {place} of the hall."
        chunks.append(
            {
                "id": f"chunk-{noun}",
                "document_id": "d0",
                "title": "Colours",
                "page": place + 1,
                "start": 0,
                "end": len(text),
                "heading": noun,
                "text": text,
                "tokens": 12,
                "ordinal": place,
            }
        )
    return chunks


def make_index(folder):
    folder.mkdir(parents=True)
    chunks = make_chunks()
    pages = [
        {"number": c["page"], "text": c["text"], "width": 1.0, "height": 1.0, "lines": []}
        for c in chunks
    ]
    document = {
        "id": "d0",
        "name": "colours.md",
        "title": "Colours",
        "sha256": "0" * 64,
        "media_type": "text/markdown",
        "pages": pages,
    }
    vectors = vectors_of([chunk["text"] for chunk in chunks])
    write_knowledge(folder / "knowledge.sqlite", [document], chunks, vectors, Identity())
    return artifact(folder, "index", {"embedder.gguf": b"embedder"})


def row(name, noun, *, held, kind="colour"):
    others = [f"chunk-{n}" for n in NOUNS if n != noun][:2]
    context = [*others, f"chunk-{noun}"] if held else others
    answer = COLOURS[NOUNS.index(noun)] if held else REFUSAL
    quote = {"chunk_id": f"chunk-{noun}", "text": f"The {noun} is painted {answer}"}
    return {
        "id": name,
        "question": f"What colour is the {noun}?",
        "kind": kind,
        "context": [{"chunk_id": c, "role": "distractor"} for c in context],
        "quotes": [{**quote, "start": 0, "end": 9}] if held else [],
        "answer": answer,
        "completion": answer if held else REFUSAL,
        "group": "g",
    }


QUESTIONS = [
    {
        "id": f"q-{noun}",
        "question": f"What colour is the {noun}?",
        "answers": [colour],
        "answerable": True,
        "oracle_pages": [{"document": "colours.md", "page": place}],
        "kind": "colour",
    }
    for place, (noun, colour) in enumerate(zip(NOUNS, COLOURS, strict=True), 1)
] + [
    {
        "id": f"u-{noun}",
        "question": f"What colour is the {noun}?",
        "answers": [],
        "answerable": False,
        "kind": "near_miss",
    }
    for noun in ("lamp", "chair", "table", "roof")
]


@pytest.fixture
def world(tmp_path, monkeypatch):
    """All inputs of the stage, with fake models."""
    for name, value in (
        ("prompts", []),
        ("opened", []),
        ("biases", []),
        ("breaks_after", None),
    ):
        monkeypatch.setattr(FakeEngine, name, value)
    base = tmp_path / "base.gguf"
    base.write_bytes(b"base")
    # Drawing takes most of the time and is tested with the report.
    monkeypatch.setattr(plots, "figures", lambda report, milliseconds, theme: {})
    monkeypatch.setattr(evaluate, "Engine", FakeEngine)
    monkeypatch.setattr(evaluate, "Embedder", FakeEmbedder)
    monkeypatch.setattr(evaluate, "variant", lambda: "fake")
    monkeypatch.setattr(evaluate, "model_gguf", lambda folder, cache, scheme: base)
    monkeypatch.setattr(evaluate.hub, "resolve_model", lambda spec, cache, root: tmp_path)
    monkeypatch.setattr(
        evaluate.hub, "model_identity", lambda spec, root: f"identity of {spec}"
    )
    (tmp_path / "questions.jsonl").write_bytes(lines(QUESTIONS))
    validation = [row(f"v{n}", noun, held=n % 2 == 0) for n, noun in enumerate(NOUNS)]
    test = [row("t0", "pump", held=True), row("t1", "belt", held=False, kind="near_miss_code")]
    inputs = {
        "gguf": artifact(
            tmp_path / "gguf",
            "gguf",
            {"model-Q8_0.gguf": b"trained", "prompt.json": CONTRACT.to_bytes()},
        ),
        "index": make_index(tmp_path / "index"),
        "dataset": artifact(
            tmp_path / "dataset",
            "dataset",
            {
                "train.jsonl": lines([row("r0", "pump", held=True)]),
                "validation.jsonl": lines(validation),
                "test.jsonl": lines(test),
            },
        ),
    }
    return tmp_path, inputs


def make_recipe(root, **changes):
    recipe = Recipe.model_validate(
        {
            "name": "demo",
            "ingest": {"sources": ["x"]},
            "model": {"base": "package://fake/model.gguf"},
            "retrieval": {"top_k": 3},
            "evaluate": {
                "questions": "questions.jsonl",
                "resamples": 1000,
                "timed_questions": 3,
                "choose_quotes": False,
                **changes,
            },
        }
    )
    recipe._root = root
    return recipe


def make_job(world, attempt="1", **changes):
    root, inputs = world
    out, work = root / f"out{attempt}", root / "work"
    out.mkdir()
    work.mkdir(exist_ok=True)
    return Job(make_recipe(root, **changes), inputs, out, work, Runtime(root / "r", root / "c"))


def read(path):
    return json.loads(path.read_bytes())


def test_both_models_are_asked_and_the_trained_one_is_better(world):
    job = make_job(world)
    metrics = evaluate.run(job)
    report = read(job.out / "report.json")
    assert metrics["questions"] == 12
    assert metrics["token_f1"] == 1.0
    assert metrics["base_token_f1"] < 0.2
    assert [gate["name"] for gate in report["gates"] if not gate["passed"]] == []
    assert metrics["passed"] is report["passed"] is True
    assert metrics["verdict"].startswith("Fine-tuning helps")
    assert FakeEngine.opened == ["base.gguf", "model-Q8_0.gguf"]


def test_the_artifact_holds_what_others_read(world):
    job = make_job(world)
    evaluate.run(job)
    names = {path.name for path in job.out.iterdir()}
    assert names >= {
        "report.html",
        "report.json",
        "retrieval.jsonl",
        "answers.jsonl",
        "metrics.csv",
        "timings.json",
        "answer_settings.json",
    }
    settings = read(job.out / "report.json")["settings"]
    assert settings["scheme"] == "Q8_0"
    assert set(settings["inputs"]) == {"gguf", "index", "dataset"}
    timings = read(job.out / "timings.json")
    assert timings["arms"]["raft_rag"]["answers"] == 3
    assert timings["environment"]["llama.cpp variant"] == "fake"


def test_all_arms_read_the_same_frozen_chunks(world):
    job = make_job(world, arms=["base_rag", "raft_rag", "raft_oracle", "base_closed"])
    evaluate.run(job)
    frozen = {
        line["id"]: line["given"]
        for line in map(json.loads, (job.out / "retrieval.jsonl").read_text().splitlines())
    }
    given = {}
    for line in map(json.loads, (job.out / "answers.jsonl").read_text().splitlines()):
        given.setdefault(line["arm"], {})[line["id"]] = line["context"]
    assert given["base_rag"] == given["raft_rag"] == frozen
    assert given["raft_oracle"]["q-belt"] == ["chunk-belt"]
    assert given["raft_oracle"]["u-lamp"] == frozen["u-lamp"]
    assert set(map(tuple, given["base_closed"].values())) == {()}


def test_the_refusal_threshold_is_fitted_on_validation_rows_alone(world):
    job = make_job(world)
    evaluate.run(job)
    threshold = read(job.out / "answer_settings.json")["refusal_threshold"]
    # The fake model is too shy by 2: only a threshold above its score of 0.73 lets it answer.
    assert 0.74 < threshold < 0.9999
    assert AnswerSettings(refusal_threshold=threshold).refusal_bias < -1.0
    calibrated = FakeEngine.prompts[FakeEngine.opened.index("model-Q8_0.gguf") and 15 : 15 + 8]
    assert all("chunk" not in prompt for prompt in calibrated)
    assert read(job.out / "report.json")["settings"]["calibration_rows"] == 8
    # The base model and the calibration itself go without the bias.
    assert set(FakeEngine.biases[: 12 + 3 + 8]) == {0.0}
    assert max(FakeEngine.biases[12 + 3 + 8 :]) < -1.0


def test_without_calibration_the_models_own_choice_stands(world):
    job = make_job(world, calibration_rows=0)
    metrics = evaluate.run(job)
    assert read(job.out / "answer_settings.json") == {
        "refusal_threshold": 0.5,
        "choose_quotes": False,
        "weights": asdict(Weights()),
    }
    assert metrics["over_refusal"] == 1.0
    assert metrics["verdict"].startswith("Do not ship")


def test_questions_seen_in_training_are_counted(world):
    job = make_job(world)
    evaluate.run(job)
    leakage = read(job.out / "report.json")["leakage"]
    assert leakage["exact"] == 8
    assert leakage["compared_with"] == 8


def test_an_interrupted_evaluation_goes_on_and_ends_in_the_same_report(world, monkeypatch):
    whole = make_job(world, "whole")
    evaluate.run(whole)
    expected, asked = (whole.out / "report.json").read_bytes(), len(FakeEngine.prompts)
    for path in whole.work.iterdir():
        path.unlink()
    FakeEngine.prompts.clear()
    monkeypatch.setattr(FakeEngine, "breaks_after", 26)
    with pytest.raises(ConnectionError):
        evaluate.run(make_job(world, "broken"))
    monkeypatch.setattr(FakeEngine, "breaks_after", None)
    again = make_job(world, "again")
    evaluate.run(again)
    # Lost was at most what had been asked of the unfinished batch.
    assert len(FakeEngine.prompts) - asked <= 16
    assert (again.out / "report.json").read_bytes() == expected
    before = len(FakeEngine.prompts)
    evaluate.run(make_job(world, "third"))
    assert len(FakeEngine.prompts) == before


def test_without_a_benchmark_file_the_test_split_is_asked(world):
    job = make_job(world, questions=None)
    metrics = evaluate.run(job)
    assert metrics["questions"] == 2
    assert read(job.out / "report.json")["settings"]["questions"] == "test split of the dataset"


def test_an_empty_test_split_without_a_benchmark_is_said_plainly(world):
    root, inputs = world
    empty = {f"{split}.jsonl": b"" for split in ("train", "validation", "test")}
    inputs["dataset"] = artifact(root / "empty", "dataset", empty)
    with pytest.raises(ConfigError, match="test split holds no question"):
        evaluate.run(make_job(world, questions=None))


def test_rows_from_a_file_are_measured_with_the_documents_they_brought(world):
    root, inputs = world
    shared = "chunk-pump"  # a chunk of the file may be one of the index

    def own_id(name):
        return name if name == shared else f"own-{name}"

    brought = [{**c, "id": own_id(c["id"]), "title": "Own"} for c in make_chunks()]

    def own(name, noun, *, held):
        made = row(name, noun, held=held, kind="raft_hf")
        for part in ("context", "quotes"):
            made[part] = [{**e, "chunk_id": own_id(e["chunk_id"])} for e in made[part]]
        return made

    closed = row("t2", "pump", held=True) | {
        "context": [],
        "quotes": [],
        "question": "What colour is the pump today?",
        "completion": "Answer: red",
    }
    inputs["dataset"] = artifact(
        root / "own",
        "dataset",
        {
            "chunks.jsonl": lines(brought),
            "train.jsonl": lines([own("r0", "pump", held=True)]),
            "validation.jsonl": lines(
                [own("v0", NOUNS[0], held=True), own("v1", NOUNS[1], held=False), closed]
            ),
            "test.jsonl": lines(
                [own("t0", "pump", held=True), own("t1", "belt", held=False), closed]
            ),
        },
    )
    job = make_job(world, questions=None)
    metrics = evaluate.run(job)
    assert metrics["questions"] == 3
    # The row without documents does not take part: the device never asks without any.
    assert read(job.out / "report.json")["settings"]["calibration_rows"] == 2
    frozen = (job.out / "retrieval.jsonl").read_text("utf-8").splitlines()
    given = {line["id"]: line for line in map(json.loads, frozen)}
    assert given["t0"]["oracle_ids"] == [shared]
    assert [name.startswith("own-") for name in given["t0"]["given"]] == [True, True, False]
    assert given["t2"]["searched"]


def test_pages_that_the_index_does_not_hold_stop_the_evaluation_before_any_model_is_loaded(
    world,
):
    root, _ = world
    bad = {**QUESTIONS[0], "oracle_pages": [{"document": "gone.pdf", "page": 1}]}
    (root / "questions.jsonl").write_bytes(lines([bad]))
    with pytest.raises(ConfigError, match=r"no document 'gone\.pdf'"):
        evaluate.run(make_job(world))
    assert FakeEngine.opened == []


def test_unusable_questions_and_schemes_are_found_before_anything_runs(world):
    root, _ = world
    (root / "questions.jsonl").write_text("{")
    problems = evaluate.STAGE.check(make_recipe(root, scheme="F16"), Runtime())
    assert [problem.partition(":")[0] for problem in problems] == [
        "evaluate.scheme",
        "evaluate.questions",
    ]
    (root / "questions.jsonl").write_bytes(lines(QUESTIONS))
    assert evaluate.STAGE.check(make_recipe(root), Runtime()) == []
    assert evaluate.STAGE.check(make_recipe(root, questions=None), Runtime()) == []
    missing = evaluate.STAGE.check(make_recipe(root, questions="no.jsonl"), Runtime())
    assert "no benchmark file" in missing[0]


def test_the_key_follows_the_questions_and_the_base_model(world):
    root, _ = world
    recipe = make_recipe(root)
    before = evaluate.STAGE.external(recipe, Runtime())
    (root / "questions.jsonl").write_bytes(lines(QUESTIONS[1:]))
    after = evaluate.STAGE.external(recipe, Runtime())
    assert before["base"] == after["base"] == "identity of package://fake/model.gguf"
    assert before["questions"] != after["questions"]
    assert "questions" not in evaluate.STAGE.external(
        make_recipe(root, questions=None), Runtime()
    )


def test_a_cut_answer_is_counted_as_truncated(world):
    job = make_job(world, max_answer_tokens=16)
    evaluate.run(job)
    report = read(job.out / "report.json")
    assert report["arms"]["raft_rag"]["metrics"]["truncated"] == 1.0


def chunk(name, text):
    return Chunk(name, "d", "Colours", 1, "h", text, 0, len(text), "colours.md")


def test_chunks_that_do_not_fit_are_not_counted_as_given(tmp_path):
    (tmp_path / "m").write_bytes(b"trained")
    engine = FakeEngine(tmp_path / "m", context_tokens=200)
    asker = Asker(engine, CONTRACT, AnswerSettings(max_tokens=60), not_asked)
    long = chunk("c2", "x" * 200)
    item = ("q", "What colour is the pump?", [chunk("c1", "The pump is painted red."), long])
    (reply,) = asker.ask_many(ARMS["raft_rag"], [item])
    assert reply.given == ("c1",)
    (alone,) = asker.ask_alone(ARMS["raft_rag"], [item])
    assert (alone.given, alone.completion) == (reply.given, reply.completion)
    assert alone.milliseconds >= 0.0


def test_when_the_search_finds_nothing_the_model_is_not_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(FakeEngine, "prompts", [])
    (tmp_path / "m").write_bytes(b"trained")
    engine = FakeEngine(tmp_path / "m", context_tokens=500)
    asker = Asker(engine, CONTRACT, AnswerSettings(max_tokens=60), not_asked)
    item = ("q", "What colour is the pump?", [])
    for ask in (asker.ask_many, asker.ask_alone):
        assert ask(ARMS["raft_rag"], [item])[0].completion == REFUSAL
    assert FakeEngine.prompts == []
    assert asker.ask_many(ARMS["raft_closed"], [item])[0].prompt_tokens > 0


def test_a_calibration_is_not_made_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(FakeEngine, "prompts", [])
    (tmp_path / "m").write_bytes(b"trained")
    engine = FakeEngine(tmp_path / "m", context_tokens=900)
    asker = Asker(engine, CONTRACT, AnswerSettings(), not_asked)
    chunks = {c["id"]: chunk(c["id"], c["text"]) for c in make_chunks()}
    rows = [row(f"v{n}", noun, held=n % 2 == 0) for n, noun in enumerate(NOUNS)]
    first = calibrate(asker, rows, chunks, tmp_path / "kept.json")
    asked = len(FakeEngine.prompts)
    assert calibrate(asker, rows, chunks, tmp_path / "kept.json") == first
    assert len(FakeEngine.prompts) == asked == 8
    assert first.refusal_f1 == first.answer_f1 == 1.0
    assert first.before < 1.0


@pytest.mark.parametrize("shift", [-3.0, 0.0, 3.0])
def test_the_fitted_bias_undoes_a_shift_and_its_threshold_means_the_same(shift):
    margins = [Margin(shift + gap, gap > 0) for gap in (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0)]
    found = fit_bias(margins)
    assert all((margin.gap + found.bias > 0) == margin.should_refuse for margin in margins)
    settings = AnswerSettings(refusal_threshold=found.threshold)
    assert settings.refusal_bias == pytest.approx(found.bias, abs=0.01)
    assert (found.bias == 0.0) == (shift == 0.0)


@pytest.mark.parametrize("margins", [[], [Margin(1.0, True)], [Margin(1.0, False)] * 3])
def test_rows_of_one_kind_leave_the_models_own_choice(margins):
    assert fit_bias(margins).bias == 0.0
    assert fit_bias(margins).threshold == 0.5


def test_a_draw_is_even_over_kinds_repeatable_and_in_order():
    questions = [
        Question(f"{kind}{n}", "?", ("1",), answerable=True, kind=kind)
        for kind, count in (("a", 50), ("b", 5), ("c", 50))
        for n in range(count)
    ]
    drawn = draw_evenly(questions, 20, 7)
    kinds = [question.kind for question in drawn]
    assert (kinds.count("a"), kinds.count("b"), kinds.count("c")) == (8, 5, 7)
    assert drawn == [question for question in questions if question in drawn]
    assert draw_evenly(questions, 20, 7) == drawn
    assert draw_evenly(questions, 20, 8) != drawn
    assert draw_evenly(questions, None, 7) == draw_evenly(questions, 999, 7) == questions


def test_the_processor_is_named(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor : 0\nmodel name\t: Fast CPU\n")
    assert processor_name(tmp_path / "cpuinfo") == "Fast CPU"
    assert processor_name(tmp_path / "gone")
