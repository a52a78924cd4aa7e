"""Commands that look and compare: what they print for people and for programs."""

import json
import logging
import shutil
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from sfta.cli import compare, doctor, inspect, runs
from sfta.core.artifact import Artifact, writing
from sfta.evaluation.results import SCHEMA
from sfta_edge.errors import ConfigError


class Usage(NamedTuple):
    total: int
    used: int
    free: float


def call(command, *arguments):
    result = CliRunner().invoke(command, [*map(str, arguments)])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout


def make(folder, kind="corpus", *, made_at="2026-01-01T00:00:00Z", **metrics):
    with writing(folder, kind, {"made_at": made_at, "metrics": metrics}) as out:
        (out / "chunks.jsonl").write_text("{}\n", "utf-8")
    return Artifact.open(folder)


def test_runs_are_listed_newest_first_in_both_forms(tmp_path):
    make(tmp_path / "chunk/a", made_at="2026-01-01T00:00:00Z")
    make(tmp_path / "chunk/b", made_at="2026-03-01T00:00:00Z", a=1, b=2, c=3, d=4)
    _, out = call(runs.command, "--runs", tmp_path)
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == [
        str(tmp_path / f"chunk/{n}") for n in "ba"
    ]
    assert lines[1].endswith("a 1  b 2  c 3")
    _, out = call(runs.command, "--runs", tmp_path, "--json")
    newest = json.loads(out)[0]
    assert newest["metrics"] == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert newest["kind"] == "corpus"


def test_a_damaged_run_is_named_and_the_others_are_listed(tmp_path, caplog):
    make(tmp_path / "chunk/good")
    (make(tmp_path / "chunk/bad").path / "chunks.jsonl").unlink()
    code, out = call(runs.command, "--runs", tmp_path, "--json")
    assert code == 0
    assert [Path(one["path"]).name for one in json.loads(out)] == ["good"]
    assert "chunk/bad is damaged" in caplog.text


@pytest.mark.parametrize(("asked", "shown"), [("0", 0), ("1", 1), ("9", 2)])
def test_inspect_shows_as_many_rows_as_there_are_and_are_asked_for(tmp_path, asked, shown):
    row = {"id": "r", "kind": "fact", "context": [], "question": "Why?", "completion": "c"}
    with writing(tmp_path / "d", "dataset", {}) as out:
        (out / "train.jsonl").write_text(2 * (json.dumps(row) + "\n"), "utf-8")
    _, out = call(inspect.command, tmp_path / "d", "--rows", asked)
    assert out.count("Q: Why?") == shown
    assert "made at ?, verified" in out


def report(folder, value, low, high, **settings):
    arm = {
        "metrics": {"token_f1": value},
        "intervals": {"token_f1": [low, high]},
    }
    base = {"schema": SCHEMA, "arms": {"raft_rag": arm}, "settings": settings}
    folder.write_text(json.dumps(base), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("second", "opinion"),
    [
        ((0.9, 0.85, 0.95), ["0.5000", "0.9000", "0.4000", "better"]),
        ((0.1, 0.05, 0.15), ["0.5000", "0.1000", "-0.4000", "worse"]),
        ((0.55, 0.4, 0.7), ["0.5000", "0.5500", "0.0500"]),
        ((0.5, 0.4, 0.6), ["0.5000", "0.5000", "0.0000"]),
    ],
)
def test_only_a_clear_difference_gets_an_opinion(tmp_path, second, opinion):
    first = report(tmp_path / "a.json", 0.5, 0.4, 0.6)
    _, out = call(compare.command, first, report(tmp_path / "b.json", *second))
    line = next(text for text in out.splitlines() if " token_f1 " in text)
    assert line.split()[2:] == opinion


def test_what_was_not_measured_is_a_dash_and_never_a_zero(tmp_path):
    first = report(tmp_path / "a.json", 0.5, 0.4, 0.6)
    _, out = call(compare.command, first, first)
    others = [line.split() for line in out.splitlines()[1:] if " token_f1 " not in line]
    assert others
    assert all(line[2:] == ["-", "-", "-"] for line in others)


def test_unequal_conditions_are_said_beside_the_table(tmp_path, caplog):
    first = report(tmp_path / "a.json", 0.5, 0.4, 0.6, top_k=4)
    second = report(tmp_path / "b.json", 0.5, 0.4, 0.6, top_k=8)
    with caplog.at_level(logging.WARNING, "sfta"):
        _, out = call(compare.command, first, second)
    assert "top k differs: 4 and 8" in caplog.text
    assert "differs" not in out
    _, out = call(compare.command, first, second, "--json")
    assert json.loads(out)["notes"][0] == "top k differs: 4 and 8"


def test_a_report_that_is_not_there_is_a_mistake_with_a_hint(tmp_path):
    with pytest.raises(ConfigError, match="there is no report") as caught:
        call(compare.command, tmp_path / "no", tmp_path / "no")
    assert "sfta evaluate" in caught.value.hint


@pytest.fixture(name="machine")
def _machine(monkeypatch):
    """A machine that has everything and much room, until a test takes something away."""

    def build(*missing, free=100e9):
        def version(name):
            if name in missing:
                raise PackageNotFoundError(name)
            return "1.0"

        def which(name):
            return None if name in missing else f"/bin/{name}"

        monkeypatch.setattr(doctor, "version", version)
        monkeypatch.setattr(shutil, "which", which)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free))

    return build


def test_a_machine_without_tesseract_is_ready_for_all_but_scans(machine):
    machine("tesseract")
    code, out = call(doctor.command)
    assert code == 0
    assert "only scans and pictures need it" in " ".join(out.split())


def test_a_machine_that_has_everything_is_ready(machine):
    machine()
    code, out = call(doctor.command)
    assert code == 0
    assert "missing" not in out
    assert "100 GB" in out


@pytest.mark.parametrize(
    ("missing", "advice"),
    [
        ("torch", "make setup"),
        ("llama-cpp-python", "make setup"),
        ("cmake", "package manager"),
        ("openssl", "package manager"),
    ],
)
def test_one_missing_part_is_named_with_what_to_do(machine, missing, advice):
    machine(missing)
    code, out = call(doctor.command)
    assert code == 3
    (line,) = [text for text in out.splitlines() if " missing " in text]
    assert line.startswith(missing)
    assert advice in line


def test_a_full_disk_is_found_before_a_run_finds_it(machine):
    machine(free=4.9e9)
    code, out = call(doctor.command, "--json")
    assert code == 3
    assert [one["check"] for one in json.loads(out) if not one["ok"]] == ["free disk"]
