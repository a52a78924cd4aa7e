"""Training: the loss falls, only the adapter changes, and an interruption changes nothing."""

import gc
import json

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from sfta.core.artifact import Artifact, writing
from sfta.core.stage import Job, Runtime
from sfta.recipe import Recipe
from sfta.stages import train as stage
from sfta.training import watching
from sfta.training.config import LoraSettings, TrainConfig
from sfta.training.model import Precision, choose_precision, load_student
from sfta.training.packing import Pack
from sfta.training.rows import EncodedRow
from sfta.training.trainer import (
    COMPLETE,
    PackData,
    PackTrainer,
    StepPlan,
    collate,
    last_checkpoint,
    training_arguments,
    weighted_loss,
)
from sfta_edge.errors import ConfigError

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
FLOAT32 = Precision("float32", "tests compare exactly", "cpu")
LIMITS = {"c1": "The limit is 9 bar.", "c2": "Use oil 46.", "c3": "Wait 5 min."}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tiny matrices are slower on many threads, and so is collecting what imports left."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()
    yield
    gc.unfreeze()
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A tiny random Llama that reads bytes."""
    folder = tmp_path_factory.mktemp("base")
    letters = {letter: n for n, letter in enumerate(sorted(ByteLevel.alphabet()))}
    words = Tokenizer(BPE(letters, []))
    words.pre_tokenizer, words.decoder = ByteLevel(add_prefix_space=False), ByteDecoder()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        eos_token="<|im_end|>",
    )
    tokenizer.chat_template = CHATML
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
        initializer_range=0.2,  # large enough that a small update can turn every prediction
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def row(number, *, answerable):
    chunk = f"c{number % 3 + 1}"
    others = [name for name in LIMITS if name != chunk]
    chosen = [chunk, others[0]] if answerable else others
    quote = f'[1] "{LIMITS[chunk]}"\nAnswer: {number}'
    return {
        "id": f"r{number:02}",
        "question": f"What about {number}?",
        "context": [{"chunk_id": name, "role": "distractor"} for name in chosen],
        "completion": quote if answerable else "The documents do not contain the answer.",
    }


def write_lines(path, records):
    path.write_text("".join(json.dumps(r) + "\n" for r in records), "utf-8")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    final = tmp_path_factory.mktemp("dataset") / "dataset"
    chunk = {"title": "Manual", "page": 1, "heading": "Limits"}
    with writing(final, "dataset", {}) as out:
        write_lines(
            out / "chunks.jsonl", [chunk | {"id": i, "text": t} for i, t in LIMITS.items()]
        )
        write_lines(out / "train.jsonl", [row(n, answerable=n % 4 > 0) for n in range(12)])
        write_lines(
            out / "validation.jsonl", [row(n, answerable=n > 20) for n in range(20, 24)]
        )
    return Artifact.open(final)


@pytest.fixture
def job(base, dataset, tmp_path):
    """Make a job of the stage; one work folder for all jobs of a test."""

    def make(name="out", **settings):
        recipe = Recipe.model_validate(
            {
                "name": "tiny",
                "ingest": {"sources": ["x"]},
                "model": {"base": str(base)},
                "prompt": {"system": "Quote.", "document": "[{number}] {text}\n"},
                "train": {
                    "method": "lora",
                    "lora": {"rank": 4, "alpha": 8},
                    "rows_per_step": 3,
                    "learning_rate": 0.01,
                    "validations": 2,
                    "context_tokens": 512,
                }
                | settings,
            }
        )
        out, work = tmp_path / name, tmp_path / "work"
        out.mkdir()
        work.mkdir(exist_ok=True)
        return Job(
            recipe, {"dataset": dataset}, out, work, Runtime(cache=tmp_path, device="cpu")
        )

    return make


def history(out):
    return [
        json.loads(line) for line in (out / "history.jsonl").read_text("utf-8").splitlines()
    ]


def test_a_run_learns_and_writes_what_the_next_stages_need(job):
    one = job(epochs=4)
    metrics = stage.run(one)
    assert sorted(p.name for p in one.out.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "history.jsonl",
        "loss_epochs.png",
        "loss_steps.png",
        "prompt.json",
        "settings.json",
        "too_long_train.jsonl",
        "too_long_validation.jsonl",
    ]
    steps = [line for line in history(one.out) if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, metrics["steps"] + 1))
    assert steps[-1]["loss"] < 0.8 * steps[0]["loss"]
    assert metrics["validation_loss"] == pytest.approx(
        history(one.out)[-1]["eval_loss"], abs=1e-4
    )
    assert (metrics["train_rows"], metrics["validation_rows"]) == (12, 4)
    assert metrics["train_rows_too_long"] == 0
    assert 0 <= metrics["validation_token_accuracy"] <= 1


def test_an_adapter_says_nothing_of_the_machine_it_was_made_on(job, base):
    one = job(epochs=1)
    stage.run(one)
    for path in one.out.iterdir():
        assert str(base).encode() not in path.read_bytes()
        assert str(one.work).encode() not in path.read_bytes()


def test_the_same_run_gives_the_same_bytes(job):
    first, second = job("first", epochs=1), job("second", epochs=1)
    for one in (first, second):
        stage.run(one)
        for checkpoint in one.work.glob("checkpoints/*"):
            raise AssertionError(f"{checkpoint} of a short run")
    for path in first.out.iterdir():
        assert path.read_bytes() == (second.out / path.name).read_bytes(), path.name


class PowerCut(BaseException):
    """Ends a run at once."""


def stop_after(step):
    """End the run when a step is done and, where it asks for one, its checkpoint is saved."""
    real = watching.Watch.on_step_end

    def on_step_end(self, args, state, control, **rest):
        if state.global_step > step:
            raise PowerCut
        return real(self, args, state, control, **rest)

    return "on_step_end", on_step_end


def stop_before_the_mark(step):
    """End the run when a checkpoint's files are there but its mark is not."""
    real = watching.Watch.on_save

    def on_save(self, args, state, *rest, **more):
        if state.global_step > step:
            raise PowerCut
        return real(self, args, state, *rest, **more)

    return "on_save", on_save


