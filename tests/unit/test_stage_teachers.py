"""Teachers of the stage generate: what is asked, what came of each chunk, what it would cost."""

import json

import pytest

from fakes import CompletionServer, completion, serving
from sfta.core.artifact import Artifact, writing
from sfta.core.config import build
from sfta.core.stage import Runtime
from sfta.documents.config import IngestConfig
from sfta.raft.candidate import Funnel
from sfta.raft.corpus import CorpusChunk
from sfta.recipe import Recipe
from sfta.stages.asking import endpoint_of
from sfta.stages.generate import STAGE
from sfta.stages.inquiries import asking_order, inquiries, written_candidates
from sfta.stages.teacher_estimate import corpus_of, estimate_asking
from sfta.stages.teachers import teacher_of
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import canonical_json

CHUNKS = [
    CorpusChunk(f"c{n}", f"d{n // 4}", "Manual", 1, 0, 40, "Data", f"Pump {n} weighs {n}5 kg.")
    for n in range(8)
]


ENDPOINT = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m", "attempts": 1}


def recipe(teacher=None, *, only=False, **generate):
    teacher = {**({} if only else ENDPOINT), **(teacher or {})}
    settings = {"name": "pumps", "ingest": {"sources": ["x"]}, "model": {"base": "x"},
                "generate": {"teacher": teacher, **generate}}  # fmt: skip
    return build(Recipe, settings, name="recipe")


def written(body, _number):
    text = body["messages"][1]["content"].split("<<<\n")[1].split("\n>>>")[0]
    number = text.split()[1]
    item = {"question": f"How heavy is pump {number}?", "quote": text,
            "answer": text.split(" weighs ")[1]}  # fmt: skip
    return completion(json.dumps({"answerable": [item], "unanswerable": []}), tokens=(90, 30))


def ask(settings, cache, chunks=CHUNKS):
    funnel = Funnel()
    return written_candidates(chunks, settings, Runtime(cache=cache), funnel), funnel


def test_candidates_come_in_the_order_of_the_chunks_whatever_was_asked_first(tmp_path):
    server = CompletionServer(written)
    with serving(server) as url:
        found, funnel = ask(recipe({"base_url": url}), tmp_path)
    assert [c.chunk_id for c in found] == [chunk.id for chunk in CHUNKS]
    assert [chunk.id for chunk in asking_order(CHUNKS, 7)] != [chunk.id for chunk in CHUNKS]
    assert funnel.notes["teacher"]["chunks_with_questions"] == 8


def test_every_chunk_without_a_question_has_a_reason_and_is_not_asked_again(tmp_path):
    nothing = {"answerable": [], "unanswerable": []}
    server = CompletionServer(written)
    server.answers = [
        (200, completion("", "content_filter"), {}),
        (200, completion("no JSON"), {}),
        (200, completion(json.dumps(nothing)), {}),
        (200, completion('{"answerable": [', "length"), {}),
        (200, completion(None, refusal="No."), {}),
    ]
    with serving(server) as url:
        settings = recipe({"base_url": url, "concurrency": 1})
        first, funnel = ask(settings, tmp_path)
        again, second = ask(settings, tmp_path)
    assert len(server.seen) == 8
    assert first == again
    assert funnel.notes == second.notes
    note = funnel.notes["teacher"]
    assert note["chunks_without"] == {
        "cut": 1, "empty": 1, "filtered": 1, "refused": 1, "unreadable": 1}  # fmt: skip
    ids = {chunk for some in note["examples_without"].values() for chunk in some}
    assert ids | {c.chunk_id for c in first} == {chunk.id for chunk in CHUNKS}
    assert (funnel.facts["from_disk"], second.facts["from_disk"]) == (0, 8)


def test_a_teacher_whose_context_is_too_short_for_every_chunk_ends_the_run(tmp_path):
    server = CompletionServer()
    server.answers = [(400, {"error": {"code": "context_length_exceeded"}}, {})] * 8
    with serving(server) as url, pytest.raises(ConfigError, match="no chunk fits"):
        ask(recipe({"base_url": url}), tmp_path)


def test_a_budget_is_spread_over_documents_and_is_said_in_the_funnel(tmp_path):
    price = {"m": {"prompt": 100.0, "completion": 400.0, "currency": "EUR"}}
    with serving(CompletionServer(written)) as url:
        teacher = {"base_url": url, "max_output_tokens": 40}
        (first, *_) = inquiries(CHUNKS, recipe(teacher))
        room = teacher_of(recipe(teacher), Runtime()).most(first.request()).total + 400
        settings = recipe(teacher, prices=price, budget={"tokens": room})
        found, funnel = ask(settings, tmp_path)
    note = funnel.notes["teacher"]
    asked = 8 - note["not_asked"]
    assert 1 < asked < 8
    assert note["stopped_by"] == "tokens"
    assert note["chunks_without"] == {"not_asked": note["not_asked"]}
    assert len({chunk.split("c")[1] < "4" for chunk in (c.chunk_id for c in found)}) == 2
    assert funnel.facts["cost"] == pytest.approx(asked * (90 * 100 + 30 * 400) / 1e6)
    assert funnel.facts["currency"] == "EUR"


