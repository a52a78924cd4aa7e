"""The training loop: transformers' Trainer over packs, with the loss SFTA needs.

The loss is the sum over completion tokens divided by the summed token weights of the whole
optimizer step. A mean per row would give the few tokens of a refusal many times the weight of
an answer's tokens, and the model would learn to refuse.
"""

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainingArguments

from sfta.training import processes
from sfta.training.config import TrainConfig
from sfta.training.loss import token_losses
from sfta.training.model import Precision
from sfta.training.steps import Batch, PackOrder, StepPlan
from sfta_edge.errors import ConfigError

COMPLETE = "complete"
_NOT_SHOWN = ("targets", "weights")


@dataclass(frozen=True, slots=True)
class Shown:
    """Where figures are shown while training runs."""

    trackers: tuple[str, ...]
    """As transformers names them."""
    run: str
    project: str

    def arguments(self) -> dict[str, Any]:
        """Settings of transformers' Trainer."""
        return {
            "report_to": list(self.trackers),
            "run_name": self.run,
            "project": self.project,
            "trackio_static_space_id": False,  # None would publish the figures
        }


NOWHERE = Shown((), "train", "sfta")


class PackTrainer(Trainer):
    """Trainer whose batches are packs."""

    model_accepts_loss_kwargs: bool
    tokens = 0
    """Read in training so far, those of contexts once."""
    watch: Any = None
    """What shows progress, and knows how fast it is."""
    beside: Callable[[Any], dict[str, float]] | None = None
    """Further figures of a validation, measured on the model."""

    def compute_loss(
        self,
        model: Any,
        inputs: Any,
        return_outputs: bool = False,  # noqa: FBT001, FBT002 the base class's signature
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Weighted token sum over the step's weight; see the module's text."""
        self.tokens += inputs["input_ids"].numel()
        total, logits = weighted_loss(model, inputs)
        scale = inputs["weights"].sum() if num_items_in_batch is None else num_items_in_batch
        loss = total / scale
        return (loss, {"logits": logits}) if return_outputs else loss

    def _get_num_items_in_batch(
        self, batch_samples: list[Batch], device: torch.device
    ) -> torch.Tensor:
        weight = torch.stack([batch["weights"].sum() for batch in batch_samples]).sum()
        weight = weight.to(device)
        if self.args.world_size > 1:
            # The loss of each process is averaged afterwards: scale to the sum over all.
            weight = self.accelerator.gather(weight).sum() / self.args.world_size
        return weight

    def _get_train_sampler(self, train_dataset: Any = None) -> PackOrder:  # noqa: ARG002 same
        packs: Any = self.train_dataset
        return PackOrder(len(packs), seed=self.args.data_seed, multiple=self._multiple)

    def _get_eval_sampler(self, eval_dataset: Any) -> PackOrder:
        return PackOrder(len(eval_dataset), seed=None, multiple=self._multiple)

    @property
    def _multiple(self) -> int:
        """Packs that all processes together take at once."""
        world = self.args.world_size
        return world * self.args.per_device_train_batch_size if world > 1 else 1

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,  # noqa: ARG002 the base class's signature
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Exact validation loss, perplexity and token accuracy over all validation tokens.

        Raises:
            ConfigError: the loss is no number.
        """
        loss, weight, correct, tokens = self._validation_sums(
            self.get_eval_dataloader(eval_dataset)
        )
        if not math.isfinite(loss):
            raise ConfigError(
                "the training has diverged: the validation loss is no number",
                hint="Lower train.learning_rate, or raise train.warmup_share.",
            )
        figures = {
            f"{metric_key_prefix}_loss": loss / weight,
            f"{metric_key_prefix}_perplexity": math.exp(min(loss / weight, 50.0)),
            f"{metric_key_prefix}_token_accuracy": correct / tokens,
        }
        if self.beside is not None and self.is_world_process_zero():
            # Only the outermost `forward` computes in the format of training by itself.
            with self.accelerator.autocast():
                found = self.beside(self.model)
            figures |= {f"{metric_key_prefix}_{name}": value for name, value in found.items()}
        self.log(figures)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, figures
        )
        return figures

    def _validation_sums(self, loader: Any) -> list[float]:
        """Loss and weight, right tokens and all tokens, over all processes."""
        loss = weight = correct = tokens = 0.0
        model: Any = self.model
        model.eval()
        with torch.no_grad(), self.compute_loss_context_manager():
            for batch in loader:
                inputs = self._prepare_inputs(batch)
                total, logits = weighted_loss(model, inputs)
                loss += float(total)
                weight += float(inputs["weights"].sum())
                counted = inputs["weights"] > 0
                right = (logits.argmax(-1) == inputs["targets"]) & counted
                correct += float(right.sum())
                tokens += float(counted.sum())
        model.train()
        return processes.summed((loss, weight, correct, tokens))


