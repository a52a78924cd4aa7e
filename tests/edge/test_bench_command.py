"""`sfta-edge bench` on a real small bundle, in the processes that serve it."""

import json

import pytest
from click.testing import CliRunner

from measured_bundle import MEASURED
from sfta_edge.bench.measured import SCHEMA
from sfta_edge.cli import bench as bench_module
from sfta_edge.cli.bench import command
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.manifest import MANIFEST

SERIES = (
    *("first_token_cold_ms", "first_token_restored_ms", "first_token_again_ms"),
    *("prefill_tokens_per_second", "decode_tokens_per_second"),
    *("retrieve_ms", "first_text_ms", "answer_ms"),
)
KEYS = {
    *("schema", "bundle", "variant", "scheme", "machine", "prompt_tokens", "prefix_tokens"),
    *("questions", "guessed_share", "memory", "model", "roofline", "disturbances"),
    *SERIES,
}


def bench(*arguments):
    return CliRunner().invoke(command, ["--threads", "1", "--runs", "2", *map(str, arguments)])


@pytest.fixture(scope="module")
def measured(small_bundle):
    """What the command printed, and what was in the bundle before it ran."""
    before = sorted(path.name for path in small_bundle.rglob("*"))
    result = bench("--bundle", small_bundle, "--json")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in small_bundle.rglob("*")) == before
    return result


@pytest.fixture(scope="module")
def figures(measured):
    return json.loads(measured.stdout)


def test_programs_get_every_figure(figures):
    assert set(figures) == KEYS == set(MEASURED.to_json())
    assert figures["schema"] == SCHEMA
    assert (figures["bundle"]["name"], figures["scheme"]) == ("manuals", "Q4_1")
    for name in SERIES:
        assert set(figures[name]) == {"median", "p95", "spread", "count"}
        assert 0 < figures[name]["median"] <= figures[name]["p95"], name


def test_each_is_measured_as_often_as_was_asked(figures):
    assert figures["machine"]["threads"] == 1
    assert figures["questions"] == 1, "one about the only document"
    assert [figures[name]["count"] for name in SERIES] == [2, 1, 4, 2, 4, 1, 1, 1]


def test_limits_of_machine_and_model_are_measured(figures):
    assert figures["machine"]["bandwidth"] > 0
    assert figures["machine"]["operations_per_second"] > 0
    assert figures["model"]["weight_bytes"] > 50 << 20
    for held in figures["roofline"].values():
        assert held["share"] == pytest.approx(held["measured"] / held["ceiling"])


def test_the_process_that_computes_holds_the_model(figures):
    assert figures["memory"]["worker"] > figures["model"]["weight_bytes"]
    assert figures["memory"]["server"] > 0


def test_what_is_being_measured_is_told_on_standard_error(measured):
    told = measured.stderr.splitlines()
    assert told[:2] == ["starting the model's process", "asking 1 questions"]


def test_people_get_a_table(small_bundle, monkeypatch):
    asked = []

    def quick(folder, **options):
        options["say"]("measuring")
        asked.append((folder, options["questions"], options["rounds"], options["threads"]))
        return MEASURED

    monkeypatch.setattr("sfta_edge.bench.measured.measure_bundle", quick)
    result = bench("--bundle", small_bundle, "--questions", "7")
    assert asked == [(small_bundle, 7, 2, 1)]
    assert result.exit_code == 0
    assert "decode   20 of 43.48 tok/s (46%)" in result.stdout
    assert result.stderr.splitlines() == ["measuring", "next: sfta-edge serve"]


def test_nothing_installed_is_an_error(tmp_path):
    result = bench("--root", tmp_path)
    assert isinstance(result.exception, ConfigError)


def test_a_damaged_bundle_is_not_measured(small_bundle, tmp_path):
    (tmp_path / MANIFEST).write_bytes((small_bundle / MANIFEST).read_bytes())
    result = bench("--bundle", tmp_path)
    assert isinstance(result.exception, IntegrityError)


@pytest.mark.parametrize("option", ["--questions", "--runs", "--threads"])
def test_nothing_cannot_be_measured(option, small_bundle):
    assert bench("--bundle", small_bundle, option, "0").exit_code == 2


def test_the_help_has_an_example():
    assert "sfta-edge bench --questions" in bench("--help").output
    assert bench_module.command.name == "bench"