@pytest.fixture(scope="module")
def uninterrupted():
    """Results of the run that nobody interrupted, made by the first test that asks."""
    return {}


@pytest.mark.parametrize("stop", [stop_after, stop_before_the_mark])
def test_an_interrupted_run_ends_with_the_same_bytes(job, monkeypatch, uninterrupted, stop):
    settings = {"epochs": 2, "checkpoint_minutes": 1e-9}
    if not uninterrupted:
        whole = job("whole", epochs=2)
        stage.run(whole)
        uninterrupted |= {p.name: p.read_bytes() for p in whole.out.iterdir()}
    cut = job("cut", **settings)
    with monkeypatch.context() as broken:
        broken.setattr(watching.Watch, *stop(4))
        with pytest.raises(PowerCut):
            stage.run(cut)
    assert not (cut.out / "adapter_model.safetensors").exists()
    marked = {p.parent.name for p in cut.work.glob(f"checkpoints/*/{COMPLETE}")}
    assert marked == ({"checkpoint-4"} if stop is stop_before_the_mark else marked)
    assert "checkpoint-4" in marked

    resumed_at = []
    real = watching.Watch.on_train_begin

    def on_train_begin(self, args, state, control, **rest):
        resumed_at.append(state.global_step)
        return real(self, args, state, control, **rest)

    monkeypatch.setattr(watching.Watch, "on_train_begin", on_train_begin)
    resumed = job("resumed", **settings)
    stage.run(resumed)
    assert resumed_at == [4]
    assert {p.name: p.read_bytes() for p in resumed.out.iterdir()} == uninterrupted


def test_only_a_marked_checkpoint_is_read_and_the_newest_by_number(tmp_path):
    assert last_checkpoint(tmp_path / "not there") is None
    for number, marked in ((9, True), (10, True), (90, False)):
        (tmp_path / f"checkpoint-{number}").mkdir()
        (tmp_path / f"checkpoint-{number}/model").touch()
        if marked:
            (tmp_path / f"checkpoint-{number}" / COMPLETE).touch()
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert not (tmp_path / "checkpoint-90").exists()


