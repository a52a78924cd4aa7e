"""A bundle at work: every file is checked before any is used."""

import os
import shutil

import pytest

from sfta_edge.appliance import Appliance, BundleFiles, BundleInfo
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.knowledge_writer import KnowledgeWriter
from sfta_edge.manifest import FileEntry, Manifest
from sfta_edge.seal import seal


def linked_copy(source, target):
    """A copy that shares the large files; tests replace files, they never write into them."""
    shutil.copytree(source, target, copy_function=os.link)
    return target


@pytest.fixture(name="bundle")
def _bundle(small_bundle, tmp_path):
    return linked_copy(small_bundle, tmp_path / "bundle")


def replace(path, content):
    path.unlink()
    path.write_bytes(content)


def test_a_bundle_answers(small_bundle):
    with Appliance.open(small_bundle, threads=1) as appliance:
        assert (appliance.info.name, appliance.info.counter) == ("manuals", 3)
        assert appliance.answerer.settings.top_k == 2
        answer = appliance.answerer.ask("How often is the oil changed?")
    assert answer.hits[0].chunk.id == "oil"
    assert answer.usage["completion_tokens"] <= 24


def test_using_a_bundle_changes_nothing_in_it(small_bundle):
    before = sorted((p, p.stat().st_mtime_ns) for p in small_bundle.rglob("*"))
    with Appliance.open(small_bundle, threads=1) as appliance:
        appliance.answerer.retriever.search("oil", 2)
    assert sorted((p, p.stat().st_mtime_ns) for p in small_bundle.rglob("*")) == before


def test_a_closed_bundle_refuses_instead_of_crashing(small_bundle):
    with Appliance.open(small_bundle, threads=1) as appliance:
        pass
    with pytest.raises(ConfigError, match="closed"):
        appliance.engine.generate([1], max_tokens=1)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    replace(path, bytes(content))


@pytest.mark.parametrize(
    "name", ["model/model-Q4_1.gguf", "embedder/embedder.gguf", "knowledge/knowledge.sqlite"]
)
def test_one_flipped_bit_is_found_before_anything_loads(bundle, name, monkeypatch):
    """Damaged weights would load and answer nonsense."""
    monkeypatch.setattr("sfta_edge.appliance.Embedder", None)
    flip(bundle / name)
    with pytest.raises(IntegrityError, match=f"changed: {name}"):
        Appliance.open(bundle)


def test_a_file_that_is_missing_or_extra_is_refused(bundle):
    (bundle / "extra.txt").write_text("hello")
    (bundle / "prompt.json").unlink()
    with pytest.raises(IntegrityError, match=r"missing: prompt\.json.*not listed: extra\.txt"):
        Appliance.open(bundle)


def resealed(bundle, signing_key, **changes):
    facts = Manifest.read(bundle).facts | changes
    (bundle / "SHA256SUMS").unlink()
    for name in ("manifest.json", "manifest.sig"):
        (bundle / name).unlink()
    seal(bundle, facts, signing_key)
    return bundle


def test_settings_of_another_version_are_refused(bundle, signing_key):
    resealed(bundle, signing_key, answer={"top_k": 4, "beams": 2})
    with pytest.raises(ConfigError, match="answer settings"):
        Appliance.open(bundle)


def test_parts_that_do_not_belong_together_are_refused(bundle, signing_key, smollm2_gguf):
    """The index remembers its embedder; here another file takes the embedder's place."""
    content = (bundle / "embedder/embedder.gguf").read_bytes()
    # A space more at the end of the model's name: it loads, and is another file.
    at = content.index(b"MiniLM")
    replace(bundle / "embedder/embedder.gguf", content[:at] + b"MaxiLM" + content[at + 6 :])
    resealed(bundle, signing_key)
    with pytest.raises(IntegrityError, match="index was made with the embedder"):
        Appliance.open(bundle, threads=1)


def test_a_language_model_in_the_embedders_place_is_refused(bundle, signing_key, smollm2_gguf):
    replace(bundle / "embedder/embedder.gguf", smollm2_gguf.read_bytes())
    resealed(bundle, signing_key)
    with pytest.raises(ConfigError, match="gives no embeddings"):
        Appliance.open(bundle, threads=1)


def entry(path):
    return FileEntry(path, 1, "0" * 64)


PARTS = ("model/m.gguf", "embedder/e.gguf", "knowledge/knowledge.sqlite", "prompt.json")


@pytest.mark.parametrize("missing", PARTS)
def test_a_bundle_without_a_part_is_refused(tmp_path, missing):
    listed = tuple(entry(path) for path in PARTS if path != missing)
    with pytest.raises(IntegrityError, match="0 files"):
        BundleFiles.of(tmp_path, Manifest("bundle", listed))


def test_a_bundle_with_two_models_is_refused(tmp_path):
    listed = tuple(entry(path) for path in (*PARTS, "model/other.gguf"))
    with pytest.raises(IntegrityError, match="2 files"):
        BundleFiles.of(tmp_path, Manifest("bundle", listed))


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("gguf", {"name": "m", "counter": 1}),
        ("bundle", {"counter": 1}),
        ("bundle", {"name": "m"}),
        ("bundle", {"name": 5, "counter": 1}),
        ("bundle", {"name": "m", "counter": "1"}),
    ],
)
def test_a_folder_that_is_no_bundle_is_refused(kind, facts):
    with pytest.raises(IntegrityError, match="no bundle"):
        BundleInfo.of(Manifest(kind, (), facts))


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(IntegrityError, match=r"manifest\.json"):
        Appliance.open(tmp_path)


def test_documents_of_the_device_are_asked_as_well(small_bundle, tmp_path, embedder):
    own = tmp_path / "knowledge.sqlite"
    document, chunk = added("The bay door opens with the green lever.")
    writer = KnowledgeWriter.create(own, embedder.identity)
    writer.add(document, [chunk], embedder.embed([chunk["text"]]))
    writer.close()
    with Appliance.open(small_bundle, threads=1, own=own) as appliance:
        hits = appliance.answerer.ask("What opens the bay door?").hits
    assert "door" in [hit.chunk.id for hit in hits]


def test_a_device_without_documents_of_its_own_asks_the_bundle(small_bundle, tmp_path):
    with Appliance.open(small_bundle, threads=1, own=tmp_path / "none") as appliance:
        assert appliance.answerer.ask("How often is the oil changed?").hits


def added(text):
    page = {"number": 1, "text": text, "width": 1.0, "height": 1.0, "lines": []}
    document = {
        "id": "bay", "name": "bay.txt", "title": "Bay", "sha256": "ab" * 32,
        "media_type": "text/plain", "pages": [page],
    }  # fmt: skip
    chunk = {
        "id": "door", "document_id": "bay", "ordinal": 0, "page": 1, "start": 0,
        "end": len(text), "heading": "", "text": text, "tokens": 9,
    }  # fmt: skip
    return document, chunk
