"""Stage ladder: every scheme answers as the report says, and the one that ships must not lose."""

import csv

import pytest

from evaluated_models import lines, read
from fake_engines import FakeEngine
from ladder_world import SCHEMES, ladder_job
from sfta.stages import ladder
from sfta.stages.ladder import STAGE
from sfta.stages.scheme_speed import QUALITY, SPEEDS
from sfta_edge.errors import IntegrityError


def test_every_scheme_is_asked_and_compared_with_16_bits(ladder_world):
    job = ladder_job(ladder_world())
    metrics = ladder.run(job)
    record = read(job.out / ladder.RECORD)
    assert [one["scheme"] for one in record["schemes"]] == ["F16", *SCHEMES]
    assert record["questions"] == 12
    assert record["schemes"][1]["differences"]["overall_f1"]["value"] == 0.0
    assert metrics["Q4_0"]["lost"] == []
    assert metrics["verdict"] == record["verdict"]
    assert "loses nothing measurable with 12 questions" in record["verdict"]
    assert FakeEngine.opened[-3:] == ["model-F16.gguf", "model-Q8_0.gguf", "model-Q4_0.gguf"]


def test_the_table_has_a_line_for_each_rung_from_the_adapter_down(ladder_world):
    job = ladder_job(ladder_world())
    ladder.run(job)
    rows = list(csv.DictReader((job.out / ladder.TABLE).read_text().splitlines()))
    assert [row["rung"] for row in rows] == ["adapter", "F16", *SCHEMES]
    assert rows[0]["overall_f1"] == ""
    assert rows[0]["mean_kl"] == "0.001"
    assert (rows[0]["questions"], rows[1]["questions"]) == ("", "12")
    assert float(rows[2]["overall_f1"]) == float(rows[1]["overall_f1"])
    assert (job.out / ladder.PICTURE).read_bytes().startswith(b"\x89PNG")


def test_size_and_speed_of_every_file_are_drawn_beside_its_quality(ladder_world):
    job = ladder_job(ladder_world())
    ladder.run(job)
    assert set(read(job.out / SPEEDS)["schemes"]) == {"F16", *SCHEMES}
    assert (job.out / QUALITY).read_bytes().startswith(b"\x89PNG")


def test_files_answer_with_the_settings_of_the_report(ladder_world):
    made = ladder_world(second=b"damaged by rounding")
    FakeEngine.biases.clear()
    ladder.run(ladder_job(made))
    settings = read(made[1]["report"].file("report.json"))["settings"]
    assert settings["refusal_threshold"] != 0.5
    assert len(set(FakeEngine.biases)) == 1
    assert FakeEngine.biases[0] != 0.0


def test_replies_that_the_report_has_are_not_asked_for_again(ladder_world):
    made = ladder_world()
    FakeEngine.prompts.clear()
    ladder.run(ladder_job(made))
    # One model under three names: the content of all three files is the same.
    assert FakeEngine.prompts == []


def test_a_scheme_that_ships_and_has_lost_is_refused_with_a_better_one(ladder_world):
    made = ladder_world(second=b"damaged by rounding")
    with pytest.raises(
        IntegrityError, match="Q4_0, which is to ship, has measurably lost"
    ) as c:
        ladder.run(ladder_job(made, scheme="Q4_0"))
    assert "evaluate.scheme to Q8_0" in c.value.hint


def test_a_scheme_that_does_not_ship_may_lose_and_is_named(ladder_world):
    job = ladder_job(ladder_world(second=b"damaged by rounding"))
    ladder.run(job)
    last = read(job.out / ladder.RECORD)["schemes"][-1]
    assert last["scheme"] == "Q4_0"
    assert "overall_f1" in last["lost"]
    assert read(job.out / ladder.RECORD)["verdict"].startswith("Q8_0 is the smallest")


def test_an_interrupted_ladder_goes_on_where_it_was(ladder_world):
    made = ladder_world(second=b"damaged by rounding")
    job = ladder_job(made)
    FakeEngine.prompts.clear()
    FakeEngine.breaks_after = 3
    with pytest.raises(ConnectionError):
        ladder.run(job)
    FakeEngine.breaks_after = None
    ladder.run(ladder_job(made, attempt="3"))
    assert len(FakeEngine.prompts) <= 3 + 12


def test_questions_that_cannot_be_read_are_said_first(ladder_world):
    job = ladder_job(ladder_world())
    assert list(STAGE.check(job.recipe, job.runtime)) == []
    (job.recipe.root / "questions.jsonl").write_bytes(lines([{"id": "q"}]))
    (problem,) = STAGE.check(job.recipe, job.runtime)
    assert problem.startswith("evaluate.questions:")
