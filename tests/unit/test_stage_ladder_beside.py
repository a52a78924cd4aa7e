"""What is no GGUF file answers some of the questions too, where the recipe wants it."""

import csv
import json
from dataclasses import replace

import pytest

from evaluated_models import QUESTIONS, artifact, read
from fake_engines import FakeEngine
from ladder_world import SCHEMES, ladder_job, rung
from sfta.core.stage import key_of, select
from sfta.recipe import Recipe
from sfta.stages import ladder, ladder_rungs
from sfta.stages.config import LadderConfig
from sfta.stages.pipeline import STAGES, stages_beside


@pytest.fixture
def beside(ladder_world, monkeypatch):
    """A job whose other forms of the model are fake files too."""
    root, inputs = ladder_world()
    forms = {}

    def opens(_job, make):
        """Which form it is shows in what would be loaded."""
        name = str(make)
        kind = "adapter" if "load_trained" in name else "merged"
        kind = "onnx" if "OnnxStepper" in name else kind
        path = root / f"form-{kind}"
        path.write_bytes(forms.get(kind, b"trained"))
        return lambda context: FakeEngine(path, context_tokens=context)

    monkeypatch.setattr(ladder_rungs, "_opens", opens)
    monkeypatch.setattr(ladder_rungs.hub, "resolve_model", lambda *_, **__: root)
    monkeypatch.setattr(ladder_rungs.hub, "model_identity", lambda *_, **__: "base")
    onnx_rungs = [rung("int4"), rung("fp16")]
    inputs["adapter"] = artifact(root / "trained", "adapter", {"adapter.bin": b"a"})
    for scheme in ("int4", "fp16"):
        folder = root / "made" / f"model-{scheme}"
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(b"graph" * (2 if scheme == "fp16" else 1))
    files = {"parity.json": json.dumps({"rungs": onnx_rungs}).encode()}
    inputs["onnx"] = artifact(root / "made", "onnx", files)

    def build(attempt="2", scheme="Q8_0", *, onnx=True, **settings):
        job = ladder_job((root, dict(inputs)), scheme, attempt)
        config = LadderConfig.model_validate({"onnx": onnx, **settings})
        recipe = job.recipe.model_copy(update={"ladder": config})
        recipe._root = job.recipe._root
        needs = ladder.stage_for(recipe).needs
        return replace(job, recipe=recipe, inputs={kind: job.inputs[kind] for kind in needs})

    build.forms = forms
    return build


EVERY = ["adapter", "merged", "onnx"]


def test_adapter_merged_model_and_onnx_answer_and_are_compared(beside):
    job = beside(task_rungs=EVERY)
    metrics = ladder.run(job)
    record = read(job.out / ladder.RECORD)
    names = [one["scheme"] for one in record["beside"]]
    assert names == ["adapter", "merged", "ONNX int4", "ONNX fp16"]
    assert [one["scheme"] for one in record["schemes"]] == ["F16", *SCHEMES]
    for one in record["beside"]:
        assert one["differences"]["overall_f1"]["value"] == 0.0
        assert one["questions"] == len(QUESTIONS)
    assert metrics["ONNX int4"]["lost"] == []


def test_all_rungs_stand_in_one_table_and_one_picture(beside):
    job = beside(task_rungs=EVERY)
    ladder.run(job)
    rows = list(csv.DictReader((job.out / ladder.TABLE).read_text().splitlines()))
    assert [row["rung"] for row in rows] == [
        "adapter", "merged", "F16", *SCHEMES, "ONNX int4", "ONNX fp16",
    ]  # fmt: skip
    assert rows[1]["mean_kl"] == ""
    assert all(row["overall_f1"] for row in rows)
    assert rows[-1]["quote_validity_interval"] == "[0.0, 0.0]"
    assert (job.out / ladder.PICTURE).read_bytes().startswith(b"\x89PNG")


