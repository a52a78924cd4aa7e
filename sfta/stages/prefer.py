"""Stage prefer: adapter, dataset -> adapter that prefers grounded answers; only if asked for."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sfta.adapters import hub
from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.recipe import Recipe
from sfta.stages.adapter_card import CARD
from sfta.stages.cards import section, table
from sfta.stages.saved_adapter import save_adapter
from sfta.stages.split_rows import read_lines
from sfta_edge.errors import ConfigError
from sfta_edge.prompt import PROMPT_FILE, PromptContract

if TYPE_CHECKING:
    from sfta.training.config import PreferenceConfig
    from sfta.training.pairs import Pair
    from sfta.training.preference import EncodedPair

HISTORY = "preference.jsonl"
_SAID = (
    "Afterwards it learnt to prefer its rows' answers to refusals of what can be answered, and to "
    "answers that quote what does not answer (DPO)."
)


def run(job: Job[Recipe]) -> Metrics:
    """Make pairs from the rows, train, and write the adapter with what it was and what it is."""
    # Loaded here: `sfta --help` must not wait for torch.
    from sfta.training.model import choose_precision, load_student
    from sfta.training.preference import train_preference

    recipe, adapter, config = job.recipe, job.inputs["adapter"], job.recipe.preference
    assert config is not None  # or the stage would not be there
    base = hub.resolve_model(recipe.model.base, job.runtime.cache, root=recipe.root)
    tokenizer: Any = hub.load_tokenizer(base)
    contract = PromptContract.read(adapter.file(PROMPT_FILE))
    pairs, figures = _pairs(job, config, contract, tokenizer)
    precision = choose_precision(job.runtime.device)
    model = load_student(
        base, recipe.train, precision, seed=recipe.seed, start_from=adapter.path
    )
    history = train_preference(
        model, tokenizer, pairs, config, precision, seed=recipe.seed,
        work=job.work / "checkpoints",
    )  # fmt: skip
    for entry in adapter.manifest.files:
        shutil.copyfile(adapter.file(entry.path), job.out / entry.path)
    card = adapter.file(CARD).read_text("utf-8")
    save_adapter(model, job.out)
    last = [line for line in history if "eval_preferred" in line][-1:]
    found = {"steps": history[-1]["step"], **figures}
    found |= {name: round(value, 4) for line in last for name, value in line.items()
              if name.startswith("eval_")}  # fmt: skip
    (job.out / CARD).write_text(f"{card.rstrip()}\n{_card(config, found)}", "utf-8")
    lines = "".join(json.dumps(line, sort_keys=True) + "\n" for line in history)
    (job.out / HISTORY).write_text(lines, "utf-8")
    return found


def _pairs(
    job: Job[Recipe], config: "PreferenceConfig", contract: PromptContract, tokenizer: Any
) -> tuple[dict[str, "Sequence[EncodedPair]"], Metrics]:
    """Pairs of both splits as token ids, and how many there are of each kind."""
    from sfta.training.pairs import PairMaker
    from sfta.training.preference import EncodedPair
    from sfta.training.rows import RowEncoder, read_chunks

    dataset, seed = job.inputs["dataset"], job.recipe.seed
    records = read_lines(dataset.file("chunks.jsonl"))
    encoder = RowEncoder(read_chunks(records), contract, hub.hf_tokenize(tokenizer))
    texts = {record["id"]: record["text"] for record in records}
    splits: dict[str, Sequence[EncodedPair]] = {}
    figures: Metrics = {}
    for split in ("train", "validation"):
        rows = sorted(read_lines(dataset.file(f"{split}.jsonl")), key=lambda row: row["id"])
        maker = PairMaker(rows, texts, contract, over_refusals=config.over_refusals, seed=seed)
        made = [pair for row in rows if (pair := maker.pair(row)) is not None]
        chosen = _drawn(made, config.max_pairs)
        encoded = [
            EncodedPair(
                encoder.encode(pair.row),
                encoder.encode({**pair.row, "completion": pair.worse}).completion,
            )
            for pair in chosen
        ]
        fit = [pair for pair in encoded if pair.length <= job.recipe.train.context_tokens]
        splits[split] = fit
        kinds = Counter(pair.kind for pair in chosen)
        figures |= {
            f"{split}_pairs": len(fit),
            f"{split}_pairs_too_long": len(encoded) - len(fit),
            f"{split}_rows_without_pair": len(rows) - len(made),
            f"{split}_over_refusals": kinds["over_refusal"],
        }
    if not splits["train"]:
        raise ConfigError(
            "no row gives a pair to learn from",
            hint="Raise generate.max_rows, or leave the section `preference` out.",
        )
    return splits, figures


def _drawn(pairs: "Sequence[Pair]", most: int | None) -> "Sequence[Pair]":
    """At most so many; ids of rows are digests, so the first of them are drawn."""
    return pairs if most is None else pairs[:most]


def _card(config: "PreferenceConfig", figures: Metrics) -> str:
    settings = [(name, str(value)) for name, value in config.model_dump().items()]
    told = [(name.replace("_", " "), str(value)) for name, value in figures.items()]
    body = [_SAID, "", *table(("setting", "value"), settings), ""]
    lines = section("Preferences", [*body, *table(("figure", "value"), told)])
    return "\n".join(lines) + "\n"


def _external(recipe: Recipe, runtime: Runtime) -> dict[str, str]:  # noqa: ARG001 same for all stages
    return {"base": hub.model_identity(recipe.model.base, root=recipe.root)}


STAGE = Stage(
    name="prefer",
    needs=("adapter", "dataset"),
    makes="adapter",
    sections=("seed", "model", "train", "preference"),
    run=run,
    external=_external,
)
