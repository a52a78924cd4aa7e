"""Direct preference optimization of an adapter, with TRL's trainer (arXiv 2305.18290).

The reference is the adapter as it was trained. Token ids come from the prompt contract, segment by
segment, like those of the training before it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from sfta.core.progress import task
from sfta.training.arguments import common_arguments
from sfta.training.checkpoints import go_on
from sfta.training.config import PreferenceConfig
from sfta.training.model import Precision
from sfta.training.rows import EncodedRow
from sfta.training.watching import Clock

_WARMUP = 0.1
_KEPT = {
    "loss": "loss",
    "rewards/accuracies": "preferred",
    "rewards/margins": "margin",
    "eval_loss": "eval_loss",
    "eval_rewards/accuracies": "eval_preferred",
    "eval_rewards/margins": "eval_margin",
}
"""Figures of TRL, and what they are called here."""


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """Token ids of one prompt and its two answers."""

    better: EncodedRow
    worse: tuple[int, ...]

    @property
    def length(self) -> int:
        """Tokens of the prompt with the longer answer."""
        return self.better.length + max(0, len(self.worse) - len(self.better.completion))

    def record(self) -> dict[str, list[int]]:
        """As TRL's trainer reads it."""
        return {
            "prompt_ids": [*self.better.context, *self.better.question],
            "chosen_ids": list(self.better.completion),
            "rejected_ids": list(self.worse),
        }


class _PairTrainer(DPOTrainer):
    """TRL's trainer on pairs that are tokenized already."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset


def train_preference(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    pairs: dict[str, Sequence[EncodedPair]],
    config: PreferenceConfig,
    precision: Precision,
    *,
    seed: int,
    work: Path,
) -> list[dict[str, Any]]:
    """Train the adapter of the model, in place; return the figures of steps and validations.

    Args:
        model: with its adapter, which is what the better answers are measured against.
        tokenizer: fills up shorter answers.
        pairs: of the splits train and validation; the latter may be empty.
        config: how it learns.
        precision: device and number format.
        seed: decides the order.
        work: folder for checkpoints; a run that was interrupted goes on from the last one.
    """
    steps = config.epochs * -(-len(pairs["train"]) // config.pairs_per_step)
    formats = {n: p.dtype for n, p in model.named_parameters() if p.requires_grad}
    # The bars of what TRL computes beforehand would break the lines of a log.
    os.environ["TQDM_DISABLE"] = "1"
    validation = [pair.record() for pair in pairs["validation"]]
    with task("prefer", steps) as progress:
        loop = _PairTrainer(
            model=model,
            args=_arguments(config, precision, seed, work, steps),
            train_dataset=Dataset.from_list([pair.record() for pair in pairs["train"]]),
            eval_dataset=Dataset.from_list(validation) if validation else None,
            processing_class=tokenizer,
            callbacks=[Clock(progress)],
        )
        # TRL keeps an adapter on a quantized base in bfloat16, where steps this small are lost.
        for name, parameter in model.named_parameters():
            if name in formats:
                parameter.data = parameter.data.to(formats[name])
        go_on(loop, work)
        if validation:
            loop.evaluate()
    model.delete_adapter("ref")
    return _history(loop.state.log_history)


def _history(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for line in lines:
        figures = {ours: line[theirs] for theirs, ours in _KEPT.items() if theirs in line}
        if figures:
            found.append({"step": line["step"], **figures})
    return found


def _arguments(
    config: PreferenceConfig, precision: Precision, seed: int, work: Path, steps: int
) -> DPOConfig:
    return DPOConfig(
        **common_arguments(precision, work, seed=seed, steps=steps, warmup_share=_WARMUP),
        beta=config.beta,
        num_train_epochs=config.epochs,
        # A pair is two sequences, and a long one decides how much the other is filled up.
        per_device_train_batch_size=1,
        per_device_eval_batch_size=1,
        gradient_accumulation_steps=config.pairs_per_step,
        learning_rate=config.learning_rate,
        precompute_ref_log_probs=True,
        max_length=None,  # what does not fit was left out, and counted
        gradient_checkpointing=None,  # type: ignore[arg-type]  # its default warns
        activation_checkpointing=precision.device != "cpu",
        report_to=[],
    )
