"""Rows of the dataset as an export needs them: token ids of whole prompts."""

import logging
from collections.abc import Sequence

from sfta.core.stage import Job
from sfta.recipe import Recipe
from sfta.stages.split_rows import Row, chosen_rows, read_lines
from sfta.training.rows import EncodedRow, RowEncoder, read_chunks
from sfta_edge.prompt import PromptContract, Tokenize
from sfta_export.parity import probe_prompts
from sfta_export.reference import Probe

LONGEST = 4096
"""Tokens of a prompt; longer ones are left out, and said so."""
log = logging.getLogger("sfta")


def parity_probes(
    job: Job[Recipe], contract: PromptContract, tokenize: Tokenize, count: int
) -> tuple[Probe, ...]:
    """So many validation rows; prompts of no product in particular where there are none."""
    rows = _encoded(job, contract, tokenize, "validation", count)
    if not rows:
        log.info("export: no validation rows; parity is measured on built-in prompts")
        return probe_prompts(contract, tokenize)
    return tuple(Probe(row.context + row.question, row.completion) for row in rows)


def importance_prompts(
    job: Job[Recipe], contract: PromptContract, tokenize: Tokenize, count: int
) -> list[tuple[int, ...]]:
    """So many training rows, prompt and answer."""
    rows = _encoded(job, contract, tokenize, "train", count)
    return [row.context + row.question + row.completion for row in rows]


def _encoded(
    job: Job[Recipe], contract: PromptContract, tokenize: Tokenize, split: str, count: int
) -> list[EncodedRow]:
    dataset = job.inputs["dataset"]
    rows: Sequence[Row] = read_lines(dataset.file(f"{split}.jsonl"))
    encoder = RowEncoder(
        read_chunks(read_lines(dataset.file("chunks.jsonl"))), contract, tokenize
    )
    encoded = [encoder.encode(row) for row in chosen_rows(rows, count)]
    fit = [row for row in encoded if row.length <= LONGEST]
    if len(fit) < len(encoded):
        log.warning(
            "export: %d of %d %s rows are longer than %d tokens and are left out",
            *(len(encoded) - len(fit), len(encoded), split, LONGEST),
        )
    return fit
