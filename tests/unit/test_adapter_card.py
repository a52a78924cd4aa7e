"""The card of an adapter: what it is, what it was made from, how it learnt, and its limits."""

import pytest

from sfta.adapters.model_licence import ModelLicence
from sfta.recipe import Recipe
from sfta.stages.adapter_card import adapter_card, base_name

METRICS = {
    "train_rows": 120, "validation_rows": 9, "train_rows_too_long": 2, "steps": 30,
    "kept_step": 20, "trained_parameters": 4_884_480,
}  # fmt: skip
HISTORY = [
    {"step": 1, "loss": 2.0},
    {"step": 20, "eval_loss": 0.25, "eval_perplexity": 1.284, "eval_token_accuracy": 0.9},
    {"step": 30, "eval_loss": 0.5, "eval_perplexity": 1.649, "eval_token_accuracy": 0.8},
]
ORIGIN = {"Dataset": "ab" * 32, "Gone on from the adapter": "cd" * 32}


def card(base="owner/model", licence="apache-2.0", history=HISTORY, **train):
    recipe = Recipe.model_validate(
        {"name": "pumps", "ingest": {"sources": ["x"]}, "model": {"base": base},
         "train": train, "evaluate": {"choose_quotes": train.get("rows", "raft") == "raft"}}
    )  # fmt: skip
    return adapter_card(recipe, ModelLicence(licence), ORIGIN, METRICS, history)


def test_it_says_what_was_trained_on_what():
    text = card()
    assert text.startswith("---\nbase_model: owner/model\nlibrary_name: peft\n")
    assert "Licence: apache-2.0." in text
    for line in ("- Rows to learn from: 120.", "- Rows held out: 9.",
                 "- Rows that were too long: 2."):  # fmt: skip
        assert line in text
    assert "kept: step 20" in text
    assert "Trained numbers: 4,884,480" in text
    assert f"Dataset: `{'ab' * 32}`" in text
    assert f"Gone on from the adapter: `{'cd' * 32}`" in text


def test_every_validation_is_a_line_and_figures_nobody_measured_are_no_column():
    text = card()
    assert "| step | loss | perplexity | token accuracy |" in text
    assert "| 20 | 0.250 | 1.284 | 0.900 |" in text
    assert "answer F1" not in text
    scored = [*HISTORY[:2], {**HISTORY[2], "eval_answer_f1": 0.75}]
    assert "| 30 | 0.500 | 1.649 | 0.800 | 0.750 |" in card(history=scored)


def test_every_setting_is_there_and_curves_are_shown():
    text = card(epochs=3, lora={"rank": 8, "alpha": 16})
    for line in ("| train.epochs | 3 |", "| train.lora.rank | 8 |",
                 "| train.learning_rate | default |"):  # fmt: skip
        assert line in text
    assert "](loss_steps.png)" in text


@pytest.mark.parametrize(
    ("rows", "said"),
    [("raft", "and to refuse"), ("oracle", "oracle chunks alone"),
     ("closed_book", "without documents"), ("text", "go on as the documents do")],
)  # fmt: skip
def test_it_says_what_a_row_taught(rows, said):
    assert said in card(rows=rows)


def test_a_licence_that_nobody_states_is_said():
    assert "not stated; ask its maker" in card(licence="")


def test_all_weights_are_no_adapter():
    text = card(method="full")
    assert "# Weights for owner/model" in text
    assert "library_name" not in text
    assert "train.lora" not in text


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("owner/model", "owner/model"),
        ("owner/model@main", "owner/model@main"),
        ("package://pkg/model.gguf", "package://pkg/model.gguf"),
        ("/srv/models/base", "base"),
        ("./models/base", "base"),
        ("../base", "base"),
    ],
)
def test_a_folder_of_this_machine_is_named_by_its_last_name_alone(spec, name):
    assert base_name(spec) == name


def test_where_training_went_on_from_is_no_path():
    assert "/secret/place" not in card(start_from="/secret/place/adapter")