def encoded(number, length=6, *, refusal=False):
    tokens = [(7 * number + 3 * n) % 250 for n in range(length)]
    return EncodedRow(f"r{number}", (1, 2, number), (3, 4), tuple(tokens), refusal=refusal)


PACKS = [
    Pack((encoded(1), encoded(2, 3))),
    Pack((encoded(3, 9),)),
    Pack((encoded(4, 2, refusal=True), encoded(5))),
    Pack((encoded(6, 4, refusal=True),)),
]


def loop(base, folder, packs=PACKS, *, method="lora", refusal_weight=1.0, **plan_changes):
    """A trainer over packs whose steps are laid out as asked."""
    config = TrainConfig(
        method=method,
        lora=LoraSettings(rank=4, alpha=8),
        learning_rate=0.01,
        warmup_share=0.0,
        epochs=1,
        rows_per_step=100,
        refusal_weight=refusal_weight,
    )
    plan = StepPlan(packs, config, device="cpu")
    for name, value in plan_changes.items():
        setattr(plan, name, value)
    model = load_student(base, config, FLOAT32, seed=1)
    return PackTrainer(
        model=model,
        args=training_arguments(config, FLOAT32, folder, seed=1, plan=plan),
        data_collator=lambda chosen: collate(chosen, refusal_weight=refusal_weight),
        train_dataset=PackData(packs),
        eval_dataset=PackData(packs),
    )


def learnt(running):
    return {
        n: p.detach().clone() for n, p in running.model.named_parameters() if p.requires_grad
    }


def losses(running):
    return [entry["loss"] for entry in running.state.log_history if "loss" in entry]


def test_accumulated_packs_make_the_same_step_as_one_batch(base, tmp_path):
    together = loop(base, tmp_path / "a", packs_per_batch=4, batches_per_step=1)
    in_turn = loop(base, tmp_path / "b", packs_per_batch=1, batches_per_step=4)
    for running in (together, in_turn):
        running.args.optim = "sgd"  # Adam makes a whole step of the last bit of a zero gradient
        running.train()
        assert running.state.global_step == 1
    assert losses(in_turn) == pytest.approx(losses(together), rel=1e-5)
    one, other = learnt(together), learnt(in_turn)
    assert all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)
    assert any(p.abs().max() > 0 for name, p in one.items() if "lora_B" in name)


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_the_loss_of_a_step_is_the_weighted_mean_over_its_completion_tokens(
    base, tmp_path, weight
):
    running = loop(base, tmp_path, refusal_weight=weight, packs_per_batch=1, batches_per_step=4)
    with torch.no_grad():
        total = sum(
            float(weighted_loss(running.model, collate([pack], refusal_weight=weight))[0])
            for pack in PACKS
        )
    rows = [one for pack in PACKS for one in pack.rows]
    tokens = sum(len(one.completion) * (weight if one.refusal else 1) for one in rows)
    running.train()
    assert losses(running)[0] == pytest.approx(total / tokens, rel=1e-4)


def test_validation_is_exact_whatever_the_batches(base, tmp_path):
    whole = loop(base, tmp_path / "a", packs_per_batch=4).evaluate()
    parts = loop(base, tmp_path / "b", packs_per_batch=1).evaluate()
    assert whole["eval_loss"] == pytest.approx(parts["eval_loss"], rel=1e-5)
    assert whole["eval_token_accuracy"] == parts["eval_token_accuracy"]
    assert whole["eval_perplexity"] == pytest.approx(torch.e ** whole["eval_loss"], rel=1e-4)


def test_a_fresh_adapter_changes_nothing(base):
    student = load_student(base, TrainConfig(method="lora"), FLOAT32, seed=1)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    ids = torch.tensor([[1, 2, 3, 4]])
    with torch.no_grad():
        assert torch.equal(student(ids).logits, plain(ids).logits)


