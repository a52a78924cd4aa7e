"""`sfta plan export`: a table, a recommendation, and `sfta plan` as it was beside it."""

import json

import pytest

from model_families import save_base
from sfta.cli import plan
from sfta.recipe import load_recipe
from sfta.stages.device_plan import device_of, predicted
from sfta_edge.errors import ConfigError
from sfta_edge.prediction import Prediction, read_plan

RECIPE = """\
name: pumps
ingest:
  sources: [documents]
chunk:
  max_tokens: 64
  min_tokens: 16
retrieval:
  top_k: 2
model:
  base: ./student
evaluate:
  context_tokens: 1024
  max_answer_tokens: 64
"""
PROFILE = """\
name: box
memory_gib: {memory}
system_gib: 0.25
bandwidth_gb_s: {bandwidth}
cores: 2
clock_ghz: 2
instruction_set: haswell
"""


@pytest.fixture(name="folder")
def _folder(tmp_path, monkeypatch):
    """A recipe with a tiny model, a device that it fits on, and two that it does not."""
    save_base("qwen2.5", tmp_path / "student")
    (tmp_path / "recipe.yaml").write_text(RECIPE, "utf-8")
    for name, memory, bandwidth in (("box", 2, 10), ("small", 0.3, 10), ("slow", 2, 0.00001)):
        text = PROFILE.format(memory=memory, bandwidth=bandwidth)
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_ends_with_a_recommendation_and_the_next_command(call_program, folder):
    code, out, err = call_program("plan", "export", "recipe.yaml", "--device", "box.yaml")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["scheme", "bits"]
    assert lines[1].split()[0] == "F16"
    assert lines[1].endswith("fits")
    assert "Predicted, not measured" in out
    assert lines[-2] == "recommended: F16"
    assert lines[-1] == (
        "next: sfta run recipe.yaml --set 'export.schemes=[F16]' --set evaluate.scheme=F16 "
        "--set bundle.scheme=F16"
    )


def test_what_it_recommends_is_a_recipe(call_program, folder):
    import shlex

    _, out, _ = call_program(
        "plan", "export", "recipe.yaml", "--device", "box.yaml", "--set", "retrieval.top_k=1"
    )
    words = shlex.split(out.splitlines()[-1].removeprefix("next: sfta run recipe.yaml"))
    recipe = load_recipe(folder / "recipe.yaml", words[1::2])
    assert recipe.bundle.scheme == recipe.evaluate.scheme == recipe.export.schemes[0] == "F16"
    assert recipe.retrieval.top_k == 1


def test_the_plan_for_programs_is_what_the_device_reads(call_program, folder):
    code, out, _ = call_program(
        "plan", "export", "recipe.yaml", "--device", "box.yaml", "--json"
    )
    made = json.loads(out)
    assert code == 0
    assert made["recommended"] == "F16"
    assert {row["scheme"] for row in made["schemes"]} >= {"F16", "Q8_0", "Q4_K_M"}
    (folder / "plan.json").write_text(out, "utf-8")
    read = read_plan(folder / "plan.json", "Q8_0")
    assert read.device == "box"
    assert read.bandwidth == 10e9
    assert read.prompt_tokens == made["workload"]["prompt_tokens"] > 2 * 64


def test_what_does_not_fit_is_told_with_numbers_and_ends_with_1(call_program, folder):
    code, out, _ = call_program("plan", "export", "recipe.yaml", "--device", "small.yaml")
    assert code == 1
    assert "MiB more" in out.splitlines()[1]
    assert "nothing fits: " in out
    assert out.splitlines()[-1].startswith("next: a smaller model")


def test_what_is_too_slow_is_told_and_ends_with_1(call_program, folder):
    code, out, _ = call_program("plan", "export", "recipe.yaml", "--device", "slow.yaml")
    assert code == 1
    assert "nothing is fast enough: " in out
    code, out, _ = call_program(
        *("plan", "export", "recipe.yaml", "--device", "slow.yaml"),
        *("--least-speed", "0", "--longest-wait", "1000000"),
    )
    assert code == 0
    assert "recommended: F16" in out


def test_settings_without_weights_and_tokenizer_are_enough(call_program, folder):
    for path in (folder / "student").iterdir():
        if path.name != "config.json":
            path.unlink()
    code, out, err = call_program("plan", "export", "recipe.yaml", "--device", "box.yaml")
    assert code == 0, err
    assert "recommended: F16" in out


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["recipe.yaml", "--device", "nothing"], "error: there is no device profile", 2),
        (["recipe.yaml"], "Missing option '--device'", 2),
        (["none.yaml", "--device", "box.yaml"], "error: there is no file none.yaml", 2),
        (["recipe.yaml", "--device", "recipe.yaml"], "error: recipe.yaml has", 2),
        (
            ["recipe.yaml", "--device", "box.yaml", "--set", "chunk.max_tokens=900"],
            "error: a prompt of",
            2,
        ),
    ],
)
def test_a_mistake_is_one_error_with_its_exit_code(
    call_program, folder, arguments, message, code
):
    ended, out, err = call_program("plan", "export", *arguments)
    assert ended == code
    assert message in err
    assert "Traceback" not in err
    assert out == ""


def test_the_stages_are_planned_as_before(call_program, folder):
    (folder / "documents").mkdir()
    (folder / "documents/a.txt").write_text("The limit is 9 bar.", "utf-8")
    code, out, err = call_program("plan", "recipe.yaml", "--until", "ingest")
    assert code == 0, err
    assert out.splitlines()[1].split()[:2] == ["ingest", "make"]


def test_a_recipe_called_export_is_reached_by_its_path(call_program, folder):
    (folder / "export").write_text(RECIPE, "utf-8")
    (folder / "documents").mkdir()
    (folder / "documents/a.txt").write_text("The limit is 9 bar.", "utf-8")
    code, out, _ = call_program("plan", "./export", "--until", "ingest")
    assert code == 0
    assert out.splitlines()[1].split()[0] == "ingest"


def test_both_can_be_called_without_the_group(folder):
    from click.testing import CliRunner

    result = CliRunner().invoke(plan.command, ["export", "--help"], prog_name="sfta plan")
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: sfta plan export [OPTIONS] RECIPE")
    made = CliRunner().invoke(
        plan.command, ["export", "recipe.yaml", "--device", "box.yaml", "--json"]
    )
    assert json.loads(made.stdout)["device"]["name"] == "box"
    assert CliRunner().invoke(plan.command, []).exit_code == 2


def test_a_bundle_carries_the_prediction_of_its_device(folder, stage_runtime):
    recipe = load_recipe(folder / "recipe.yaml", ["bundle.device=box.yaml"])
    facts = predicted(recipe, stage_runtime)
    made = Prediction.from_facts(json.loads(json.dumps(facts["prediction"])))
    assert (made.device, made.scheme) == ("box", "Q8_0")


def test_a_bundle_for_no_device_carries_none(folder, stage_runtime):
    recipe = load_recipe(folder / "recipe.yaml")
    assert device_of(recipe) is None
    assert predicted(recipe, stage_runtime) == {}


def test_a_bundle_for_an_unknown_device_is_refused(folder):
    recipe = load_recipe(folder / "recipe.yaml", ["bundle.device=bos"])
    with pytest.raises(ConfigError, match="no device profile 'bos'"):
        device_of(recipe)
