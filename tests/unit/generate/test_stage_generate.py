"""Stage generate: a dataset from corpus and index that anybody can load, twice the same."""

import json

import pytest

from generated_rows import all_rows, artifact, generate, recipe, records, write_inputs
from sfta.core.stage import Runtime, key_of
from sfta.raft.config import SplitConfig
from sfta.raft.splits import assign_splits
from sfta.stages.generate import STAGE, read_chunks
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import MANIFEST, canonical_json


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
