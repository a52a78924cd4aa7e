"""A step of training: exact losses, an adapter that changes, and nothing else."""

import pytest
import torch
from accelerate.data_loader import BatchSamplerShard
from bitsandbytes.nn import Linear4bit
from hypothesis import given
from hypothesis import strategies as st
from peft import PeftModel
from safetensors.torch import load_file
from torch.utils.data import BatchSampler
from transformers import (
    AutoModelForCausalLM,
)

from sfta.stages import train as stage
from sfta.training.arguments import training_arguments
from sfta.training.config import LoraSettings, TrainConfig
from sfta.training.model import Precision, load_student
from sfta.training.packing import Pack
from sfta.training.rows import EncodedRow
from sfta.training.steps import PackData, PackOrder, StepPlan, collate
from sfta.training.trainer import PackTrainer, weighted_loss

pytestmark = pytest.mark.usefixtures("one_thread")
FLOAT32 = Precision("float32", "tests compare exactly", "cpu")


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


def test_accumulated_packs_make_the_same_step_as_one_batch(byte_llama, tmp_path):
    together = loop(byte_llama, tmp_path / "a", packs_per_batch=4, batches_per_step=1)
    in_turn = loop(byte_llama, tmp_path / "b", packs_per_batch=1, batches_per_step=4)
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
    byte_llama, tmp_path, weight
):
    running = loop(
        byte_llama, tmp_path, refusal_weight=weight, packs_per_batch=1, batches_per_step=4
    )
    with torch.no_grad():
        total = sum(
            float(weighted_loss(running.model, collate([pack], refusal_weight=weight))[0])
            for pack in PACKS
        )
    rows = [one for pack in PACKS for one in pack.rows]
    tokens = sum(len(one.completion) * (weight if one.refusal else 1) for one in rows)
    running.train()
    assert losses(running)[0] == pytest.approx(total / tokens, rel=1e-4)


def test_validation_is_exact_whatever_the_batches(byte_llama, tmp_path):
    whole = loop(byte_llama, tmp_path / "a", packs_per_batch=4).evaluate()
    parts = loop(byte_llama, tmp_path / "b", packs_per_batch=1).evaluate()
    assert whole["eval_loss"] == pytest.approx(parts["eval_loss"], rel=1e-5)
    assert whole["eval_token_accuracy"] == parts["eval_token_accuracy"]
    assert whole["eval_perplexity"] == pytest.approx(torch.e ** whole["eval_loss"], rel=1e-4)


def test_a_fresh_adapter_changes_nothing(byte_llama):
    student = load_student(byte_llama, TrainConfig(method="lora"), FLOAT32, seed=1)
    plain = AutoModelForCausalLM.from_pretrained(byte_llama, dtype=torch.float32)
    ids = torch.tensor([[1, 2, 3, 4]])
    with torch.no_grad():
        assert torch.equal(student(ids).logits, plain(ids).logits)


def test_training_changes_the_adapter_and_nothing_else(byte_llama, tmp_path):
    running = loop(byte_llama, tmp_path)
    before = {n: p.detach().clone() for n, p in running.model.named_parameters()}
    running.train()
    changed = {n for n, p in running.model.named_parameters() if not torch.equal(p, before[n])}
    assert changed
    assert all("lora_" in name for name in changed)
    assert all("lora_" in name for name in learnt(running))


def test_a_written_adapter_makes_the_trained_model_again(training_job, byte_llama):
    one = training_job(epochs=1)
    stage.run(one)
    plain = AutoModelForCausalLM.from_pretrained(byte_llama, dtype=torch.float32)
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


def test_a_validation_does_not_cut_the_gradients_of_a_quantized_base(byte_llama, tmp_path):
    running = loop(byte_llama, tmp_path, method="qlora")
    before = gradients(running.model, PACKS[0])
    running.evaluate()
    after = gradients(running.model, PACKS[0])
    assert before.keys() == after.keys() == learnt(running).keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_base_quantized_to_nf4_can_be_trained(byte_llama, tmp_path):
    running = loop(byte_llama, tmp_path, method="qlora", packs_per_batch=1, batches_per_step=2)
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


def test_processes_share_a_step_in_equal_parts():
    config = TrainConfig(rows_per_step=6)
    alone = StepPlan(PACKS, config, device="cpu")
    two = StepPlan(PACKS, config, device="cpu", processes=2)
    assert (alone.batches_per_step, two.batches_per_step) == (4, 2)
    assert alone.facts() == two.facts()


@given(
    count=st.integers(1, 40),
    processes=st.integers(1, 5),
    size=st.integers(1, 3),
    epoch=st.integers(0, 3),
)
def test_processes_together_read_each_pack_once_in_the_order_of_one(
    count, processes, size, epoch
):
    alone = PackOrder(count, seed=5, multiple=1)
    alone.set_epoch(epoch)
    shares = []
    for place in range(processes):
        order = PackOrder(count, seed=5, multiple=processes * size)
        order.set_epoch(epoch)
        batches = BatchSampler(order, size, drop_last=False)
        shares.append(list(BatchSamplerShard(batches, processes, place)))
    dealt = [pack for turn in zip(*shares, strict=True) for part in turn for pack in part]
    assert [pack for pack in dealt if pack < count] == list(alone)
    assert all(len(share) == len(shares[0]) for share in shares)


def test_an_order_goes_on_to_the_next_epoch_by_itself_and_can_be_set_back():
    order = PackOrder(20, seed=1, multiple=1)
    first, second = list(order), list(order)
    assert first != second
    order.set_epoch(1)
    assert list(order) == second
    assert list(PackOrder(20, seed=None, multiple=1)) == list(range(20))


def test_the_pack_after_the_last_counts_nothing(byte_llama, tmp_path):
    packs = PackData(PACKS)
    batch = collate([packs[len(PACKS)]], refusal_weight=3.0)
    assert batch["weights"].sum() == 0
    running = loop(byte_llama, tmp_path)
    total, _ = weighted_loss(running.model, batch)
    assert total.item() == 0.0
