"""Answers to validation rows while training runs, scored as `evaluate` scores them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sfta.core.stage import Job
from sfta.evaluation.metrics import looks_like_refusal, token_f1
from sfta.recipe import Recipe
from sfta.stages.split_rows import Row, chosen_rows, read_lines
from sfta_edge.citation import find_quote, parse_answer
from sfta_edge.prompt import PromptContract, Tokenize

Beside = Callable[[Any], dict[str, float]]
"""Model in training to further figures of a validation."""


def answering(
    job: Job[Recipe], contract: PromptContract, tokenize: Tokenize, decode: Callable[..., str]
) -> Beside | None:
    """What answers validation rows with the model in training and scores them; None: nothing."""
    # Loaded here: `sfta --help` must not wait for torch.
    from sfta.training.answers import write_answers
    from sfta.training.forms import all_in_form
    from sfta.training.rows import RowEncoder, read_chunks

    config, dataset = job.recipe.train, job.inputs["dataset"]
    if not config.answers or config.rows == "text":
        return None
    records = read_lines(dataset.file("chunks.jsonl"))
    rows = all_in_form(read_lines(dataset.file("validation.jsonl")), config.rows, contract)
    chosen = chosen_rows(rows, config.answers)
    encoder = RowEncoder(read_chunks(records), contract, tokenize)
    asked, texts = (
        [encoder.encode(row) for row in chosen],
        {r["id"]: r["text"] for r in records},
    )

    def beside(model: Any) -> dict[str, float]:
        written = [decode(ids) for ids in write_answers(model, asked)]
        return score_answers(chosen, texts, contract, written)

    return beside


def score_answers(
    rows: Sequence[Row],
    chunks: Mapping[str, str],
    contract: PromptContract,
    completions: Sequence[str],
) -> dict[str, float]:
    """Mean token F1 where there is an answer, share of valid quotes, and of right decisions.

    Args:
        rows: what was asked.
        chunks: text of each chunk, by id.
        contract: how answers are spelled.
        completions: what the model has written, one for each row.

    A figure that nothing was measured for is left out.
    """
    f1: list[float] = []
    quotes: list[float] = []
    decided: list[float] = []
    for row, completion in zip(rows, completions, strict=True):
        said = parse_answer(
            completion, answer_marker=contract.answer_marker, refusal=contract.refusal
        )
        refused = said.refused or looks_like_refusal(said.answer, contract.refusal)
        wanted = row["completion"] == contract.refusal
        decided.append(float(refused == wanted))
        if not wanted:
            f1.append(0.0 if refused else token_f1(said.answer, [str(row["answer"])]))
        shown = [chunks[entry["chunk_id"]] for entry in row["context"]]
        quotes += [
            float(1 <= quote.number <= len(shown)
                  and find_quote(quote.text, shown[quote.number - 1]) is not None)
            for quote in said.quotes
        ]  # fmt: skip
    found = {"answer_f1": f1, "quotes_valid": quotes, "refused_rightly": decided}
    return {name: sum(v) / len(v) for name, v in found.items() if v}
