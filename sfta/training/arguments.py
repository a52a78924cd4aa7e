"""What the trainers of transformers, TRL and sentence-transformers are told."""

import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import TrainingArguments

from sfta.training.config import TrainConfig
from sfta.training.model import Precision
from sfta.training.steps import StepPlan


def common_arguments(
    precision: Precision, folder: Path, *, seed: int, steps: int, warmup_share: float
) -> dict[str, Any]:
    """What is the same for all: number format, schedule, checkpoints by `Clock`, one seed.

    Args:
        precision: device and number format.
        folder: of the checkpoints.
        seed: decides the order.
        steps: of the whole run.
        warmup_share: share of them in which the learning rate rises; then it follows a cosine.
    """
    return {
        "output_dir": str(folder),
        "lr_scheduler_type": "cosine",
        "warmup_steps": round(warmup_share * steps),
        "bf16": precision.name == "bfloat16",
        "fp16": precision.name == "float16",
        "use_cpu": precision.device == "cpu",
        "logging_steps": 1,
        "save_strategy": "no",
        "save_total_limit": 2,
        "disable_tqdm": True,
        "seed": seed,
        "data_seed": seed,
    }


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
        **common_arguments(
            precision, folder, seed=seed, steps=plan.steps, warmup_share=config.warmup_share
        ),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=plan.packs_per_batch,
        per_device_eval_batch_size=plan.packs_per_batch,
        gradient_accumulation_steps=plan.batches_per_step,
        activation_checkpointing=config.activation_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        learning_rate=config.peak_rate,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_gradient_norm,
        **_speed(config, precision),
        eval_strategy="steps",
        eval_steps=math.ceil(plan.steps / config.validations),
        **shown.arguments(),
        remove_unused_columns=False,
        label_names=["targets"],
        dataloader_num_workers=0,
    )


def optimizer_problems(config: TrainConfig, device: str) -> list[str]:
    """Why the optimizer cannot be used on `cpu` or `cuda`."""
    if config.optimizer == "adamw" or device == "cuda":
        return []
    return [f"train.optimizer: {config.optimizer} needs a GPU; use adamw"]


def _speed(config: TrainConfig, precision: Precision) -> dict[str, Any]:
    """Optimizer, kernels and compilation."""
    plain = "adamw_torch_fused" if precision.device == "cuda" else "adamw_torch"
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