def test_the_endpoint_takes_every_setting_of_the_recipe():
    teacher = recipe({
        "api_version": "2024-10-21", "identity": "azure", "attempts": 2, "concurrency": 9,
        "requests_per_minute": 60, "tokens_per_minute": 9000, "timeout_seconds": 7,
    }).generate.teacher  # fmt: skip
    endpoint = endpoint_of(teacher)
    assert endpoint.azure_identity
    for name in ("api_version", "attempts", "concurrency", "requests_per_minute",
                 "tokens_per_minute", "timeout_seconds", "max_output_tokens"):  # fmt: skip
        assert getattr(endpoint, name) == getattr(teacher, name)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"teacher": {"base_url": "https://x/v1?api-key=1"}}, "base_url"),
        ({"teacher": {"base_url": "https://me:pass@x/v1"}}, "user name or password"),
        ({"teacher": {"identity": "azure", "api_key_env": "K"}}, "one of api_key_env"),
        ({"budget": {"money": 5.0}}, "price of teacher.model"),
        ({"budget": {"tokens": 0}}, "greater than 0"),
        ({"prices": {"m": {"prompt": -1.0, "completion": 1.0}}}, "prompt"),
    ],
)
def test_settings_that_cannot_be_meant_are_errors(settings, said):
    with pytest.raises(ConfigError, match=said):
        recipe(**settings)


def test_a_local_file_that_is_not_there_is_found_before_anything_runs():
    teacher = {"kind": "gguf", "model": "./nothing.gguf"}
    settings = recipe(teacher, only=True)
    assert "nothing.gguf" in STAGE.check(settings, Runtime())[0]


def corpus(folder, chunks=CHUNKS):
    with writing(folder, "corpus", {}) as out:
        lines = [
            canonical_json({name: getattr(c, name) for name in c.__slots__}) for c in chunks
        ]
        (out / "chunks.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return Artifact.open(folder)


PRICES = {"m": {"prompt": 2.0, "completion": 8.0}}


def test_an_estimate_asks_nothing_and_bounds_what_asking_comes_to(tmp_path):
    server = CompletionServer(written)
    with serving(server) as url:
        settings = recipe({"base_url": url, "api_key_env": "NOT_SET"}, prices=PRICES)
        twice = [*CHUNKS, CorpusChunk("c9", "d9", "Manual", 9, 0, 40, "Data", CHUNKS[0].text)]
        guess = estimate_asking(
            settings, corpus(tmp_path / "corpus", twice), tmp_path / "cache"
        )
        assert server.seen == []
        asked = recipe({"base_url": url}, prices=PRICES)
        _, funnel = ask(asked, tmp_path / "cache")
    note = funnel.notes["teacher"]
    assert (guess.chunks, guess.calls, guess.repeated, guess.on_disk) == (9, 8, 1, 0)
    assert guess.most_prompt_tokens >= note["prompt_tokens"]
    assert guess.most_completion_tokens == 8 * 1024
    assert guess.most_cost > guess.cost > 0
    assert guess.currency == "USD"


def test_an_estimate_is_scaled_by_the_replies_on_disk(tmp_path):
    with serving(CompletionServer(written)) as url:
        settings = recipe({"base_url": url}, prices=PRICES)
        ask(settings, tmp_path / "cache", CHUNKS[:6])
        estimate = estimate_asking(settings, corpus(tmp_path / "c"), tmp_path / "cache")
    assert (estimate.calls, estimate.on_disk, estimate.measured_on) == (2, 6, 6)
    assert estimate.prompt_tokens == pytest.approx(180, abs=4)
    assert estimate.completion_tokens == 60


@pytest.mark.parametrize(
    ("tokens", "verdict"), [(10_000_000, "fits"), (9000, "may end early"), (500, "ends early")]
)
def test_an_estimate_says_what_the_budget_will_do(tmp_path, tokens, verdict):
    settings = recipe(budget={"tokens": tokens})
    assert estimate_asking(settings, corpus(tmp_path / "c"), tmp_path).budget == verdict


def test_rules_cost_nothing(tmp_path):
    settings = recipe().model_copy(update={"generate": type(recipe().generate)()})
    estimate = estimate_asking(settings, corpus(tmp_path / "c"), tmp_path)
    assert (estimate.teacher, estimate.chunks, estimate.calls) == ("extractive", 8, 0)


def test_an_estimate_makes_no_corpus(tmp_path):
    (tmp_path / "manual.md").write_text("# Pump\n\nThe pump weighs 3 kg.\n", "utf-8")
    settings = recipe().model_copy(
        update={"ingest": IngestConfig(sources=[str(tmp_path / "manual.md")])}
    )
    with pytest.raises(ConfigError, match="no chunks yet"):
        corpus_of(settings, Runtime(runs=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()
