"""Fine-tuning of a sentence-transformers encoder, resumable like the training of the model.

Loss: of the oracle chunk among its hard negatives and the chunks of all other questions of the
step (multiple negatives ranking, arXiv 1705.00652).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import BatchSamplers
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from sfta.core.progress import task
from sfta.training.arguments import common_arguments
from sfta.training.checkpoints import go_on
from sfta.training.config import RetrieverConfig
from sfta.training.model import Precision
from sfta.training.triplets import Triplet
from sfta.training.watching import Clock

_WARMUP = 0.1


def train_encoder(
    base: Path,
    triplets: Sequence[Triplet],
    passages: Mapping[str, str],
    config: RetrieverConfig,
    precision: Precision,
    *,
    seed: int,
    work: Path,
    out: Path,
) -> list[dict[str, Any]]:
    """Train, write the encoder into `out`, and return the loss of every step.

    Args:
        base: folder of the encoder.
        triplets: what it learns from.
        passages: text of each chunk as the index embeds it.
        config: how it learns.
        precision: device and number format; weights stay in 32 bits.
        seed: decides the order.
        work: folder for checkpoints; a run that was interrupted goes on from the last one.
        out: folder of the encoder that was trained.
    """
    model = SentenceTransformer(
        str(base), device=precision.device, local_files_only=True, trust_remote_code=False
    )
    steps = config.epochs * -(-len(triplets) // config.pairs_per_step)
    with task("train the retriever", steps) as progress:
        loop = SentenceTransformerTrainer(
            model=model,
            args=_arguments(config, precision, seed, work, steps),
            train_dataset=_dataset(triplets, passages),
            loss=MultipleNegativesRankingLoss(model),
            callbacks=[Clock(progress)],
        )
        go_on(loop, work)
    model.save_pretrained(str(out), create_model_card=False)
    return [
        {"step": line["step"], "loss": line["loss"]}
        for line in loop.state.log_history
        if "loss" in line
    ]


def _dataset(triplets: Sequence[Triplet], passages: Mapping[str, str]) -> Dataset:
    """Columns in the order that the loss reads; a question with fewer negatives repeats one."""
    most = max(len(triplet.negatives) for triplet in triplets)
    records = []
    for triplet in triplets:
        record = {"question": triplet.question, "oracle": passages[triplet.oracle]}
        chosen = triplet.negatives or (_any_other(triplet, triplets),)
        for place in range(most):
            record[f"negative_{place}"] = passages[chosen[place % len(chosen)]]
        records.append(record)
    return Dataset.from_list(records)


def _any_other(triplet: Triplet, triplets: Sequence[Triplet]) -> str:
    """A chunk that answers another question."""
    others = (other.oracle for other in triplets if other.oracle != triplet.oracle)
    return next(others, triplet.oracle)


def _arguments(
    config: RetrieverConfig, precision: Precision, seed: int, work: Path, steps: int
) -> SentenceTransformerTrainingArguments:
    return SentenceTransformerTrainingArguments(
        **common_arguments(precision, work, seed=seed, steps=steps, warmup_share=_WARMUP),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.pairs_per_step,
        learning_rate=config.learning_rate,
        # Texts that stand twice in a step would be held against themselves.
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        report_to=[],
    )
