"""Several processes that train one model, as `accelerate launch` starts them.

Each trains on packs of its own; what is decided and written is decided and written by the first.
Alone, a process finds all of this to be nothing.
"""

import os
from collections.abc import Sequence
from datetime import timedelta

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from torch.distributed.tensor import DTensor

from sfta_edge.errors import ConfigError

_PATIENCE = timedelta(hours=12)
"""As long as one process may work alone, writing what was learnt say, before the others give up."""


def join(device: str) -> PartialState:
    """Meet the other processes; on GPUs, each of a machine takes one.

    Args:
        device: `cpu` or `cuda`.

    Raises:
        ConfigError: the launcher is told to shard the weights in a way that is not gathered.
    """
    if _is_set("ACCELERATE_USE_DEEPSPEED"):
        raise ConfigError(
            "training does not gather weights that DeepSpeed has sharded",
            hint="Shard them with FSDP 2 instead; see docs/how-to/several-gpus.md.",
        )
    if is_sharded() and os.environ.get("FSDP_VERSION", "1") != "2":
        raise ConfigError(
            "training gathers sharded weights of FSDP 2 only", hint="Add --fsdp_version 2."
        )
    if torch.distributed.is_available() and torch.distributed.is_torchelastic_launched():
        return PartialState(cpu=device == "cpu", timeout=_PATIENCE)
    return PartialState(cpu=device == "cpu")


def is_sharded() -> bool:
    """Whether each process holds a part of every weight (FSDP)."""
    return _is_set("ACCELERATE_USE_FSDP")


def whole(weight: torch.Tensor) -> torch.Tensor:
    """All of a weight that processes have parts of; all of them must ask for it."""
    return weight.full_tensor() if isinstance(weight, DTensor) else weight


def count() -> int:
    """How many there are."""
    return int(PartialState().num_processes)


def is_first() -> bool:
    """Whether this process writes and decides."""
    return bool(PartialState().is_main_process)


def meet() -> None:
    """Wait until all processes have come here."""
    PartialState().wait_for_everyone()


def agreed(value: bool) -> bool:  # noqa: FBT001 what is agreed on
    """What the first process says."""
    if count() == 1:
        return value
    said = [value]
    broadcast_object_list(said)
    return said[0]


def summed(values: Sequence[float]) -> list[float]:
    """Each value, added up over all processes."""
    if count() == 1:
        return list(values)
    # Float64: the sums of one process must come out the same.
    total = torch.tensor(values, dtype=torch.float64, device=PartialState().device)
    torch.distributed.all_reduce(total)
    return [float(value) for value in total]


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "false").lower() in ("1", "true", "yes")
