"""Stage adopt: rows of a file become a dataset, divided by a rule, and nothing is lost."""

import json
from collections import Counter

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sfta.core.artifact import Artifact
from sfta.core.config import build
from sfta.core.stage import Runtime, key_of, plan_stages, run_stages, select
from sfta.raft.intake.grouping import assign, content_groups
from sfta.recipe import Recipe
from sfta.stages.adopt import STAGE
from sfta.stages.dataset_folder import open_dataset
from sfta.stages.pipeline import STAGES, stages_of
from sfta_edge.errors import ConfigError


def recipe(root, file="rows.jsonl", **settings):
    made = build(
        Recipe,
        {"name": "pumps", "seed": 3, "ingest": {"sources": ["docs"]}, "model": {"base": "x"},
         "dataset": {"file": file, **settings}},
        name="recipe",
    )  # fmt: skip
    made._root = root
    return made


def write(root, records, name="rows.jsonl"):
    (root / name).write_text("".join(json.dumps(r) + "\n" for r in records), "utf-8")


def plain(number, **more):
    return {"question": f"What is number {number}?", "answer": f"It is {number}.", **more}


def adopt(root, **settings):
    settings = recipe(root, **settings)
    runtime = Runtime(runs=root / "runs")
    return run_stages(select(stages_of(settings), "adopt"), settings, runtime)["dataset"]


def rows_of(artifact):
    return open_dataset(artifact.path).every_row()


def test_a_file_of_questions_and_answers_becomes_a_dataset(tmp_path):
    write(tmp_path, [plain(n) for n in range(200)])
    artifact = adopt(tmp_path)
    artifact.verify()
    assert sorted(e.path for e in artifact.manifest.files) == [
        "README.md", "chunks.jsonl", "documents.jsonl", "funnel.json", "rejected.jsonl",
        "test.jsonl", "train.jsonl", "validation.jsonl",
    ]  # fmt: skip
    counts = artifact.metrics["rows_by_split"]
    assert sum(counts.values()) == artifact.metrics["rows"] == 200
    assert counts["train"] > 150
    assert counts["validation"] > 5
    assert artifact.metrics["leakage"]["same_question"] == 0
    header = yaml.safe_load((artifact.path / "README.md").read_text("utf-8").split("---")[1])
    assert header["pretty_name"] == "pumps"


def test_nothing_is_lost_and_duplicates_are_kept_with_their_reason(tmp_path, caplog):
    write(tmp_path, [plain(1), plain(2), plain(1), plain(1), plain(3)])
    artifact = adopt(tmp_path)
    assert artifact.metrics["duplicates"] == 2
    assert len(rows_of(artifact)) == 3
    rejected = open_dataset(artifact.path).rejected
    assert [r["rejected_because"] for r in rejected] == ["duplicate of row 1"] * 2
    assert "2 rows repeat another" in caplog.text


def test_the_same_file_is_adopted_once_and_a_changed_one_again(tmp_path):
    write(tmp_path, [plain(1), plain(2)])
    first = adopt(tmp_path)
    assert adopt(tmp_path).path == first.path
    settings, runtime = recipe(tmp_path), Runtime(runs=tmp_path / "runs")
    assert [p.state for p in plan_stages([STAGE], settings, runtime)] == ["reuse"]
    write(tmp_path, [plain(1), plain(3)])
    assert [p.state for p in plan_stages([STAGE], settings, runtime)] == ["make"]
    assert adopt(tmp_path).digest != first.digest


def test_the_content_of_the_file_is_part_of_the_training_key(tmp_path):
    from sfta.stages import train

    keys = []
    for number in (1, 1, 2):
        write(tmp_path, [plain(number), plain(9)])
        made = {"dataset": adopt(tmp_path)}
        simple = train.STAGE
        keys.append(key_of(_without_base(simple), recipe(tmp_path), made, Runtime()))
    assert keys[0] == keys[1] != keys[2]


def _without_base(stage):
    from dataclasses import replace

    return replace(stage, external=lambda _recipe, _runtime: None)


