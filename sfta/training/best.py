"""What was learnt at the lowest validation loss; and a run that learns no more ends.

What is kept lies on disk beside the checkpoints: a resumed run knows what the one before it has
measured, and a validation that is repeated counts once.
"""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from transformers import TrainerCallback

from sfta.training import processes
from sfta_edge.manifest import canonical_json, write_durably

_NOTHING = {"loss": float("inf"), "step": None, "since": 0}


class Best(TrainerCallback):
    """Keeps trained weights whenever the validation loss is the lowest so far."""

    def __init__(self, folder: Path, patience: int | None) -> None:
        """Use a folder of the run; `patience` validations without a lower loss end it."""
        self._weights, self._facts = folder / "best.safetensors", folder / "best.json"
        self._patience = patience
        # In memory: of several processes only the first writes, and all must decide the same.
        self._known = _read(self._facts)

    def forget(self) -> None:
        """Begin anew: what lies there is of a run that is not gone on with."""
        if processes.is_first():
            self._facts.unlink(missing_ok=True)
            self._weights.unlink(missing_ok=True)
        self._known = dict(_NOTHING, seen=[])

    def on_evaluate(
        self,
        args: Any,  # noqa: ARG002 its signature
        state: Any,
        control: Any,
        metrics: Any = None,
        **more: Any,
    ) -> None:
        """Keep the weights if they are the best, and count how long they have not been."""
        known, loss = self._known, float(metrics["eval_loss"])
        if state.global_step in known["seen"]:
            return
        known["seen"].append(state.global_step)
        known["since"] += 1
        if loss < known["loss"]:
            known |= {"loss": loss, "step": state.global_step, "since": 0}
            # All processes gather them, and the first writes. Weights before facts: facts without
            # them would be believed.
            weights = trained_weights(more["model"])
            if state.is_world_process_zero:
                write_durably(self._weights, save(weights))
        if state.is_world_process_zero:
            write_durably(self._facts, canonical_json(known))
        if self._patience is not None and known["since"] >= self._patience:
            control.should_training_stop = True

    def restore(self, model: Any) -> int | None:
        """Give the model its best weights; the step they are of, None if nothing was measured."""
        step: int | None = self._known["step"]
        if step is not None:
            best = load_file(self._weights)
            for name, value in trained_weights(model).items():
                value.copy_(best[name])
        return step


def _read(facts: Path) -> dict[str, Any]:
    if not facts.exists():
        return dict(_NOTHING, seen=[])
    found: dict[str, Any] = json.loads(facts.read_bytes())
    return found


def trained_weights(model: Any) -> dict[str, Any]:
    """Tensors that training changes, by name; one that has two names is there once."""
    return {
        name: processes.whole(parameter.detach())
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
