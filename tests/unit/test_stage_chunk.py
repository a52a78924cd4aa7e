"""Stage chunk: documents in, chunks and their figures out."""

import pytest

from chunk_jobs import FIRST, SECOND, WordTokenizer, document, job_for, recipe_with, records
from sfta.core.stage import Runtime
from sfta.stages import chunk
from sfta_edge.documents.records import chunk_id
from sfta_edge.errors import ConfigError
from sfta_edge.knowledge_checks import check_chunk
from sfta_edge.manifest import Manifest

pytestmark = pytest.mark.usefixtures("word_tokens")


def test_chunks_carry_their_document_page_heading_and_length(tmp_path):
    job = job_for(tmp_path, FIRST, SECOND)
    metrics = chunk.run(job)
    found = records(job.out / "chunks.jsonl")
    assert [(c["document_id"], c["page"], c["heading"], c["ordinal"]) for c in found[:3]] == [
        (FIRST["id"], 1, "1 Start", 0),
        (FIRST["id"], 2, "1 Start", 1),
        (FIRST["id"], 2, "2 Stop", 2),
    ]
    assert [c["title"] for c in found] == ["Manual a"] * 3 + ["Manual b"] * 3
    assert found[0]["tokens"] == 32
    assert metrics == {
        "documents": 2,
        "pages": 3,
        "chunks": 6,
        "tokens": sum(c["tokens"] for c in found),
        "tokens_shortest": min(c["tokens"] for c in found),
        "tokens_median": sorted(c["tokens"] for c in found)[2],
        "tokens_p95": max(c["tokens"] for c in found),
        "tokens_longest": max(c["tokens"] for c in found),
        "near_duplicates": 0,
        "flagged": 0,
    }


def test_chunks_are_what_the_knowledge_file_accepts(tmp_path):
    job = job_for(tmp_path, FIRST, SECOND)
    chunk.run(job)
    documents = {d["id"]: d for d in records(job.out / "documents.jsonl")}
    found = records(job.out / "chunks.jsonl")
    for record in found:
        pages = {p["number"]: p["text"] for p in documents[record["document_id"]]["pages"]}
        check_chunk(record, record["document_id"], pages)
    assert len({record["id"] for record in found}) == len(found)


def test_the_documents_go_along_without_their_blocks(tmp_path):
    job = job_for(tmp_path, FIRST)
    chunk.run(job)
    (kept,) = records(job.out / "documents.jsonl")
    assert {k: v for k, v in kept.items() if k != "pages"} == {
        k: v for k, v in FIRST.items() if k != "pages"
    }
    assert [set(page) for page in kept["pages"]] == [
        {"number", "text", "width", "height", "lines"}
    ] * 2


def test_the_limit_of_the_recipe_holds_in_tokens(tmp_path):
    job = job_for(tmp_path, SECOND, max_tokens=16)
    metrics = chunk.run(job)
    assert metrics["tokens_longest"] <= 16


def test_the_same_documents_give_the_same_bytes(tmp_path):
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        job = job_for(tmp_path / name, FIRST, SECOND)
        chunk.run(job)
        digests.append(Manifest.of(job.out, "corpus", {}).digest)
    assert digests[0] == digests[1]


def test_the_histograms_are_pictures_in_the_corpus(tmp_path):
    job = job_for(tmp_path, FIRST, SECOND)
    chunk.run(job)
    for name in ("chunk_lengths.png", "chunks_per_document.png"):
        assert (job.out / name).read_bytes().startswith(b"\x89PNG")


def test_documents_without_text_are_an_error_with_advice(tmp_path):
    job = job_for(tmp_path, document("a", []))
    with pytest.raises(ConfigError, match="the documents hold no text") as error:
        chunk.run(job)
    assert error.value.hint == "Check ingest.sources."


def test_tokens_are_counted_without_begin_and_end_tokens():
    count = chunk.token_counter(chunk.hub.tokenizer_rules(WordTokenizer()))
    assert count("one two three") == 3
    assert count("") == 0


def test_the_key_names_the_model_of_the_tokenizer(monkeypatch, tmp_path):
    monkeypatch.setattr(chunk.hub, "model_identity", lambda spec, root: f"digest of {spec}")
    assert chunk.STAGE.external(recipe_with(), Runtime()) == "digest of folder"
    assert chunk.STAGE.needs == ("documents",)


def test_a_chunk_id_depends_on_place_and_text():
    ids = {
        chunk_id("d", 1, 0, 4, "text"),
        chunk_id("e", 1, 0, 4, "text"),
        chunk_id("d", 2, 0, 4, "text"),
        chunk_id("d", 1, 1, 5, "text"),
        chunk_id("d", 1, 0, 4, "next"),
    }
    assert len(ids) == 5
    assert all(len(i) == 16 for i in ids)