def test_with_rows_of_a_file_nothing_is_generated_and_training_needs_no_documents(tmp_path):
    names = [stage.name for stage in stages_of(recipe(tmp_path))]
    assert names[0] == "adopt"
    assert set(names) == {stage.name for stage in STAGES} - {"generate"} | {"adopt"}
    line = select(stages_of(recipe(tmp_path)), "train")
    assert [stage.name for stage in line] == ["adopt", "train"]


def test_every_problem_is_found_before_anything_runs(tmp_path):
    write(tmp_path, [plain(1), {"question": "", "answer": "x"}, {"question": "y", "answer": 3}])
    head, *lines = STAGE.check(recipe(tmp_path), Runtime())
    assert "2 problems" in head
    assert lines == ["  row 2, question: must be a text that is not empty",
                     "  row 3, answer: must be a text that is not empty"]  # fmt: skip
    with pytest.raises(ConfigError, match="2 problems"):
        adopt(tmp_path)
    assert not (tmp_path / "runs").exists()


def test_a_file_that_is_not_there_is_found_before_anything_runs(tmp_path):
    assert "there is no file" in STAGE.check(recipe(tmp_path), Runtime())[0]


def test_splits_of_the_file_are_kept(tmp_path):
    splits = ["train", "val", "test", "train"]
    write(tmp_path, [plain(n, split=split) for n, split in enumerate(splits)])
    artifact = adopt(tmp_path)
    assert artifact.metrics["rows_by_split"] == {"test": 1, "train": 2, "validation": 1}
    assert artifact.metrics["reading"]["split_rule"] == "as the file says"


def test_without_validation_it_is_taken_out_of_train_and_test_stays(tmp_path):
    records = [plain(n, split="test" if n < 5 else "train") for n in range(60)]
    write(tmp_path, records)
    artifact = adopt(tmp_path)
    tests = {r["question"] for r in rows_of(artifact) if r["split"] == "test"}
    assert tests == {plain(n)["question"] for n in range(5)}
    assert artifact.metrics["rows_by_split"]["validation"] > 0


@pytest.mark.parametrize(
    ("splits", "said"),
    [(["train", None], "1 of 2 rows name no split"), (["test", "test"], "no row is left")],
)
def test_splits_that_cannot_be_used_are_refused(tmp_path, splits, said):
    write(tmp_path, [plain(n, split=split) for n, split in enumerate(splits)])
    with pytest.raises(ConfigError, match=said):
        adopt(tmp_path)


def test_rows_of_a_file_can_be_rejected_by_hand(tmp_path):
    write(tmp_path, [plain(n) for n in range(9)])
    chosen = rows_of(adopt(tmp_path))[2]
    write(tmp_path, [{"id": chosen["id"], "reason": "dull"}], "no.jsonl")
    artifact = adopt(tmp_path, rejections="no.jsonl")
    assert artifact.metrics["rejected_by_hand"] == 1
    assert chosen["id"] not in {row["id"] for row in rows_of(artifact)}
    (lost,) = open_dataset(artifact.path).rejected
    assert (lost["id"], lost["rejected_because"]) == (chosen["id"], "by hand: dull")
    write(tmp_path, [{"id": "other"}], "no.jsonl")
    assert "1 ids are not in this dataset" in STAGE.check(
        recipe(tmp_path, rejections="no.jsonl"), Runtime()
    )[0]  # fmt: skip


