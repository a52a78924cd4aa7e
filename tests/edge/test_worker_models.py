"""What the worker loads, and asking for many texts at once."""

import hashlib

import pytest

from sfta_edge.batching.engine import BatchEngine
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.generation import Limits, drain
from sfta_edge.request import tokenize_all
from sfta_edge.worker import models as models_module
from sfta_edge.worker.failures import FrameError
from sfta_edge.worker.models import Models, WorkerFiles
from sfta_edge.worker.readiness import WorkerFacts
from watched_workers import FACTS


@pytest.fixture(scope="module")
def models(smollm2_gguf, embedder_gguf):
    files = WorkerFiles(smollm2_gguf, embedder_gguf, context_tokens=128, threads=1, parallel=2)
    loaded = Models.load(files)
    yield loaded
    loaded.close()


def test_both_are_loaded_and_told(models, embedder):
    facts = WorkerFacts.of(models.facts())
    assert facts.name == models.engine.name
    assert facts.context_tokens == 128
    assert facts.embedder == embedder.identity
    assert facts.threads == 1


def test_the_engine_serves_many_and_counts(models):
    assert isinstance(models.engine, BatchEngine)
    assert models.engine.capacity.parallel == 2
    before = models.stats()["finished"]
    drain(models.engine.stream(models.engine.tokenize("A pump"), Limits(1)))
    assert models.stats()["finished"] == before + 1


def test_the_digest_is_that_of_the_file_and_read_once(models, smollm2_gguf, monkeypatch):
    expected = hashlib.sha256(smollm2_gguf.read_bytes()).hexdigest()
    assert models.digest() == expected
    monkeypatch.setattr(models_module, "sha256_file", None)
    assert models.digest() == expected


def test_a_broken_embedder_frees_the_engine_as_well(smollm2_gguf, tmp_path, monkeypatch):
    closed, close = [], BatchEngine.close

    def recorded(engine):
        closed.append(engine)
        close(engine)

    monkeypatch.setattr(BatchEngine, "close", recorded)
    path = tmp_path / "embedder.gguf"
    path.write_bytes(b"no embedder")
    with pytest.raises(IntegrityError):
        Models.load(WorkerFiles(smollm2_gguf, path, context_tokens=64, threads=1))
    assert len(closed) == 1


def test_an_embedder_that_is_a_language_model_is_refused(smollm2_gguf):
    with pytest.raises(ConfigError, match="no embeddings"):
        Models.load(WorkerFiles(smollm2_gguf, smollm2_gguf, context_tokens=64, threads=1))


@pytest.mark.parametrize("field", ["name", "context_tokens", "threads", "variant"])
@pytest.mark.parametrize("value", [None, [], {}, -1, 1.5, True])
def test_facts_of_another_form_are_refused(field, value):
    with pytest.raises(FrameError):
        WorkerFacts.of({**FACTS, field: value})


@pytest.mark.parametrize("field", ["name", "context_tokens", "embedder"])
def test_what_may_not_change_is_part_of_the_identity(field):
    other = {"name": "other", "context_tokens": 65, "embedder": None}[field]
    changed = WorkerFacts.of({**FACTS, field: other})
    assert changed.identity != WorkerFacts.of(FACTS).identity


@pytest.mark.parametrize("field", ["threads", "variant"])
def test_how_it_computes_may_change(field):
    other = {"threads": 2, "variant": "zen4"}[field]
    changed = WorkerFacts.of({**FACTS, field: other})
    assert changed.identity == WorkerFacts.of(FACTS).identity


class OneByOne:
    def tokenize(self, text, special=False):
        return [len(text)]


class Together(OneByOne):
    asked = 0

    def tokenize_many(self, texts):
        self.asked += 1
        return [self.tokenize(text) for text in texts]


def test_texts_are_asked_for_together_where_that_is_offered():
    engine = Together()
    assert tokenize_all(engine, ["a", "bb"]) == [[1], [2]]
    assert engine.asked == 1
    assert tokenize_all(OneByOne(), ["a", "bb"]) == [[1], [2]]
