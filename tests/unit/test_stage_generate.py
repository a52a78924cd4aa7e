"""Stage generate: a dataset from corpus and index that anybody can load, twice the same."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import sfta_edge.embedder
from fakes import CompletionServer, completion, serving
from sfta.core.artifact import Artifact
from sfta.core.config import build
from sfta.core.stage import Job, Runtime, key_of
from sfta.raft.config import SplitConfig
from sfta.raft.splits import assign_splits
from sfta.recipe import Recipe
from sfta.stages.generate import STAGE, read_chunks, run
from sfta_edge.errors import ConfigError
from sfta_edge.knowledge import write_knowledge
from sfta_edge.manifest import MANIFEST, Manifest, canonical_json

DIMENSION = 24
PARTS = ["pump", "valve", "cooler", "motor", "filter", "drain", "switch", "relay"]


@dataclass(frozen=True)
class Identity:
    name: str = "fake"
    sha256: str = "34" * 32
    dimension: int = DIMENSION
    pooling: str = "mean"
    prefix: str = ""


class FakeEmbedder:
    """Bags of words as vectors: a question is near the chunk that shares its words."""

    def __init__(self, model):
        assert Path(model).read_bytes() == b"embedder"
        self.identity = Identity()

    def embed(self, texts):
        return vectors_of(texts)

    def close(self):
        pass


def vectors_of(texts):
    rows = np.full((len(texts), DIMENSION), 0.01, dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.casefold().split():
            row[hashlib.sha256(word.encode()).digest()[0] % DIMENSION] += 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def page_text(number):
    part, name = PARTS[number % len(PARTS)], f"MP-{number}"
    return (
        f"The main {part} {name} opens at {number + 2}.5 bar. The main {part} {name} is cleaned "
        f"every {number + 1}00 hours. Tighten the cover of the {part} {name} to {number + 20} N·m."
        f" The main {part} {name} hangs under the roof number {number}."
    )


def write_inputs(folder, pages=24):
    """A corpus of one chunk per page, and the real knowledge file over it."""
    documents, chunks = [], []
    for index in range(2):
        name = f"manual-{index}.pdf"
        document = {"id": f"d{index}", "name": name, "title": f"Manual {index}",
                    "sha256": "0" * 64, "media_type": "application/pdf", "pages": []}  # fmt: skip
        documents.append(document)
        for number in range(index, pages, 2):
            text = page_text(number)
            page = len(document["pages"]) + 1
            document["pages"].append({"number": page, "text": text, "width": 10, "height": 10,
                                      "lines": []})  # fmt: skip
            chunks.append({"id": f"c{number:02d}", "document_id": document["id"],
                           "title": document["title"], "page": page, "start": 0,
                           "end": len(text), "heading": f"{page} Part {number}", "text": text,
                           "tokens": 60, "ordinal": page})  # fmt: skip
    corpus, index_folder = folder / "corpus", folder / "index"
    corpus.mkdir(parents=True)
    index_folder.mkdir()
    (corpus / "chunks.jsonl").write_bytes(b"".join(canonical_json(c) + b"\n" for c in chunks))
    (corpus / "documents.jsonl").write_bytes(
        b"".join(canonical_json(d) + b"\n" for d in documents)
    )
    (index_folder / "embedder.gguf").write_bytes(b"embedder")
    write_knowledge(index_folder / "knowledge.sqlite", documents, chunks,
                    vectors_of([c["text"] for c in chunks]), Identity())  # fmt: skip
    return {kind: artifact(folder / kind, kind) for kind in ("corpus", "index")}


def artifact(folder, kind):
    (folder / MANIFEST).write_bytes(Manifest.of(folder, kind, {}).to_bytes())
    return Artifact.open(folder)


def recipe(**generate):
    settings = {"max_rows": 80, "split": {"group_by": "page"}, **generate}
    return build(
        Recipe,
        {"name": "pumps", "seed": 3, "ingest": {"sources": ["docs"]}, "model": {"base": "x"},
         "retrieval": {"top_k": 3}, "generate": settings},
        name="recipe",
    )  # fmt: skip


def generate(inputs, folder, **settings):
    folder.mkdir()
    work = folder / "work"
    work.mkdir()
    out = folder / "out"
    out.mkdir()
    made = recipe(**settings)
    made._root = folder
    metrics = run(Job(made, inputs, out, work, Runtime(cache=folder / "cache")))
    return out, metrics


@pytest.fixture(autouse=True)
def fake_embedder(monkeypatch):
    monkeypatch.setattr(sfta_edge.embedder, "Embedder", FakeEmbedder)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture
def dataset(inputs, tmp_path):
    return generate(inputs, tmp_path / "run")


def records(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def all_rows(out):
    return [r for s in ("train", "validation", "test") for r in records(out / f"{s}.jsonl")]


def test_the_folder_holds_what_the_next_stages_read(dataset, inputs):
    out, _ = dataset
    assert sorted(p.name for p in out.iterdir()) == [
        "README.md", "chunks.jsonl", "coverage.json", "documents.jsonl", "funnel.json",
        "rejected.jsonl", "test.jsonl", "train.jsonl", "validation.jsonl",
    ]  # fmt: skip
    corpus = inputs["corpus"].file("chunks.jsonl")
    assert (out / "chunks.jsonl").read_bytes() == corpus.read_bytes()


def test_rows_stand_in_the_file_of_their_split_and_name_known_chunks(dataset, inputs):
    out, metrics = dataset
    known = {chunk.id for chunk in read_chunks(inputs["corpus"].file("chunks.jsonl"))}
    for split in ("train", "validation", "test"):
        rows = records(out / f"{split}.jsonl")
        assert len(rows) == metrics["rows_by_split"].get(split, 0)
        for row in rows:
            assert row["split"] == split
            assert {entry["chunk_id"] for entry in row["context"]} <= known
            assert len(row["context"]) == 3


def test_a_group_is_in_one_split_only(dataset):
    groups = {}
    for row in all_rows(dataset[0]):
        groups.setdefault(row["group"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in groups.values())


def test_the_metrics_sum_up_the_rows(dataset):
    out, metrics = dataset
    rows = all_rows(out)
    refusals = [row for row in rows if not row["quotes"]]
    assert metrics["rows"] == len(rows) == 80
    assert sum(metrics["rows_by_kind"].values()) == 80
    assert metrics["refusal_share"] == len(refusals) / 80 == 0.25
    assert metrics["retriever"]["oracle_in_top_k"] > 0
    assert metrics["wordings"]["used"] > 10
    json.dumps(metrics)


def test_nothing_is_dropped_silently(dataset):
    out, metrics = dataset
    rejected = records(out / "rejected.jsonl")
    assert len(rejected) == sum(metrics["rejected"].values())
    assert all(row["rejected_because"] for row in rejected)
    questions = {(row["question"], row["kind"]) for row in all_rows(out)}
    assert len(rejected) + len(questions) == metrics["candidates"]


def test_the_funnel_reports_leakage_and_examples(dataset):
    funnel = json.loads((dataset[0] / "funnel.json").read_bytes())
    assert funnel["leakage"]["share"] == 0.0
    assert funnel["leakage"]["held_out"] > 0
    assert set(funnel["examples"]) == set(funnel["rejected"])
    assert funnel["plan"]["with_oracle"] == 60


def test_the_folder_loads_as_a_dataset(dataset, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out, metrics = dataset
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == metrics["rows_by_split"]
    assert "completion" in loaded["train"].column_names


def test_the_same_inputs_give_the_same_bytes(inputs, tmp_path):
    first, _ = generate(inputs, tmp_path / "one")
    second, _ = generate(inputs, tmp_path / "two")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_another_seed_gives_other_rows(inputs, tmp_path):
    first = key_of(STAGE, recipe(), inputs, Runtime())
    other = recipe().model_copy(update={"seed": 4})
    assert key_of(STAGE, other, inputs, Runtime()) != first


def test_a_setting_of_another_stage_changes_nothing():
    changed = recipe().model_copy(update={"name": "pumps"})
    assert "train" not in STAGE.sections
    assert changed == recipe()


def test_too_little_left_to_train_on_says_why(inputs, tmp_path):
    with pytest.raises(ConfigError, match=r"no row is left to train on.*question length"):
        generate(inputs, tmp_path / "run", filters={"question_words": [90, 99]})


def test_leakage_above_the_limit_stops_the_stage(tmp_path):
    split = {"group_by": "page", "near_duplicate": 1.0, "shares": [0.6, 0.2, 0.2]}
    folder = tmp_path / "inputs"
    inputs = write_inputs(folder)
    chunks = read_chunks(inputs["corpus"].file("chunks.jsonl"))
    splits = assign_splits(chunks, SplitConfig(**split), 3)
    # Text that is learned and measured too: one page repeats another across the splits.
    held, learned = (
        next(c for c in chunks if splits[c.id] == name) for name in ("test", "train")
    )
    lines = records(folder / "corpus/chunks.jsonl")
    for line in lines:
        if line["id"] == held.id:
            line |= {"text": learned.text, "end": len(learned.text)}
    (folder / "corpus/chunks.jsonl").write_bytes(
        b"".join(canonical_json(line) + b"\n" for line in lines)
    )
    (folder / "corpus" / MANIFEST).unlink()
    inputs["corpus"] = artifact(folder / "corpus", "corpus")
    settings = {"max_rows": None, "filters": {"round_trip": "off"}}
    with pytest.raises(ConfigError, match="repeat a question or a quote of train"):
        generate(inputs, tmp_path / "run", split={**split, "leakage_limit": 0.0}, **settings)
    generate(inputs, tmp_path / "again", split={**split, "leakage_limit": 1.0}, **settings)


TEACHER = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m"}


def test_a_teacher_that_is_not_there_is_found_before_anything_runs():
    (problem,) = STAGE.check(recipe(teacher=TEACHER), Runtime())
    assert "does not answer" in problem
    assert list(STAGE.check(recipe(), Runtime())) == []


def test_a_models_questions_pass_through_the_same_funnel(inputs, tmp_path):
    chunks = read_chunks(inputs["corpus"].file("chunks.jsonl"))

    def written(body, _number):
        user = body["messages"][1]["content"]
        chunk = next(chunk for chunk in chunks if chunk.text in user)
        name = chunk.text.split(" opens")[0].removeprefix("The ")
        sentence = chunk.text.split(". ")[0] + "."
        item = {"question": f"At which pressure does the {name} open up?",
                "quote": sentence, "answer": sentence.split(" at ")[1].rstrip(".")}  # fmt: skip
        invented = {**item, "question": f"What does the {name} weigh?", "quote": "9 kg.",
                    "answer": "9 kg"}  # fmt: skip
        reply = {"answerable": [item, invented],
                 "unanswerable": [f"Who sold the {name} to the plant?"]}  # fmt: skip
        text = "no JSON here" if chunk == chunks[0] else json.dumps(reply)
        return completion(text, tokens=(100, 40))

    with serving(CompletionServer(written)) as url:
        out, metrics = generate(
            inputs,
            tmp_path / "run",
            teacher={**TEACHER, "base_url": url},
            max_rows=None,
            filters={"round_trip": "count"},
        )
    rows = all_rows(out)
    assert metrics["teacher"]["chunks_without"] == {"unreadable": 1}
    assert metrics["teacher"]["prompt_tokens"] == 2400
    assert metrics["rejected"]["quote not in chunk"] == 23
    assert {row["teacher"] for row in rows} == {"m"}
    answered = [row for row in rows if row["quotes"]]
    assert answered
    assert all(row["answer"].endswith("bar") for row in answered)
    assert any(row["kind"] == "written_unanswerable" for row in rows)


def test_coverage_counts_the_pages_that_no_row_quotes(dataset):
    out, metrics = dataset
    coverage = json.loads((out / "coverage.json").read_bytes())
    quoted = {q["chunk_id"] for row in all_rows(out) for q in row["quotes"]}
    assert coverage["pages"] == 24
    assert coverage["pages_with_questions"] == len(quoted) == metrics["pages_with_questions"]
    assert len(coverage["missing"]) == 24 - len(quoted)
    assert f"{24 - len(quoted)} of 24 pages" in (out / "README.md").read_text("utf-8")


def test_the_card_names_sources_teacher_and_thresholds(dataset):
    text = (dataset[0] / "README.md").read_text("utf-8")
    assert f"| manual-0.pdf | Manual 0 | 12 | not stated | not stated | `{'0' * 64}` |" in text
    assert "`extractive`. Rules wrote the questions" in text
    assert "| `generate.filters.round_trip_top` | `12` |" in text
    assert "of validation and test" not in text
    assert "repeat a question of train" in text


def rejections(folder, rows, reason="the answer is wrong"):
    folder.mkdir(exist_ok=True)
    lines = [
        json.dumps({"id": r["id"], "reason": reason, "question": r["question"],
                    "answer": r["answer"]}) + "\n"
        for r in rows
    ]  # fmt: skip
    (folder / "rejections.jsonl").write_text("".join(lines), "utf-8")


def test_rows_rejected_by_hand_leave_the_splits_and_nothing_else_changes(
    dataset, inputs, tmp_path
):
    out, _ = dataset
    before = all_rows(out)
    chosen = before[3:6]
    rejections(tmp_path, chosen)
    again, metrics = generate(inputs, tmp_path / "again", rejections="../rejections.jsonl")
    kept = {row["id"] for row in all_rows(again)}
    assert kept == {row["id"] for row in before} - {row["id"] for row in chosen}
    by_hand = [r for r in records(again / "rejected.jsonl")
               if r["rejected_because"] == "by hand: the answer is wrong"]  # fmt: skip
    assert sorted(r["id"] for r in by_hand) == sorted(r["id"] for r in chosen)
    assert metrics["rejected"]["by hand: the answer is wrong"] == 3
    assert metrics["rejected_by_hand"] == 3
    assert "| by hand: the answer is wrong | 3 |" in (again / "README.md").read_text("utf-8")


def test_rejections_of_another_dataset_are_an_error(inputs, tmp_path):
    rejections(
        tmp_path, [{"id": f"{n:016x}", "question": "Who?", "answer": "Me"} for n in range(7)]
    )
    with pytest.raises(ConfigError, match=r"7 ids are not in this dataset: 0{16}, .*, \.\.\."):
        generate(inputs, tmp_path / "run", rejections="../rejections.jsonl")


def test_what_a_person_rejected_is_part_of_the_key(inputs, tmp_path):
    settings = recipe(rejections="rejections.jsonl")
    settings._root = tmp_path
    keys = []
    for reason in ("one", "two", "two"):
        rejections(tmp_path, [{"id": "a", "question": "Q", "answer": "A"}], reason)
        keys.append(key_of(STAGE, settings, inputs, Runtime()))
    assert keys[0] != keys[1] == keys[2]


def test_a_rejections_file_that_cannot_be_read_is_found_before_anything_runs(tmp_path):
    settings = recipe(rejections="rejections.jsonl")
    settings._root = tmp_path
    assert "cannot read the rejections" in STAGE.check(settings, Runtime())[0]
    (tmp_path / "rejections.jsonl").write_text('[]\n{"id": 3}\nno\n', "utf-8")
    head, *lines = STAGE.check(settings, Runtime())
    assert "3 problems" in head
    assert [line.split(":")[0].strip() for line in lines] == ["line 1", "line 2", "line 3"]
