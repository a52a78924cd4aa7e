"""Commands that look and compare: what they print for people and for programs."""

import json
import logging
import shutil
from collections import namedtuple
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sfta.cli import compare, doctor, inspect, runs
from sfta.cli.options import make_runtime, runtime_options
from sfta.cli.screen import figures, print_outcomes, print_plan, print_table
from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Outcome, Planned, Runtime
from sfta_edge.errors import ConfigError

Usage = namedtuple("Usage", "total used free")
CELLS = st.text(alphabet="ab c|é", max_size=8)


def call(command, *arguments):
    result = CliRunner().invoke(command, [*map(str, arguments)])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout


def make(folder, kind="corpus", *, made_at="2026-01-01T00:00:00Z", **metrics):
    with writing(folder, kind, {"made_at": made_at, "metrics": metrics}) as out:
        (out / "chunks.jsonl").write_text("{}\n", "utf-8")
    return Artifact.open(folder)


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n))))
def test_every_cell_of_a_column_begins_below_its_head(rows):
    @click.command()
    def show():
        print_table(head, rows)

    head = [f"H{n}" for n in range(len(rows[0]) if rows else 1)]
    lines = CliRunner().invoke(show).stdout.splitlines()
    assert len(lines) == len(rows) + 1
    for column, name in enumerate(head):
        at = lines[0].index(name)
        for line, row in zip(lines[1:], rows, strict=True):
            assert line[at:].startswith(row[column].rstrip())
    assert all(line == line.rstrip() for line in lines)


@given(st.dictionaries(CELLS, st.integers() | st.text() | st.lists(st.integers())))
def test_key_figures_are_never_more_than_asked_for(metrics):
    plain = [key for key, value in metrics.items() if not isinstance(value, list)]
    assert figures(metrics, 0) == ""
    assert figures(metrics, len(metrics)).startswith("  ".join(plain[:1]))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.5, "x 0.5"),
        (1234.5678, "x 1235"),
        (1e-7, "x 1e-07"),
        (12345678, "x 12345678"),
        ("Q8_0", "x Q8_0"),
        (None, ""),
        ({"a": 1}, ""),
        ([1, 2], ""),
    ],
)
def test_a_figure_is_short_and_a_count_is_exact(value, shown):
    assert figures({"x": value}) == shown


def test_outcomes_in_json_hold_all_metrics_and_the_digest(tmp_path, capsys):
    artifact = make(tmp_path / "a", loss=0.123456789, per_page=[1, 2])
    outcomes = [Outcome("chunk", artifact, reused=True, seconds=0.5)]
    print_outcomes(outcomes, as_json=True, recipe=Path("r.yaml"))
    assert json.loads(capsys.readouterr().out) == [
        {
            "stage": "chunk",
            "reused": True,
            "seconds": 0.5,
            "path": str(tmp_path / "a"),
            "digest": artifact.digest,
            "metrics": {"loss": 0.123456789, "per_page": [1, 2]},
        }
    ]


def test_after_the_bundle_comes_its_installation(tmp_path, capsys):
    outcome = Outcome("bundle", make(tmp_path / "b", "bundle"), reused=False, seconds=1.0)
    print_outcomes([outcome], as_json=False, recipe=Path("r.yaml"))
    assert f"next: sh {tmp_path}/b/bundle/install.sh" in capsys.readouterr().out


def test_a_plan_names_no_place_before_its_key_is_known(capsys):
    planned = [
        Planned("ingest", "make", Path("runs/ingest/0123")),
        Planned("chunk", "make (after documents)", None),
    ]
    print_plan(planned, as_json=False)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "ingest  make                    runs/ingest/0123",
        "chunk   make (after documents)",
    ]
    print_plan(planned, as_json=True)
    assert json.loads(capsys.readouterr().out)[1] == {
        "stage": "chunk",
        "state": "make (after documents)",
        "path": "",
    }


@pytest.fixture(name="parse")
def _parse():
    """The runtime that a command is given for its arguments and environment."""

    def parse(*arguments, **environment):
        made = []

        @click.command()
        @runtime_options
        def command(**options):
            made.append(make_runtime(**options))

        result = CliRunner(env=environment).invoke(command, arguments)
        return made[0] if made else result.output

    return parse


def test_options_that_are_not_given_are_the_runtime_s_own(parse):
    default = Runtime()
    expected = Runtime(cache=default.cache.expanduser())
    assert parse(SFTA_CACHE=None, SFTA_SIGNING_KEY=None) == expected


def test_folders_and_the_key_may_come_from_the_environment(parse):
    runtime = parse(SFTA_CACHE="/data/cache", SFTA_SIGNING_KEY="keys/own.pem")
    assert (runtime.cache, runtime.signing_key) == (Path("/data/cache"), Path("keys/own.pem"))
    assert parse("--cache", "/other", SFTA_CACHE="/data/cache").cache == Path("/other")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--workers", "-1"], "--workers"),
        (["--workers", "many"], "--workers"),
        (["--device", "tpu"], "'auto', 'cpu', 'cuda'"),
    ],
)
def test_a_runtime_that_cannot_be_is_refused_by_name(parse, arguments, said):
    assert said in parse(*arguments)


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
    base = {"schema": compare_schema(), "arms": {"raft_rag": arm}, "settings": settings}
    folder.write_text(json.dumps(base), "utf-8")
    return folder


def compare_schema():
    from sfta.evaluation.results import SCHEMA

    return SCHEMA


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
    assert json.loads(out)["notes"] == ["top k differs: 4 and 8"]


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
