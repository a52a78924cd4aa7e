"""The documents in a bundle are the ones that were read, or there is no bundle."""

import hashlib
from dataclasses import replace

import pytest

from bundle_inputs import artifact
from sfta.stages import bundle
from sfta.stages.originals import copy_originals
from sfta_edge.bundle import verify_bundle
from sfta_edge.errors import ConfigError
from sfta_edge.knowledge import write_knowledge
from sfta_edge.signature import load_public_key

pytestmark = pytest.mark.usefixtures("known_licences")

PDF = b"%PDF-1.7 manual"


class Identity:
    name, sha256, dimension = "e", "0" * 64, 4


def knowledge(path, **contents):
    """A knowledge file of documents without chunks; keys are names, dots spelled as underscores."""
    documents = [
        {
            "id": name,
            "name": name.replace("_", "."),
            "title": name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "media_type": "application/pdf" if name.endswith("pdf") else "text/html",
            "pages": [],
        }
        for name, content in contents.items()
    ]
    import numpy as np

    write_knowledge(path, documents, [], np.zeros((0, 4), np.float32), Identity())
    return path


@pytest.fixture(name="asked")
def _asked(bundle_job, tmp_path):
    """The stage's job with sources in a folder of their own."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "manual.pdf").write_bytes(PDF)
    (tmp_path / "sources" / "page.html").write_bytes(b"<p>hello")
    recipe = bundle_job.recipe.model_copy(
        update={
            "ingest": bundle_job.recipe.ingest.model_copy(update={"sources": ["sources"]}),
            "bundle": bundle_job.recipe.bundle.model_copy(update={"originals": True}),
        }
    )
    recipe._root = tmp_path
    return replace(bundle_job, recipe=recipe)


def test_a_pdf_stands_in_the_bundle_under_its_digest(asked, tmp_path):
    known = knowledge(tmp_path / "k.sqlite", manual_pdf=PDF, page_html=b"<p>hello")
    assert copy_originals(asked, known, tmp_path) == 1
    names = [path.name for path in (tmp_path / "documents").iterdir()]
    assert names == [hashlib.sha256(PDF).hexdigest() + ".pdf"]
    assert (tmp_path / "documents" / names[0]).read_bytes() == PDF


def test_a_document_that_changed_since_it_was_read_is_refused(asked, tmp_path):
    known = knowledge(tmp_path / "k.sqlite", manual_pdf=b"%PDF-1.7 of yesterday")
    with pytest.raises(ConfigError, match=r"manual\.pdf has changed"):
        copy_originals(asked, known, tmp_path)


def test_an_attachment_has_no_file_of_its_own(asked, tmp_path):
    known = knowledge(tmp_path / "k.sqlite", attached_pdf=b"%PDF inside a letter")
    assert copy_originals(asked, known, tmp_path) == 0
    assert not (tmp_path / "documents").exists()


def test_the_signed_bundle_lists_the_documents(asked, tmp_path):
    folder = tmp_path / "other-index"
    folder.mkdir()
    knowledge(folder / "knowledge.sqlite", manual_pdf=PDF)
    index = artifact(folder, "index", {"embedder.gguf": "embedder"}, key="index-key")
    inputs = asked.inputs | {"index": index}
    inputs["report"] = report_on(inputs, tmp_path)
    metrics = bundle.run(replace(asked, inputs=inputs))
    key = load_public_key(tmp_path / "maker.pem")
    listed = {entry.path for entry in verify_bundle(asked.out / "bundle", key).files}
    assert metrics["originals"] == 1
    assert f"documents/{hashlib.sha256(PDF).hexdigest()}.pdf" in listed


def report_on(inputs, folder):
    import json

    report = json.loads(inputs["report"].file("report.json").read_bytes())
    report["settings"]["inputs"]["index"] = inputs["index"].digest
    texts = {
        "report.json": json.dumps(report), "report.html": "<p>report</p>", "answers.jsonl": "",
    }  # fmt: skip
    return artifact(folder / "other-report", "report", texts)
