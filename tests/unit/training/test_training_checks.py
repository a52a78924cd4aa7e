"""What is found out before a training begins, and how its speed is chosen."""

import importlib.machinery
import shutil

import pytest
from transformers import AutoTokenizer

from model_shapes import SHAPE
from sfta.core.stage import Runtime
from sfta.recipe import Recipe
from sfta.stages import train as stage
from sfta.training import arguments as told_by
from sfta.training.arguments import optimizer_problems, takes_liger, training_arguments
from sfta.training.config import TrainConfig
from sfta.training.memory import estimate
from sfta.training.model import Precision
from sfta.training.packing import Pack
from sfta.training.rows import EncodedRow
from sfta.training.steps import StepPlan
from sfta_edge.errors import ConfigError, MissingDependencyError

CPU = Precision("float32", "a test", "cpu")
GPU = Precision("bfloat16", "a test", "cuda")
PACK = Pack((EncodedRow("r1", (1, 2), (3,), (4, 5), refusal=False),))


def recipe(base):
    return Recipe.model_validate(
        {"name": "a", "ingest": {"sources": ["x"]}, "model": {"base": str(base)}}
    )


@pytest.fixture
def convertible(monkeypatch):
    """Pretend that the export knows every model, or what a test makes it say."""
    said = {"problems": [], "asked": 0}

    def check(_base, _cache):
        said["asked"] += 1
        if said["problems"] is None:
            raise MissingDependencyError("the tools are not built")
        return said["problems"]

    monkeypatch.setattr(stage, "check_convertible", check)
    return said


def test_a_model_that_can_be_prompted_and_exported_is_no_problem(
    byte_llama, convertible, tmp_path
):
    assert stage.STAGE.check(recipe(byte_llama), Runtime(cache=tmp_path)) == []
    assert convertible["asked"] == 1


def test_a_model_without_a_chat_template_is_refused(byte_llama, convertible, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(byte_llama, bare)
    tokenizer = AutoTokenizer.from_pretrained(bare)
    tokenizer.chat_template = None
    (bare / "chat_template.jinja").unlink(missing_ok=True)
    tokenizer.save_pretrained(bare)
    found = stage.STAGE.check(recipe(bare), Runtime(cache=tmp_path))
    assert found == ["base model: the base model has no chat template"]


def test_a_template_that_never_ends_the_turn_is_refused(byte_llama, convertible, tmp_path):
    endless = tmp_path / "endless"
    shutil.copytree(byte_llama, endless)
    text = "{% for m in messages %}{{ m.role + ':' + m.content }}{% endfor %}"
    (endless / "chat_template.jinja").write_text(text, "utf-8")
    (found,) = stage.STAGE.check(recipe(endless), Runtime(cache=tmp_path))
    assert "cannot be cut into system text, question and answer" in found


def test_a_model_that_the_export_does_not_know_may_be_trained_with_a_warning(
    byte_llama, convertible, tmp_path, caplog
):
    convertible["problems"] = ["the GGUF converter does not know the architecture Odd"]
    with caplog.at_level("WARNING", logger="sfta"):
        assert stage.STAGE.check(recipe(byte_llama), Runtime(cache=tmp_path)) == []
    (said,) = [record.getMessage() for record in caplog.records]
    assert (
        said
        == f"train: the adapter can be trained and not exported: {convertible['problems'][0]}"
    )


def test_a_machine_without_the_tools_of_the_export_may_train(byte_llama, convertible, tmp_path):
    convertible["problems"] = None
    assert stage.STAGE.check(recipe(byte_llama), Runtime(cache=tmp_path)) == []


def arguments(config, precision, tmp_path, monkeypatch):
    """What the trainer is told, without a GPU to look for."""
    told = {}
    monkeypatch.setattr(told_by, "TrainingArguments", lambda **settings: told.update(settings))
    plan = StepPlan([PACK], config, device="cpu")
    training_arguments(config, precision, tmp_path, seed=1, plan=plan)
    return told


@pytest.mark.parametrize(
    ("optimizer", "precision", "name"),
    [
        ("adamw", CPU, "adamw_torch"),
        ("adamw", GPU, "adamw_torch_fused"),
        ("paged_adamw_8bit", GPU, "paged_adamw_8bit"),
    ],
)
def test_the_optimizer_suits_the_device(optimizer, precision, name, tmp_path, monkeypatch):
    told = arguments(TrainConfig(optimizer=optimizer), precision, tmp_path, monkeypatch)
    assert told["optim"] == name
    assert told["torch_compile"] is False


def test_an_optimizer_for_gpus_is_refused_on_a_cpu_before_anything_runs(
    byte_llama, convertible, tmp_path
):
    config = TrainConfig(optimizer="paged_adamw_8bit")
    (problem,) = optimizer_problems(config, "cpu")
    assert problem == "train.optimizer: paged_adamw_8bit needs a GPU; use adamw"
    assert optimizer_problems(config, "cuda") == optimizer_problems(TrainConfig(), "cpu") == []
    asked = recipe(byte_llama).model_copy(update={"train": config})
    assert stage.STAGE.check(asked, Runtime(cache=tmp_path, device="cpu")) == [problem]


def test_a_gpu_that_is_missing_is_found_before_anything_runs(
    byte_llama, convertible, tmp_path, monkeypatch
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    found = stage.STAGE.check(recipe(byte_llama), Runtime(cache=tmp_path, device="cuda"))
    assert found == ["there is no CUDA device. Use --device cpu or auto."]


@pytest.mark.parametrize(
    ("installed", "kernels", "precision", "taken"),
    [
        (True, "auto", GPU, True),
        (False, "auto", GPU, False),
        (True, "plain", GPU, False),
        (True, "auto", CPU, False),
    ],
)
def test_kernels_are_taken_on_a_gpu_where_they_are_installed(
    installed, kernels, precision, taken, monkeypatch
):
    spec = importlib.machinery.ModuleSpec("liger_kernel", None) if installed else None
    monkeypatch.setattr(told_by, "find_spec", lambda name: spec)
    assert takes_liger(TrainConfig(kernels=kernels), precision) is taken


def test_the_loss_stays_our_own_whatever_the_kernels(tmp_path, monkeypatch):
    told = arguments(TrainConfig(compile=True), GPU, tmp_path, monkeypatch)
    assert not any(told["liger_kernel_config"].values())
    assert told["torch_compile"] is True


def test_moments_in_eight_bits_take_less_memory():
    full, small = (
        estimate(SHAPE, TrainConfig(method="full", optimizer=name), GPU, [PACK]).trained
        for name in ("adamw", "paged_adamw_8bit")
    )
    assert full / small == pytest.approx(12 / 6)


def test_what_two_stages_say_alike_is_said_once(tmp_path):
    from sfta.core.stage import Stage, run_stages

    def check(_recipe, _runtime):
        return ["the model is odd", "and large"]

    stages = [
        Stage(name, (), name, ("seed",), lambda job: {}, check=check) for name in ("one", "two")
    ]
    with pytest.raises(ConfigError) as caught:
        run_stages(stages, recipe("x"), Runtime(runs=tmp_path))
    assert str(caught.value).splitlines() == ["the model is odd", "and large"]
    assert list(tmp_path.iterdir()) == []
