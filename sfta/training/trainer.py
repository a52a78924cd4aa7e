"""The training loop: transformers' Trainer over packs, with the loss SFTA needs.

The loss is the sum over completion tokens divided by the summed token weights of the whole
optimizer step. A mean per row would give the few tokens of a refusal many times the weight of
an answer's tokens, and the model would learn to refuse.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from transformers import Trainer

from sfta.training import processes
from sfta.training.loss import token_losses
from sfta.training.steps import Batch, PackOrder
from sfta_edge.errors import ConfigError

_NOT_SHOWN = ("targets", "weights")


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
