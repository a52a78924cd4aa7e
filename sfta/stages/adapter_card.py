"""The card of what a training has made: data, settings, figures and curves, licence, limits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sfta.adapters.hub import PACKAGE
from sfta.adapters.model_licence import ModelLicence
from sfta.recipe import Recipe
from sfta.stages.cards import number, section, table
from sfta.training.config import TrainConfig

CARD = "README.md"
_PICTURES = {
    "loss_steps.png": "Training and validation loss by step",
    "learning_rate.png": "Learning rate",
    "gradient_norm.png": "Length of the gradient",
}
_FIGURES = {
    "eval_loss": "loss",
    "eval_perplexity": "perplexity",
    "eval_token_accuracy": "token accuracy",
    "eval_answer_f1": "answer F1",
    "eval_quotes_valid": "valid quotes",
    "eval_refused_rightly": "right refusals",
}
_TAUGHT = {
    "raft": "to quote and answer from oracle chunks among distractors, and to refuse without them",
    "oracle": "to quote and answer from the oracle chunks alone",
    "closed_book": "to answer without documents",
    "text": "to go on as the documents do",
}
_LIMITS = """\
- It was trained for the prompt, the number of chunks and the answer form of `prompt.json`. With
  others it may answer worse, or not at all.
- Figures of training say how well it predicts held-out rows. How well it answers is measured by
  `sfta evaluate`, on the exported model and through the code of the device.
- What stands in the rows can be drawn out of the weights: treat them like the documents."""


def adapter_card(
    recipe: Recipe,
    licence: ModelLicence,
    origin: Mapping[str, str],
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
) -> str:
    """Markdown with the front matter that model hubs read; no time, no path of this machine.

    Args:
        recipe: names base and settings.
        licence: of the base.
        origin: digests of what was trained on and gone on from, by what they are.
        metrics: figures of the stage.
        history: one object for each step and validation.
    """
    validations = [line for line in history if "eval_loss" in line]
    shown = {n: t for n, t in _FIGURES.items() if any(n in line for line in validations)}
    lines = [
        *_head(recipe, licence),
        f"- Rows to learn from: {metrics['train_rows']}.",
        f"- Rows held out: {metrics['validation_rows']}.",
        f"- Rows that were too long: {metrics['train_rows_too_long']}.",
        f"- Steps: {metrics['steps']}; kept: step {metrics['kept_step']}.",
        f"- Trained numbers: {metrics['trained_parameters']:,}.",
        *(f"- {what}: `{digest}`." for what, digest in sorted(origin.items())),
        *section("Held-out rows", table(
            ("step", *shown.values()),
            [[str(v["step"]), *(number(v.get(name)) for name in shown)] for v in validations],
        )),
        *section("Curves", [f"![{text}]({name})" for name, text in _PICTURES.items()]),
        *section("Settings", table(("setting", "value"), [
            [f"train.{name}", _value(value)] for name, value in _settings(recipe.train)
        ])),
        *section("Limits", [_LIMITS]),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _head(recipe: Recipe, licence: ModelLicence) -> list[str]:
    train, base = recipe.train, base_name(recipe.model.base)
    made = "Weights" if train.method == "full" else "An adapter"
    stated = licence.stated or "not stated; ask its maker before you pass this on"
    return [
        "---",
        f"base_model: {base}",
        *(["library_name: peft"] if train.method != "full" else []),
        "tags: [raft, retrieval, sfta]",
        "---",
        "",
        f"# {made} for {base}",
        "",
        f"Trained with `method: {train.method}` {_TAUGHT[train.rows]}.",
        "",
        f"- Base model: `{base}`. Licence: {stated}. It applies to what was made from it.",
    ]


def _settings(train: TrainConfig) -> list[tuple[str, Any]]:
    """Those that decide what was learnt; where it began is told by its digest."""
    found = train.model_dump(mode="json", exclude={"start_from", "lora", "checkpoint_minutes"})
    if train.method != "full":
        found |= {f"lora.{name}": value for name, value in train.lora.model_dump().items()}
    return sorted(found.items())


def base_name(spec: str) -> str:
    """A model as others can find it: of a folder of this machine the last name alone."""
    if spec.startswith(PACKAGE) or (spec[:1] not in "./~" and spec.count("/") == 1):
        return spec
    return Path(spec).name


def _value(value: Any) -> str:
    return "default" if value is None else str(value)
