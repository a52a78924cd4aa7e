"""Commands on datasets: what they print for people and for programs, and what they refuse."""

import json
import logging
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import sfta.stages.dataset_view
from sfta.cli import convert, dataset_screen, inspect, review
from sfta.core.artifact import Artifact, writing
from sfta.raft.config import PromptConfig
from sfta.stages.dataset_view import student_of
from sfta.training.preview import MaskedRow, Stretch
from sfta_edge.errors import ConfigError, IntegrityError, ToolError
from sfta_edge.manifest import canonical_json

CHUNK = {"id": "c1", "document_id": "d", "title": "Manual", "page": 3, "start": 0, "end": 21,
         "heading": "2 Data", "text": "The pump weighs 3 kg."}  # fmt: skip
FUNNEL = {
    "entered": 7,
    "left_after": [{"step": "checked alone", "candidates": 6}],
    "rejected": {"question length": 1},
    "coverage": {"pages": 4, "pages_with_questions": 3},
}
MASKED = MaskedRow(
    "r0", (Stretch(False, ("<s>", "Q" * 900)), Stretch(True, ("3", " kg", "\n")))
)


def call(command, *arguments):
    result = CliRunner().invoke(command, [*map(str, arguments)])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.stdout


def row(number, **changes):
    return {
        "id": f"r{number}",
        "question": f"How heavy is pump {number}?",
        "kind": "mass",
        "context": [{"chunk_id": "c1", "role": "oracle"}],
        "oracle_present": True,
        "quotes": [{"chunk_id": "c1", "text": "The pump weighs 3 kg", "start": 0, "end": 20}],
        "answer": "3 kg",
        "completion": '[1] "The pump weighs 3 kg"\nAnswer: 3 kg',
        "split": "train",
        "group": "d",
        "teacher": "extractive",
        "rejected_because": "",
    } | changes


def lines(records):
    return b"".join(canonical_json(record) + b"\n" for record in records)


@pytest.fixture
def dataset(tmp_path):
    final = tmp_path / "runs/generate/0123456789abcdef"
    lost = row(9, completion="", rejected_because="question length", context=[])
    by_hand = row(8, rejected_because="by hand: dull")
    settings = {"name": "pumps", "prompt": PromptConfig().model_dump()}
    facts = {"settings": settings, "inputs": {"corpus": "unknown"}, "metrics": {"rows": 4}}
    with writing(final, "dataset", facts) as out:
        (out / "chunks.jsonl").write_bytes(lines([CHUNK]))
        (out / "train.jsonl").write_bytes(lines([row(0), row(1), row(2, kind="torque")]))
        (out / "validation.jsonl").write_bytes(b"")
        (out / "test.jsonl").write_bytes(lines([row(3, split="test")]))
        (out / "rejected.jsonl").write_bytes(lines([by_hand, lost]))
        (out / "funnel.json").write_bytes(canonical_json(FUNNEL))
    return final


@pytest.fixture
def masked(monkeypatch):
    seen = {}

    def rows(dataset, rows, base, cache):
        seen.update(base=base, rows=[r["id"] for r in rows])
        return [MASKED]

    monkeypatch.setattr(sfta.stages.dataset_view, "masked_rows", rows)
    return seen


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ((), ["r0", "r1", "r2"]),
        (("--rows", 1), ["r0"]),
        (("--kind", "torque"), ["r2"]),
        (("--split", "test"), ["r3"]),
        (("--rejected", "length"), ["r9"]),
        (("--rejected", "BY HAND"), ["r8"]),
        (("--rejected", ""), ["r8", "r9"]),
        (("--kind", "mass", "--split", "train", "--rows", 9), ["r0", "r1"]),
    ],
)
def test_inspect_shows_the_rows_that_are_asked_for(dataset, options, shown):
    out = call(inspect.command, dataset, *options)
    assert [text.split()[0] for text in out.splitlines() if "  context: " in text] == shown
    answer = json.loads(call(inspect.command, dataset, *options, "--json"))
    assert [r["id"] for r in answer["rows"]] == shown
    assert answer["matching"] >= len(shown)


def test_inspect_shows_the_funnel_and_why_a_row_was_turned_away(dataset):
    out = call(inspect.command, dataset, "--rejected", "length")
    assert "checked alone  6" in out
    assert "question length  1" in out
    assert "pages with questions: 3 of 4" in out
    assert "turned away: question length" in out
    assert out.endswith(f"next: sfta review {dataset}\n")
    assert json.loads(call(inspect.command, dataset, "--json"))["funnel"] == FUNNEL


