"""What the two benchmarks of the seeds take from a report, and what they ask to be made."""

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sfta.core.stage import Runtime

ROOT = Path(__file__).parents[2]
METRICS = ("rouge_l", "token_f1", "over_refusal_by_question")


class Made:
    """An artifact: a folder, and what is recorded of it."""

    def __init__(self, path, **metrics):
        self.path = path
        self.manifest = SimpleNamespace(facts={"metrics": metrics})

    def file(self, name):
        return self.path / name


def cosine(value):
    return {
        "cosine": {"value": value, "interval": [value - 0.1, value + 0.1]},
        "floors": {"shuffled": 0.2, "refusal": 0.4, "no_idea": None},
        "above_floor": {"value": value - 0.4, "interval": None},
    }


@pytest.fixture
def made(tmp_path):
    """What the stages leave behind for two arms and one question."""
    names = {"base_rag": "Base model + retrieval", "raft_rag": "Trained model + retrieval"}
    report = {
        "arms": {
            name: {
                "label": label,
                "metrics": dict.fromkeys(METRICS, 0.5),
                "intervals": dict.fromkeys(METRICS),
            }
            for name, label in names.items()
        },
        "cosine": {"arms": {name: cosine(0.7) for name in names}},
        "retrieval": {"metrics": {"hit@2": 1.0}},
        "leakage": {"exact": 0},
    }
    answers = [
        {"arm": name, "answers": ["yes"], "answer": said, "refused": False, "cluster": "q",
         "exact_match": said == "yes"}
        for name, said in (("base_rag", "Yes, it does."), ("raft_rag", "yes"))
    ]  # fmt: skip
    lines = "".join(json.dumps(line) + "\n" for line in answers)
    (tmp_path / "answers.jsonl").write_text(lines)
    (tmp_path / "report.json").write_text(json.dumps(report))
    (tmp_path / "chunks.jsonl").write_text('{"text": "A pump.", "tokens": 3}\n')
    (tmp_path / "model").mkdir()
    return {
        "report": Made(tmp_path),
        "corpus": Made(tmp_path),
        "dataset": Made(tmp_path, rows_by_split={"train": 8}),
        "gguf": Made(tmp_path / "model"),
    }


def script(name, made, **replaced):
    """A benchmark whose stages are not run; the recipes it runs, with the last stage of each."""
    ran = []

    def run_stages(stages, recipe, runtime):
        ran.append((stages[-1].name, recipe))
        return made

    found = runpy.run_path(str(ROOT / f"benchmarks/{name}.py"))
    found["measure"].__globals__.update(run_stages=run_stages, **replaced)
    return found, ran


RUNTIME = Runtime()


def test_cosine_is_told_with_the_highest_of_its_floors(made, tmp_path):
    recorded = {"Recorded answers": {"cosine": (0.9, None)}}
    found, ran = script("david_goliath", made, recorded=lambda *_: recorded)
    settings = found["recipe"](tmp_path, tmp_path, "single", 8)
    figures, chunks = found["measure"](settings, RUNTIME)
    assert [stage for stage, _ in ran] == ["evaluate"]
    assert list(figures) == [
        "Base model + retrieval", "Trained model + retrieval", "Recorded answers",
    ]  # fmt: skip
    arm = figures["Trained model + retrieval"]
    assert arm["floor"] == (0.4, None)
    assert arm["cosine"][0] == 0.7
    assert arm["rouge_l"] == (0.5, None)
    assert chunks == [{"text": "A pump.", "tokens": 3}]


def test_a_corpus_without_recorded_answers_has_no_arm_of_them(made, tmp_path):
    found, _ = script("david_goliath", made)
    question = {"id": "q", "question": "Why?", "answers": ["So."], "answerable": True}
    (tmp_path / "measured.jsonl").write_text(json.dumps(question) + "\n")
    (tmp_path / "recorded.json").write_text('{"q": ""}')
    settings = found["recipe"](tmp_path, tmp_path, "single", 8)
    assert found["recorded"](settings, made) == {}


def test_the_model_that_was_only_fine_tuned_is_made_first_and_compared_as_a_file(
    made, tmp_path
):
    found, ran = script("pubmedqa", made)
    report, answers = found["measure"](tmp_path, 64, RUNTIME)
    (first, closed), (last, raft) = ran
    assert (first, closed.train.rows) == ("export", "closed_book")
    assert (last, raft.train.rows) == ("evaluate", "raft")
    assert raft.evaluate.models["sft"].path == str(tmp_path / "model")
    assert not raft.evaluate.models["sft"].choose_quotes
    assert raft.generate.max_rows == closed.generate.max_rows == 64
    assert list(report["arms"]) == [line["arm"] for line in answers]


def test_the_whole_benchmark_prints_every_arm_beside_always_yes(
    made, tmp_path, monkeypatch, capsys
):
    found, _ = script("pubmedqa", made)
    folder = tmp_path / "set"
    folder.mkdir()
    passage = {"id": "1", "title": "", "text": "RESULTS: The drug lowers the pressure of all."}
    question = {
        "id": "1", "question": "Does it?", "answers": ["yes"], "answerable": True,
        "long_answer": "The drug lowers pressure.", "oracle_ids": ["1"],
    }  # fmt: skip
    (folder / "corpus.jsonl").write_text(json.dumps(passage) + "\n")
    (folder / "questions.jsonl").write_text(json.dumps(question) + "\n")
    arguments = ["pubmedqa.py", str(folder), "--out", str(tmp_path / "out"), "--questions", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    found["main"]()
    said = capsys.readouterr().out
    assert "'measured': 1, 'to learn from': 0" in said
    assert "| Always yes | 1.000 [1.000, 1.000] | 1.000" in said
    # "Yes, it does." is right by its first word and not to the letter.
    assert "| Base model + retrieval | 0.000 [0.000, 0.000] | 1.000 [1.000, 1.000]" in said
    assert "| Trained model + retrieval | 1.000 [1.000, 1.000]" in said


@pytest.mark.parametrize("name", ["david_goliath", "david_goliath_leakage", "pubmedqa"])
def test_without_a_folder_a_benchmark_says_what_it_needs(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [f"{name}.py"])
    runpy.run_path(str(ROOT / f"benchmarks/{name}.py"))["main"]()
    assert capsys.readouterr().out.startswith("give the folder of")