def weighted_loss(model: Any, inputs: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed weighted cross-entropy, and the (N, vocabulary) logits it came from."""
    shown = {name: value for name, value in inputs.items() if name not in _NOT_SHOWN}
    logits = model(**shown).logits[0]
    losses = token_losses(logits, inputs["targets"])
    return (losses * inputs["weights"]).sum(), logits


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end."""
    found = [path for path in folder.glob("checkpoint-*") if (path / COMPLETE).exists()]
    return max(found, key=lambda p: int(p.name.rpartition("-")[2]), default=None)


def remove_unfinished(folder: Path) -> None:
    """Remove the checkpoints that were not written to their end."""
    for path in folder.glob("checkpoint-*"):
        if not (path / COMPLETE).exists():
            shutil.rmtree(path)


def training_arguments(
    config: TrainConfig,
    precision: Precision,
    folder: Path,
    *,
    seed: int,
    plan: StepPlan,
    shown: Shown = NOWHERE,
) -> TrainingArguments:
    """Settings of transformers' Trainer."""
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=plan.packs_per_batch,
        per_device_eval_batch_size=plan.packs_per_batch,
        gradient_accumulation_steps=plan.batches_per_step,
        activation_checkpointing=config.activation_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        learning_rate=config.peak_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(config.warmup_share * plan.steps),
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_gradient_norm,
        **_speed(config, precision),
        bf16=precision.name == "bfloat16",
        fp16=precision.name == "float16",
        use_cpu=precision.device == "cpu",
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=math.ceil(plan.steps / config.validations),
        save_strategy="no",
        save_total_limit=2,
        **shown.arguments(),
        remove_unused_columns=False,
        label_names=["targets"],
        dataloader_num_workers=0,
        disable_tqdm=True,
        seed=seed,
        data_seed=seed,
    )


def _speed(config: TrainConfig, precision: Precision) -> dict[str, Any]:
    """Optimizer, kernels and compilation.

    Raises:
        ConfigError: the optimizer needs a GPU.
    """
    on_gpu = precision.device == "cuda"
    if config.optimizer != "adamw" and not on_gpu:
        raise ConfigError(
            f"train.optimizer: {config.optimizer} needs a GPU",
            hint="Use adamw, which takes 8 bytes for each trained weight.",
        )
    plain = "adamw_torch_fused" if on_gpu else "adamw_torch"
    return {
        "optim": plain if config.optimizer == "adamw" else config.optimizer,
        "torch_compile": config.compile,
        "use_liger_kernel": takes_liger(config, precision),
        # The loss is SFTA's own; it is computed in little memory already.
        "liger_kernel_config": {"fused_linear_cross_entropy": False, "cross_entropy": False},
    }


def takes_liger(config: TrainConfig, precision: Precision) -> bool:
    """Whether Liger's kernels take the place of the model's own."""
    found = find_spec("liger_kernel") is not None
    return config.kernels == "auto" and precision.device == "cuda" and found
