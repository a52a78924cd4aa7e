"""What commands print, and the options they share."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sfta.cli.options import make_runtime, runtime_options
from sfta.cli.screen import figures, print_outcomes, print_plan, print_table
from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Outcome, Planned, Runtime

CELLS = st.text(alphabet="ab c|é", max_size=8)


def make(folder, kind="corpus", **metrics):
    with writing(folder, kind, {"metrics": metrics}) as out:
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


@pytest.mark.parametrize(
    ("better", "following"),
    [
        (True, "sfta run a.yaml --set index.embedder={folder}/model"),
        (False, "sfta train a.yaml"),
    ],
)
def test_only_a_better_retriever_is_named_in_the_next_command(tmp_path, better, following):
    made = make(tmp_path / "made", "embedder", better=better)
    outcome = Outcome("train-retriever", made, reused=False, seconds=1.0)

    @click.command()
    def show():
        print_outcomes([outcome], as_json=False, recipe=Path("a.yaml"))

    last = CliRunner().invoke(show).stdout.splitlines()[-1]
    assert last == f"next: {following.format(folder=made.path.resolve())}"
