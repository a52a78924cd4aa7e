"""How packs make optimizer steps, in one process or dealt out to several.

The packs of a step and their order depend on the seed and the epoch alone. Several processes take
turns with the packs of a step; where they do not come out even, packs that count nothing are
added at the end. So they train what one process trains, up to the rounding of sums.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.utils.data import Dataset, Sampler

from sfta.training.attention import PackShape
from sfta.training.config import TrainConfig
from sfta.training.packing import Pack, lay_out

Batch = dict[str, Any]
"""Tensors by name, and under `pack` the shape of a pack that is alone."""


class PackData(Dataset[Pack]):
    """Packs by number; the number after the last is a pack that counts nothing."""

    def __init__(self, packs: Sequence[Pack]) -> None:
        self._packs = packs

    def __len__(self) -> int:
        return len(self._packs)

    def __getitem__(self, index: int) -> Pack:
        if index == len(self._packs):
            return replace(min(self._packs, key=lambda pack: pack.tokens), counted=False)
        return self._packs[index]


class PackOrder(Sampler[int]):
    """Numbers of packs in the order of an epoch, filled up to a multiple with the empty pack."""

    def __init__(self, count: int, *, seed: int | None, multiple: int) -> None:
        """Shuffle so many packs with the seed; without one they keep their order."""
        self._count = count
        self._seed, self._multiple, self._epoch = seed, multiple, 0

    def __len__(self) -> int:
        return math.ceil(self._count / self._multiple) * self._multiple

    def __iter__(self) -> Iterator[int]:
        order = torch.arange(self._count)
        if self._seed is not None:
            generator = torch.Generator().manual_seed(self._seed + self._epoch)
            order = torch.randperm(self._count, generator=generator)
        yield from order.tolist()
        yield from [self._count] * (len(self) - self._count)
        self._epoch += 1

    def set_epoch(self, epoch: int) -> None:
        """Begin with this epoch, counted from 0."""
        self._epoch = epoch


def collate(packs: Sequence[Pack], *, refusal_weight: float) -> Batch:
    """One micro-batch: one sequence of L tokens that predicts N tokens.

    A pack alone goes with its shape as well, see `attention`.
    """
    layout = lay_out(packs)
    weights = torch.ones(len(layout.targets))
    weights[torch.from_numpy(layout.refusal)] = refusal_weight
    weights *= torch.from_numpy(layout.counted)
    batch: Batch = {
        "input_ids": torch.from_numpy(layout.ids)[None],
        "position_ids": torch.from_numpy(layout.positions)[None],
        "attention_mask": torch.from_numpy(layout.visible())[None, None],
        "logits_to_keep": torch.from_numpy(layout.predicting),
        "targets": torch.from_numpy(layout.targets),
        "weights": weights,
    }
    if len(packs) > 1:
        return batch
    rows = [len(row.question) + len(row.completion) for row in packs[0].rows]
    return batch | {"pack": PackShape.of(len(packs[0].rows[0].context), rows)}


class StepPlan:
    """How packs make optimizer steps.

    A micro-batch is one pack on a CPU, where longer sequences only cost attention, and as many
    as stay under a token count on a GPU. Of each step, several processes take equal parts.
    """

    def __init__(
        self, packs: Sequence[Pack], config: TrainConfig, *, device: str, processes: int = 1
    ) -> None:
        rows = sum(len(pack.rows) for pack in packs)
        packs_per_step = max(1, round(config.rows_per_step * len(packs) / rows))
        tokens = max(pack.tokens for pack in packs)
        fit = 1 if device == "cpu" else max(1, config.context_tokens * 2 // tokens)
        each = max(1, round(packs_per_step / processes))
        self.packs_per_batch = min(fit, each)
        self.batches_per_step = max(1, round(each / self.packs_per_batch))
        self.processes = processes
        per_step = self.packs_per_batch * self.batches_per_step * processes
        self.steps = config.epochs * math.ceil(len(packs) / per_step)

    def halve(self) -> bool:
        """Make micro-batches smaller and the steps no other; False if they hold one pack."""
        per_step = self.packs_per_batch * self.batches_per_step
        smaller = range(self.packs_per_batch // 2, 0, -1)
        size = next((count for count in smaller if per_step % count == 0), 0)
        if not size:
            return False
        self.packs_per_batch, self.batches_per_step = size, per_step // size
        return True

    def facts(self) -> dict[str, int]:
        """For the record; of how many processes it was is none of it."""
        return {
            "packs_per_batch": self.packs_per_batch,
            "batches_per_step": self.batches_per_step * self.processes,
            "steps": self.steps,
        }
