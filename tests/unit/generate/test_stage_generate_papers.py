"""Stage generate: a model as teacher, coverage, card, and rows that a person turned away."""

import json

import pytest

from fakes import CompletionServer, completion, serving
from generated_rows import all_rows, generate, recipe, records
from sfta.core.stage import Runtime, key_of
from sfta.stages.generate import STAGE, read_chunks
from sfta_edge.errors import ConfigError

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