def test_training_changes_the_adapter_and_nothing_else(base, tmp_path):
    running = loop(base, tmp_path)
    before = {n: p.detach().clone() for n, p in running.model.named_parameters()}
    running.train()
    changed = {n for n, p in running.model.named_parameters() if not torch.equal(p, before[n])}
    assert changed
    assert all("lora_" in name for name in changed)
    assert all("lora_" in name for name in learnt(running))


def test_a_written_adapter_makes_the_trained_model_again(job, base):
    one = job(epochs=1)
    stage.run(one)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(plain, one.out)
    weights = load_file(one.out / "adapter_model.safetensors")
    loaded = {n: p for n, p in model.named_parameters() if "lora_" in n}
    assert len(loaded) == len(weights) == 2 * 2 * 7  # A and B, two layers, seven matrices
    targets = model.peft_config["default"].target_modules
    assert {name.rpartition(".")[2] for name in targets} == {
        *("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    }


def gradients(model, pack):
    model.zero_grad()
    weighted_loss(model, collate([pack], refusal_weight=1.0))[0].backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def test_a_validation_does_not_cut_the_gradients_of_a_quantized_base(base, tmp_path):
    running = loop(base, tmp_path, method="qlora")
    before = gradients(running.model, PACKS[0])
    running.evaluate()
    after = gradients(running.model, PACKS[0])
    assert before.keys() == after.keys() == learnt(running).keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_base_quantized_to_nf4_can_be_trained(base, tmp_path):
    running = loop(base, tmp_path, method="qlora", packs_per_batch=1, batches_per_step=2)
    quantized = [m for m in running.model.modules() if isinstance(m, Linear4bit)]
    assert len(quantized) == 2 * 7
    assert {m.weight.quant_type for m in quantized} == {"nf4"}
    before = [m.weight.detach().clone() for m in quantized]
    running.train()
    assert running.state.global_step == 2
    assert all(loss < 10 for loss in losses(running))
    assert all(torch.equal(m.weight, b) for m, b in zip(quantized, before, strict=True))
    assert any(p.abs().max() > 0 for name, p in learnt(running).items() if "lora_B" in name)


@pytest.mark.parametrize(
    ("rows_per_step", "device", "batch", "accumulated", "steps"),
    [
        (3, "cpu", 1, 2, 4),  # six rows in four packs: two packs hold three rows
        (6, "cpu", 1, 4, 2),
        (100, "cpu", 1, 67, 2),
        (1, "cpu", 1, 1, 8),
        (6, "cuda", 4, 1, 2),
    ],
)
def test_packs_make_steps_of_about_the_rows_asked_for(
    rows_per_step, device, batch, accumulated, steps
):
    plan = StepPlan(PACKS, TrainConfig(rows_per_step=rows_per_step, epochs=2), device=device)
    assert (plan.packs_per_batch, plan.batches_per_step, plan.steps) == (
        batch,
        accumulated,
        steps,
    )


def test_a_gpu_batch_stays_under_twice_the_context():
    config = TrainConfig(rows_per_step=6, context_tokens=20)
    plan = StepPlan(PACKS, config, device="cuda")
    assert plan.packs_per_batch * max(pack.tokens for pack in PACKS) <= 40
    assert plan.packs_per_batch * plan.batches_per_step == 4


def test_rows_that_do_not_fit_are_listed_with_the_adapter(job):
    one = job(epochs=1, context_tokens=135, too_long_share=0.5)
    metrics = stage.run(one)
    listed = (one.out / "too_long_train.jsonl").read_text("utf-8").splitlines()
    assert metrics["train_rows_too_long"] == len(listed) == 2
    assert metrics["train_rows"] + len(listed) == 12


def test_a_missing_gpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="there is no CUDA device"):
        choose_precision("cuda")
    assert choose_precision("auto").device == "cpu"


def test_a_number_format_has_its_reason():
    precision = choose_precision("cpu")
    assert precision.name in ("bfloat16", "float32")
    assert "CPU" in precision.reason
    assert precision.dtype is getattr(torch, precision.name)
    assert precision.facts() == {
        "name": precision.name,
        "reason": precision.reason,
        "device": "cpu",
    }