def test_inspect_marks_the_loss_in_brackets_where_there_is_no_terminal(dataset, masked):
    out = call(inspect.command, dataset, "--model", "student")
    assert "\x1b" not in out
    assert "tokens that carry loss stand in double brackets" in out
    assert "r0  5 tokens, 3 with loss" in out
    assert "\u27e63\u27e7\u27e6 kg\u27e7\u27e6\\n\u27e7" in out
    assert "... 203 characters ..." in out
    assert masked["base"] == "student"
    answer = json.loads(call(inspect.command, dataset, "--model", "student", "--json"))
    (view,) = answer["masked"]
    assert (view["tokens"], view["loss_tokens"]) == (5, 3)
    assert view["stretches"][1] == {"loss": True, "tokens": ["3", " kg", "\n"]}


def test_on_a_terminal_the_loss_is_coloured_unless_colours_are_not_wanted(monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert dataset_screen.in_colour()
    text = dataset_screen.spell(MASKED.stretches[1], colours=True)
    assert "\x1b[" in text
    assert "\u27e6" not in text
    monkeypatch.setenv("NO_COLOR", "1")
    assert not dataset_screen.in_colour()


def test_without_a_known_student_inspect_says_how_to_name_one(dataset):
    out = call(inspect.command, dataset)
    assert "name the student with --model" in out
    assert json.loads(call(inspect.command, dataset, "--json"))["masked"] == []


def test_the_student_is_the_one_of_the_rows_corpus(dataset, tmp_path, masked):
    from sfta.stages.dataset_folder import open_dataset

    facts = {"settings": {"model": {"base": "maker/small"}}}
    with writing(tmp_path / "runs/chunk/c", "corpus", facts) as out:
        (out / "chunks.jsonl").write_bytes(lines([CHUNK]))
    digest = Artifact.open(tmp_path / "runs/chunk/c").digest
    found = open_dataset(dataset)
    found.facts["inputs"]["corpus"] = digest
    assert student_of(found) == "maker/small"


def test_a_student_that_cannot_be_had_is_an_error_only_if_it_was_asked_for(
    dataset, monkeypatch
):
    def fails(*_):
        raise ToolError("no hub")

    monkeypatch.setattr(sfta.stages.dataset_view, "masked_rows", fails)
    monkeypatch.setattr(sfta.stages.dataset_view, "student_of", lambda _: "maker/small")
    assert "the tokenizer of maker/small is not here (no hub)" in call(inspect.command, dataset)
    with pytest.raises(ToolError, match="no hub"):
        call(inspect.command, dataset, "--model", "maker/small")


@pytest.mark.parametrize("target", ["chat", "alpaca", "raft_hf", "rows"])
def test_convert_writes_one_record_per_row(dataset, tmp_path, target):
    out = call(
        convert.command, dataset, tmp_path / "o.jsonl", "--to", target, "--split", "train"
    )
    assert f"3 rows (train 3) as {target}" in out
    records = [json.loads(t) for t in (tmp_path / "o.jsonl").read_text("utf-8").splitlines()]
    assert len(records) == 3
    assert ("provenance" in records[0]) is (target != "rows")


def test_convert_can_leave_the_provenance_out(dataset, tmp_path):
    call(convert.command, dataset, tmp_path / "o.jsonl", "--to", "alpaca", "--plain")
    first = json.loads((tmp_path / "o.jsonl").read_text("utf-8").splitlines()[0])
    assert set(first) == {"instruction", "input", "output"}


def test_all_splits_in_one_file_are_warned_of_and_a_folder_keeps_them_apart(
    dataset, tmp_path, caplog
):
    with caplog.at_level(logging.WARNING, "sfta"):
        call(convert.command, dataset, tmp_path / "o.jsonl", "--to", "chat")
        assert "holds all splits, test rows too" in caplog.text
        caplog.clear()
        call(convert.command, dataset, tmp_path / "o", "--to", "chat")
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == ["test.jsonl", "train.jsonl"]
    assert caplog.text == ""


def test_a_datasets_folder_can_be_trained_on(dataset, tmp_path):
    out = call(convert.command, dataset, tmp_path / "saved", "--to", "datasets")
    assert out.endswith(f"next: sfta train RECIPE --dataset {tmp_path / 'saved'}\n")
    back = call(
        convert.command, tmp_path / "saved", tmp_path / "b.jsonl", "--to", "rows", "--json"
    )
    assert json.loads(back)["rows_by_split"] == {"test": 1, "train": 3}


def test_a_file_becomes_rows_with_what_was_changed_said(tmp_path, caplog):
    (tmp_path / "a.csv").write_text("Frage,Antwort\nWie?,So.\nWie?,So.\n", "utf-8")
    arguments = (tmp_path / "a.csv", tmp_path / "b.jsonl", "--to", "rows")
    columns = ("--columns", "question=Frage, answer=Antwort")
    with caplog.at_level(logging.WARNING, "sfta"):
        call(convert.command, *arguments, *columns)
    assert "1 rows repeat another" in caplog.text
    (record,) = [json.loads(t) for t in (tmp_path / "b.jsonl").read_text("utf-8").splitlines()]
    assert (record["question"], record["completion"]) == ("Wie?", "Answer: So.")


def test_a_recipe_spells_the_answers_of_a_file(tmp_path):
    (tmp_path / "recipe.yaml").write_text(
        "name: a\ningest: {sources: [x]}\nmodel: {base: x}\nprompt: {answer_marker: 'Antwort:'}\n",
        "utf-8",
    )
    (tmp_path / "a.jsonl").write_text('{"question": "Wie?", "answer": "So."}\n', "utf-8")
    call(convert.command, tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--to", "rows",
         "--recipe", tmp_path / "recipe.yaml")  # fmt: skip
    record = json.loads((tmp_path / "b.jsonl").read_text("utf-8"))
    assert record["completion"] == "Antwort: So."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.jsonl", "o.jsonl", "--to", "rows"), "there is no file"),
        (("a.jsonl", "a.jsonl", "--to", "rows"), "exists already"),
        (("a.jsonl", "o.txt", "--to", "rows"), "told by its name"),
        (
            ("a.jsonl", "o.jsonl", "--to", "rows", "--columns", "question"),
            "cannot read --columns",
        ),
        (("a.jsonl", "o.jsonl", "--to", "rows", "--from", "chat"), "messages: must be a list"),
        (("a.jsonl", "o.jsonl", "--to", "rows", "--split", "test"), "no row of the split test"),
    ],
)
def test_what_convert_cannot_do_is_said(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text('{"question": "Wie?", "answer": "So."}\n', "utf-8")
    with pytest.raises(ConfigError, match=said):
        call(convert.command, *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_review_writes_one_page_and_says_what_next(dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = call(review.command, dataset)
    assert out.startswith("4 rows and 2 rejected ones: review-pumps.html\n")
    assert "How heavy is pump 3?" in Path("review-pumps.html").read_text("utf-8")
    facts = json.loads(call(review.command, dataset, tmp_path / "x/p.html", "--json"))
    assert facts["rows_by_split"] == {"train": 3, "validation": 0, "test": 1}
    assert (tmp_path / "x/p.html").stat().st_size == facts["bytes"]


def test_review_goes_on_with_the_rejections_of_a_file(dataset, tmp_path):
    path = tmp_path / "rejections.jsonl"
    path.write_text('{"id": "r1", "reason": "wrong"}\n', "utf-8")
    call(review.command, dataset, tmp_path / "p.html", "--rejections", path)
    text = (tmp_path / "p.html").read_text("utf-8")
    assert '"mine":{"r8":"dull","r1":"wrong"}' in text
    path.write_text('{"id": "other"}\n', "utf-8")
    with pytest.raises(ConfigError, match="1 ids are not in this dataset: other"):
        call(review.command, dataset, tmp_path / "p.html", "--rejections", path)


def test_only_a_whole_dataset_is_reviewed(dataset, tmp_path):
    with writing(tmp_path / "corpus", "corpus", {}) as out:
        (out / "chunks.jsonl").write_bytes(b"")
    with pytest.raises(ConfigError, match="is no dataset but of the kind corpus"):
        call(review.command, tmp_path / "corpus", tmp_path / "p.html")
    (dataset / "train.jsonl").write_bytes((dataset / "train.jsonl").read_bytes().swapcase())
    with pytest.raises(IntegrityError, match=r"changed: train\.jsonl"):
        call(review.command, dataset, tmp_path / "p.html")
    assert not (tmp_path / "p.html").exists()
