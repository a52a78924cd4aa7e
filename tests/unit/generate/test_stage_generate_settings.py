"""Stage generate with its further settings: meaning, two test sets, the report of the filters."""

import json

import pytest

from generated_rows import all_rows, generate, write_inputs


@pytest.fixture
def made(tmp_path):
    inputs = write_inputs(tmp_path / "inputs")
    return generate(
        inputs,
        tmp_path / "run",
        split={"group_by": "page", "seen_test": 0.2},
        filters={"semantic_duplicate": 0.7, "round_trip": "count"},
        context={"without_oracle": "mixed", "oracle_fraction": 0.7},
        max_rows=120,
    )


def test_the_settings_work_together_and_the_funnel_tells_of_each(made):
    out, metrics = made
    funnel = json.loads((out / "funnel.json").read_bytes())
    state = {line["filter"]: line for line in funnel["filters"]}
    assert state["semantic duplicate"]["on"]
    assert state["semantic duplicate"]["turned_away"] > 0
    assert not state["round trip"]["on"]
    assert not state["judge"]["on"]
    assert set(funnel["leakage"]["by_test_set"]) == {"seen_documents", "unseen_documents"}
    assert sum(funnel["distractors"].values()) + sum(funnel["oracle_places"].values()) == (
        3 * metrics["rows"]
    )
    sets = {row["test_set"] for row in all_rows(out) if row["split"] == "test"}
    assert sets == {"seen_documents", "unseen_documents"}


def test_the_card_shows_filters_and_test_sets(made):
    card = (made[0] / "README.md").read_text("utf-8")
    assert "| judge | off | 0 |" in card
    assert "Test set `seen_documents`:" in card
