"""Rows of a file: checked, divided and trained on without any document, from the command."""

import json
import shutil

import pytest

from sfta.core.artifact import Artifact
from small_line import make_workplace, sfta

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path, tiny_base):
    make_workplace(tmp_path, tiny_base)
    shutil.rmtree(tmp_path / "documents")  # training on rows of a file needs none
    return tmp_path


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")


def chats(count):
    return [
        {
            "messages": [
                {"role": "user", "content": f"What does lamp {n} say?"},
                {"role": "assistant", "content": f"It says {n * 7}."},
            ]
        }
        for n in range(count)
    ]


def test_chat_messages_train_an_adapter_once(folder):
    write(folder / "chats.jsonl", chats(40))
    arguments = ("train", "recipe.yaml", "--dataset", "chats.jsonl", "--json")
    first = sfta(*arguments, cwd=folder)
    assert first.returncode == 0, first.stderr
    adopted, trained = json.loads(first.stdout)
    assert (adopted["stage"], adopted["metrics"]["rows"]) == ("adopt", 40)
    assert trained["metrics"]["train_rows"] + trained["metrics"]["validation_rows"] <= 40
    assert trained["metrics"]["packs"] > 1
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    again = sfta("train", "../recipe.yaml", "--runs", "../runs", "--dataset", "../chats.jsonl",
                 "--json", cwd=elsewhere)  # fmt: skip
    assert [outcome["reused"] for outcome in json.loads(again.stdout)] == [True, True]
    write(folder / "chats.jsonl", chats(41))
    planned = sfta("plan", "recipe.yaml", "--until", "train", "--dataset", "chats.jsonl",
                   "--json", cwd=folder)  # fmt: skip
    assert [stage["state"] for stage in json.loads(planned.stdout)] == [
        "make", "make (after dataset)"]  # fmt: skip
    done = sfta("inspect", adopted["path"], "--model", base_of(folder), cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "\u27e6<|im_end|>\u27e7" in done.stdout
    assert Artifact.open(folder / adopted["path"]).metrics["with_context"] == 0


def base_of(folder):
    lines = (folder / "recipe.yaml").read_text("utf-8").splitlines()
    return next(line.split(": ")[1] for line in lines if line.startswith("  base:"))


def test_wrong_rows_are_listed_and_nothing_is_made(folder):
    write(folder / "chats.jsonl", [{"messages": []}] * 25 + chats(3))
    done = sfta("train", "recipe.yaml", "--dataset", "chats.jsonl", cwd=folder)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "25 problems" in done.stderr
    assert "row 20, messages: must be a list that is not empty" in done.stderr
    assert "row 21" not in done.stderr
    assert "and 5 more" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "runs").exists()


def test_adopting_nothing_says_what_is_missing(folder):
    done = sfta("adopt", "recipe.yaml", cwd=folder)
    assert done.returncode == 2
    assert "hint: Name one with --dataset FILE." in done.stderr


def test_a_sweep_trains_every_combination_once_and_ranks_them(folder):
    write(folder / "chats.jsonl", chats(40))
    arguments = (
        "sweep", "recipe.yaml", "--set", "sweep.until=train", "--set", "dataset.file=chats.jsonl",
        "--set", "sweep.over={train.lora.rank: [2, 4], train.learning_rate: [0.001, 0.02]}",
    )  # fmt: skip
    done = sfta(*arguments, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    losses = [one["validation_loss"] for one in found]
    assert losses == sorted(losses)
    assert len({one["artifact"] for one in found}) == 4
    assert found[0]["values"]["train.learning_rate"] == 0.02
    again = sfta(*arguments, cwd=folder)
    assert again.stderr.count("train: reused") == 4
    lines = again.stdout.splitlines()
    assert lines[0].split() == ["train.learning_rate", "train.lora.rank", "validation_loss"]
    assert lines[-1].startswith("next: sfta run recipe.yaml --set train.learning_rate=0.02")
    assert len(list((folder / "runs/sweeps").glob("*/trials.png"))) == 1


def test_rows_with_documents_train_an_adapter_that_then_learns_to_prefer(folder):
    rows = [
        {
            "question": f"What does lamp {n} say?",
            "answer": f"{n * 7} watt",
            "context": f"Lamp {n} hangs in hall {n % 9}. It says {n * 7} watt.",
        }
        for n in range(30)
    ]
    write(folder / "rows.jsonl", rows)
    arguments = ("--dataset", "rows.jsonl", "--set", "preference.max_pairs=4", "--json")
    done = sfta("prefer", "recipe.yaml", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    adopted, trained, preferred = json.loads(done.stdout)
    assert adopted["metrics"]["with_context"] == 30
    assert (
        preferred["metrics"]["train_pairs"] + preferred["metrics"]["train_pairs_too_long"] <= 4
    )
    before, after = (Artifact.open(folder / one["path"]) for one in (trained, preferred))
    assert before.manifest.kind == after.manifest.kind == "adapter"
    assert before.digest != after.digest
    planned = sfta("plan", "recipe.yaml", "--until", "merge", *arguments, cwd=folder)
    states = {stage["stage"]: stage["state"] for stage in json.loads(planned.stdout)}
    assert states == {"adopt": "reuse", "train": "reuse", "prefer": "reuse", "merge": "make"}
