"""A device with documents behind the Edge API, called as one person or another."""

import pytest
from flask import Flask, request

from handed_in_files import PassageWords
from sfta_edge.api.calls import set_caller
from sfta_edge.api.documents import add_documents
from sfta_edge.caller import Caller
from sfta_edge.guard import protect
from sfta_edge.knowledge import write_knowledge
from sfta_edge.library.library import Library
from sfta_edge.library.limits import StoreLimits
from sfta_edge.library.page_images import PageImages
from sfta_edge.retriever import Retriever
from word_retriever import page as typed_page

MOST = 200_000
LIMITS = StoreLimits(file_bytes=MOST, reserve_bytes=0)
OIL = b"# Oil\n\nThe oil is changed every 2000 hours.\n"
CALLERS = {
    "admin": Caller("admin", "admin"),
    "ada": Caller("ada", "editor", frozenset({"a"})),
    "bob": Caller("bob", "editor", frozenset({"b"})),
    "rita": Caller("rita", "reader", frozenset({"a"})),
    "guest": Caller("guest", "reader"),
}
BUNDLED = {
    "id": "bundled",
    "name": "manual.pdf",
    "title": "Operator manual",
    "sha256": "ab" * 32,
    "media_type": "application/pdf",
    "pages": [typed_page(["Press the green button."])],
}
CHUNK = {
    "id": "c1",
    "document_id": "bundled",
    "ordinal": 0,
    "page": 1,
    "start": 0,
    "end": 23,
    "heading": "",
    "text": "Press the green button.",
    "tokens": 6,
}


class Device:
    """A library and its application; a call says as whom it is made."""

    def __init__(self, folder):
        self.folder = folder
        self.embedder = PassageWords()
        self.bundle = folder / "bundle.sqlite"
        vectors = self.embedder.embed([CHUNK["text"]])
        write_knowledge(self.bundle, [BUNDLED], [CHUNK], vectors, self.embedder.identity)
        self.retriever = None
        self.library = Library(
            folder / "data",
            self.embedder,
            store_limits=LIMITS,
            on_change=self.reload,
        )
        self.reload()
        folders = [folder / "data/files", folder / "documents"]
        images = PageImages(folder / "pages", folders)
        self.app = Flask(__name__)
        self.app.config["MAX_CONTENT_LENGTH"] = 1000
        protect(self.app, frozenset({"localhost"}))
        self.app.before_request(lambda: set_caller(CALLERS.get(request.headers.get("Who", ""))))
        add_documents(self.app, self.library, self, images, file_bytes=MOST)
        self.client = self.app.test_client()
        self.library.start()

    def reload(self):
        paths = [self.bundle, *([self.library.ready] if self.library_is_ready() else [])]
        old, self.retriever = self.retriever, Retriever(paths, self.embedder)
        if old:
            old.close()

    def library_is_ready(self):
        return getattr(self, "library", None) is not None and self.library.ready

    def documents(self, view):
        return self.retriever.documents(view)

    def document(self, document_id, view):
        return self.retriever.document(document_id, view)

    def page(self, document_id, number, view):
        return self.retriever.page(document_id, number, view)

    def close(self):
        self.library.close()
        self.retriever.close()

    def get(self, path, who="admin"):
        return self.client.get(path, headers={"Who": who}, buffered=True)

    def delete(self, path, who="admin"):
        return self.client.delete(path, headers={"Who": who})

    def post(self, raw=OIL, who="admin", headers=None, **query):
        query = {"name": "oil.md", **query}
        return self.client.post(
            "/v1/documents",
            data=raw,
            query_string=query,
            headers={"Who": who, **(headers or {})},
        )

    def add(self, raw=OIL, who="admin", **query):
        job = self.post(raw, who, **query).get_json()["job"]
        assert self.library.wait(60)
        return self.get(f"/v1/jobs/{job['id']}").get_json()["document_id"]


@pytest.fixture
def documents_device(tmp_path):
    made = Device(tmp_path)
    yield made
    made.close()


def names(answer):
    return [document["name"] for document in answer.get_json()["documents"]]
