"""Kinds asked of a model in the stage: they arrive as rows' kinds, whatever came back first."""

import json

import pytest

from fakes import CompletionServer, completion, serving
from sfta.core.artifact import Artifact, writing
from sfta.core.config import build
from sfta.core.stage import Runtime
from sfta.raft import asking
from sfta.raft.candidate import Funnel
from sfta.raft.corpus import CorpusChunk
from sfta.recipe import Recipe
from sfta.stages.inquiries import inquiries, written_candidates
from sfta.stages.teacher_estimate import estimate_asking
from sfta_edge.manifest import canonical_json

TEXTS = [f"The safety valve SV-{n} opens at {n}.7 bar." for n in range(6)]
CHUNKS = [
    CorpusChunk(f"c{n}", f"d{n % 2}", "Manual", 1, 0, len(text), "1 Valve", text)
    for n, text in enumerate(TEXTS)
]
ENDPOINT = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m"}


def recipe(kinds, **teacher):
    generate = {"teacher": {**ENDPOINT, "questions_per_chunk": 1, **teacher},
                "questions": {"kinds": kinds}}  # fmt: skip
    settings = {"name": "pumps", "ingest": {"sources": ["x"]}, "model": {"base": "x"},
                "generate": generate}  # fmt: skip
    return build(Recipe, settings, name="recipe")


def answered(body, _number):
    text = body["messages"][1]["content"].split("<<<\n")[1].split("\n>>>")[0]
    good = {"number": 1, "question": f"Does it say this: {text}", "quotes": [text],
            "evidence": text, "reason": "It says so.", "answer": "Yes",
            "other_answers": []}  # fmt: skip
    return completion(json.dumps({"items": [good, {"number": 7, "of": text}]}), tokens=(9, 4))


def written(server, cache, kinds=("yes_no",), chunks=CHUNKS, **teacher):
    funnel = Funnel()
    with serving(server) as url:
        settings = recipe(list(kinds), base_url=url, **teacher)
        return written_candidates(chunks, settings, Runtime(cache=cache), funnel), funnel


def test_kinds_asked_for_come_back_with_their_kind(tmp_path):
    server = CompletionServer(answered)
    (found,), funnel = written(server, tmp_path, chunks=CHUNKS[:1])
    assert (found.kind, found.form, found.answer) == ("yes_no", "yes_no", "Yes")
    assert [r.reason for r in funnel.rejected] == ["unreadable item"]
    assert funnel.entered == 1
    assert "yes or no" in server.seen[0]["messages"][1]["content"]
    assert server.seen[0]["response_format"]["json_schema"]["schema"] == asking.SCHEMA


def test_what_cannot_be_read_is_kept_in_the_order_of_the_chunks(tmp_path):
    found, funnel = written(CompletionServer(answered), tmp_path, concurrency=6)
    assert [c.chunk_id for c in found] == [chunk.id for chunk in CHUNKS]
    assert [r.candidate.chunk_id for r in funnel.rejected] == [chunk.id for chunk in CHUNKS]


@pytest.mark.parametrize(
    ("reply", "finish", "why", "kept"),
    [
        ("no JSON", "stop", "unreadable", ["unreadable reply"]),
        ('{"items": [{"num', "length", "cut", ["unreadable reply"]),
        ('{"items": [3]}', "stop", "unusable", ["unreadable item"]),
        ('{"items": []}', "stop", "empty", []),
        ("", "content_filter", "filtered", []),
    ],
)
def test_a_chunk_without_a_question_has_a_reason_and_its_reply_is_kept(
    tmp_path, reply, finish, why, kept
):
    server = CompletionServer(lambda _body, _number: completion(reply, finish))
    found, funnel = written(server, tmp_path, chunks=CHUNKS[:1])
    assert found == []
    assert funnel.notes["teacher"]["chunks_without"] == {why: 1}
    assert [r.reason for r in funnel.rejected] == kept


def test_which_chunks_are_asked_about_together_does_not_depend_on_the_order_of_asking():
    kinds = ["multi_chunk"]
    made = recipe(kinds)
    plans = asking.plans(CHUNKS, made.generate.questions, 1, made.seed)
    wanted = {json.dumps(asking.messages_of(plan)) for plan in plans}
    assert {json.dumps(i.request().messages) for i in inquiries(CHUNKS, made)} == wanted


def test_an_estimate_counts_the_requests_that_kinds_lead_to(tmp_path):
    with writing(tmp_path / "c", "corpus", {}) as out:
        lines = [canonical_json({n: getattr(c, n) for n in c.__slots__}) for c in CHUNKS]
        (out / "chunks.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    corpus, cache = Artifact.open(tmp_path / "c"), tmp_path / "cache"
    server = CompletionServer(answered)
    with serving(server) as url:
        settings = recipe(["yes_no"], base_url=url)
        guess = estimate_asking(settings, corpus, cache)
        written_candidates(CHUNKS, settings, Runtime(cache=cache), Funnel())
        after = estimate_asking(settings, corpus, cache)
    assert (guess.calls, guess.completion_tokens) == (6, 900)
    assert (after.calls, after.on_disk) == (0, 6)
    assert len(server.seen) == 6