def test_a_division_that_leaks_is_warned_of(tmp_path, caplog):
    twice = [plain(n // 2, kind=str(n), split=("train", "validation")[n % 2]) for n in range(8)]
    write(tmp_path, [{**record, "answer": f"{n}."} for n, record in enumerate(twice)])
    assert adopt(tmp_path).metrics["leakage"]["share"] == 1.0
    assert "100.0% of the held-out rows repeat a question" in caplog.text


def test_a_dataset_artifact_can_be_adopted_whole(tmp_path):
    write(tmp_path, [plain(n, context=f"It is {n}.", kind="k") for n in range(30)])
    first = adopt(tmp_path)
    again = adopt(tmp_path, file=str(first.path))
    assert rows_of(again) == rows_of(first)
    assert Artifact.open(again.path).metrics["with_context"] == 30


def test_a_table_with_named_columns(tmp_path, caplog):
    (tmp_path / "rows.csv").write_text(
        "Frage;Antwort;Bild\nWie?;So.;1\nWo?;Da.;2\nWer?;Ich.;3\n", "utf-8"
    )
    columns = {"question": "Frage", "answer": "Antwort"}
    artifact = adopt(tmp_path, file="rows.csv", columns=columns)
    assert {row["question"] for row in rows_of(artifact)} == {"Wie?", "Wo?", "Wer?"}
    assert "not read: Bild" in caplog.text


def test_what_was_changed_on_the_way_is_said(tmp_path, caplog):
    system = {"role": "system", "content": "Be kind."}
    asked = {"role": "user", "content": "Two\nlines?"}
    said = {"role": "assistant", "content": '[3] "Never."\nAnswer: no'}
    write(tmp_path, [{"messages": [system, asked, said]}])
    adopt(tmp_path)
    for words in (
        "gives way to prompt.system",
        "1 questions have several lines",
        "1 quotes stand",
    ):
        assert words in caplog.text


def test_adopted_rows_may_be_turned_into_a_page_and_other_formats(tmp_path):
    from sfta.raft.config import PromptConfig
    from sfta.raft.intake.reading import Reading
    from sfta.stages.conversion import Wanted, convert

    write(tmp_path, [plain(n) for n in range(10)])
    artifact = adopt(tmp_path)
    done = convert(
        artifact.path, tmp_path / "out.jsonl", Wanted("alpaca"), Reading(PromptConfig())
    )
    assert done["rows"] == 10
    first = json.loads((tmp_path / "out.jsonl").read_text("utf-8").splitlines()[0])
    assert first["output"].startswith("It is ")
    assert first["provenance"]["sources"] == []


def grouped(question, oracles=(), group=""):
    context = [{"chunk_id": name, "role": "oracle"} for name in oracles]
    return {"question": question, "context": context, "group": group}


def test_rows_that_belong_together_share_a_group():
    rows = [
        grouped("How heavy is the pump?"), grouped("how HEAVY is the pump"),
        grouped("A?", ["c1"]), grouped("B?", ["c1", "c2"]), grouped("C?", ["c2"]),
        grouped("D?", group="g"), grouped("E?", group="g"), grouped("F?"), grouped("G?"),
    ]  # fmt: skip
    groups = content_groups(rows, [1, 2, 3, 4, 5, 6, 7, 8, 8])
    parts = [groups[:2], groups[2:5], groups[5:7], groups[7:]]
    assert [len(set(part)) for part in parts] == [1, 1, 1, 1]
    assert len(set(groups)) == 4


names = st.lists(st.from_regex(r"[a-f]{1,6}", fullmatch=True), unique=True, min_size=1)
shares = st.sampled_from(
    [[0.85, 0.1, 0.05], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.34, 0.33, 0.33]]
)


@given(names, shares, st.integers(0, 99))
def test_every_split_with_a_share_gets_a_group_if_there_are_enough(groups, parts, seed):
    found = assign(groups, parts, seed)
    wanted = [s for s, p in zip(("train", "validation", "test"), parts, strict=True) if p > 0]
    used = Counter(found.values())
    assert set(found) == set(groups)
    assert set(used) <= set(wanted)
    assert used["train"] > 0
    if len(groups) >= 20:
        assert set(used) == set(wanted)
    assert assign(list(reversed(groups)), parts, seed) == found


@given(st.integers(0, 9))
def test_a_row_keeps_its_split_when_rows_are_added(seed):
    groups = [f"g{n}" for n in range(200)]
    few = assign(groups[:100], [0.85, 0.1, 0.05], seed)
    many = assign(groups, [0.85, 0.1, 0.05], seed)
    if len(set(few.values())) == 3:
        moved = [name for name in few if few[name] != many[name]]
        assert len(moved) <= 2  # those that had filled a split which is empty no more