def test_onnx_is_in_the_table_without_answering(beside):
    job = beside()
    ladder.run(job)
    rows = list(csv.DictReader((job.out / ladder.TABLE).read_text().splitlines()))
    assert [row["rung"] for row in rows][-2:] == ["ONNX int4", "ONNX fp16"]
    assert rows[-1]["top1"] == "0.97"
    assert rows[-1]["overall_f1"] == ""
    assert read(job.out / ladder.RECORD)["beside"] == []


def test_nothing_of_it_is_there_by_default(beside):
    job = beside(onnx=False)
    FakeEngine.opened.clear()
    ladder.run(job)
    assert {"onnx", "adapter"} & set(job.inputs) == set()
    assert FakeEngine.opened == ["model-F16.gguf", "model-Q8_0.gguf", "model-Q4_0.gguf"]


def test_they_answer_as_many_questions_as_they_are_given(beside):
    job = beside(task_rungs=["merged"], task_questions=5)
    FakeEngine.prompts.clear()
    ladder.run(job)
    record = read(job.out / ladder.RECORD)
    assert record["beside"][0]["questions"] == 5
    assert {one["questions"] for one in record["schemes"]} == {len(QUESTIONS)}
    assert len(FakeEngine.prompts) == 5


def test_a_loss_is_found_on_the_same_questions_and_ends_nothing(beside):
    """What ships is a GGUF file: the others are looked at."""
    beside.forms["onnx"] = b"damaged"
    job = beside(task_rungs=["merged", "onnx"], task_questions=8)
    ladder.run(job)
    merged, int4, _ = read(job.out / ladder.RECORD)["beside"]
    assert merged["lost"] == []
    assert "overall_f1" in int4["lost"]
    assert int4["differences"]["overall_f1"]["interval"][1] < 0
    assert read(job.out / ladder.RECORD)["verdict"].startswith("Q4_0 is the smallest")


def test_their_replies_are_kept_and_told_apart(beside):
    ladder.run(beside(task_rungs=EVERY))
    FakeEngine.prompts.clear()
    ladder.run(beside("3", task_rungs=EVERY))
    assert FakeEngine.prompts == []
    job = beside(task_rungs=EVERY, attempt="4")
    identities = [one.identity for one in ladder_rungs.further_rungs(job)]
    assert len(set(identities)) == 4


def settings_of(**config):
    return Recipe.model_validate(
        {"name": "a", "ingest": {"sources": ["x"]}, "model": {"base": "x"}, **config}
    )


@pytest.mark.parametrize(
    ("config", "also"),
    [
        ({}, set()),
        ({"onnx": True}, {"export-onnx"}),
        ({"task_rungs": ["merged"]}, set()),
        ({"onnx": True, "task_rungs": ["adapter", "onnx"]}, {"export-onnx"}),
    ],
)
def test_onnx_is_made_first_where_it_is_to_be_shown(config, also):
    recipe = settings_of(ladder=config)
    chosen = [stage.name for stage in select((*STAGES, *stages_beside(recipe)), "ladder")]
    assert set(chosen) - {stage.name for stage in STAGES} == {"ladder", *also}
    assert chosen[-1] == "ladder"


def test_what_is_shown_is_in_the_key(beside):
    jobs = [beside("2"), beside("3", onnx=False), beside("4", task_rungs=["merged"]),
            beside("5", task_rungs=["adapter"])]  # fmt: skip
    keys = {
        key_of(ladder.stage_for(job.recipe), job.recipe, job.inputs, job.runtime)
        for job in jobs
    }
    assert len(keys) == len(jobs)


@pytest.mark.parametrize(
    "config",
    [
        {"ladder": {"task_rungs": ["onnx"]}},
        {"ladder": {"task_rungs": ["merged", "merged"]}},
        {"ladder": {"task_rungs": ["base"]}},
        {"ladder": {"task_questions": 0}},
        {"ladder": {"task_rungs": ["adapter"]}, "train": {"method": "full"}},
        {"ladder": {"task_rungs": ["adapter"]}, "merge": {"weight": 0.5}},
    ],
)
def test_what_makes_no_sense_is_refused(config):
    with pytest.raises(ValueError, match=r"ladder|adapter"):
        settings_of(**config)
