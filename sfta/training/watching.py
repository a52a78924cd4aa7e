"""What is seen and kept while training runs: progress, history, checkpoints by the clock."""

import json
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainingArguments

from sfta.core.artifact import sync_tree
from sfta.core.progress import Task
from sfta.training import processes
from sfta.training.checkpoints import COMPLETE
from sfta.training.memory import GIB, peak_memory
from sfta.training.trainer import PackTrainer

_KEPT = (
    *("loss", "learning_rate", "grad_norm", "eval_loss", "eval_perplexity"),
    *("eval_token_accuracy", "eval_answer_f1", "eval_quotes_valid", "eval_refused_rightly"),
)


class Clock(TrainerCallback):
    """Shows progress, asks for a checkpoint when enough time has passed, and marks it."""

    def __init__(self, task: Task, *, checkpoint_seconds: float = 120.0) -> None:
        self._task, self._every = task, checkpoint_seconds
        self._begun = self._saved = time.monotonic()
        self._loss: float | None = None

    @property
    def note(self) -> str:
        """What stands beside the count of steps."""
        return "loss not known yet" if self._loss is None else f"loss {self._loss:.3f}"

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 its signature
        """Continue the count of a resumed run."""
        self._begun = time.monotonic()
        self._task.total = state.max_steps
        self._task.advance(state.global_step)

    def on_log(self, *_: Any, logs: dict[str, Any] | None = None, **__: Any) -> None:
        """Remember the loss for the progress line."""
        self._loss = (logs or {}).get("loss", self._loss)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002 its signature
        """Count the step; ask for a checkpoint by the clock."""
        self._task.advance(note=self.note)
        if processes.agreed(time.monotonic() - self._saved >= self._every):
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: Any, *_: Any, **__: Any) -> None:
        """Mark the checkpoint after its last file: an unmarked one is never read."""
        processes.meet()
        if processes.is_first():
            folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
            sync_tree(folder)
            (folder / COMPLETE).touch()
        self._saved = time.monotonic()


class Watch(Clock):
    """The clock of a training over packs, which knows its speed and its memory."""

    def __init__(self, task: Task, trainer: PackTrainer, *, checkpoint_seconds: float) -> None:
        super().__init__(task, checkpoint_seconds=checkpoint_seconds)
        self._trainer = trainer

    @property
    def tokens_per_second(self) -> float:
        """Tokens read in training, validations and checkpoints included in the time."""
        tokens: int = self._trainer.tokens * processes.count()
        return tokens / max(time.monotonic() - self._begun, 1e-9)

    @property
    def note(self) -> str:
        """Loss, speed and memory."""
        memory = peak_memory(self._trainer.model) / GIB
        return f"{super().note}, {self.tokens_per_second:.0f} tokens/s, {memory:.1f} GiB"


def history_lines(log_history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The figures of every step and validation, without timings, in order."""
    lines = []
    for entry in log_history:
        figures = {k: entry[k] for k in _KEPT if k in entry}
        if figures:
            lines.append({"step": entry["step"], "epoch": entry["epoch"], **figures})
    return lines


def last_validation(history: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The validation figures of the last step; None if it was not validated."""
    last = max((line["step"] for line in history), default=0)
    found = [line for line in history if line["step"] == last and "eval_loss" in line]
    return found[-1] if found else None


def validation_at(history: list[dict[str, Any]], step: int) -> dict[str, Any]:
    """The figures of the validation at a step that was validated."""
    return next(line for line in history if line["step"] == step and "eval_loss" in line)


def last_loss(history: list[dict[str, Any]], steps: int = 10) -> float:
    """Mean training loss of the last steps; one step alone is noise."""
    losses = [line["loss"] for line in history if "loss" in line][-steps:]
    return sum(losses) / len(losses) if losses else float("nan")


def write_history(path: Path, lines: list[dict[str, Any]]) -> None:
    """One JSON object per line."""
    path.write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines), "utf-8")
