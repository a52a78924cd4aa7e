"""``POST /v1/embeddings`` in OpenAI's form: vectors of the embedder that the index was made with.

A text that is longer than the embedder reads is refused, not cut: who stores a vector should know
what of. Token ids are no texts: whose tokens they are, nobody says.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from flask import Flask, Response, jsonify

from sfta_edge.api.calls import require
from sfta_edge.errors import ConfigError
from sfta_edge.guard import json_body
from sfta_edge.knowledge_format import Identity, Vectors

MOST_TEXTS = 64
MOST_CHARACTERS = 1 << 16
"""Of all texts of one request."""


class TextEmbedder(Protocol):
    """What computes vectors; `embedder.Embedder` is one."""

    @property
    def identity(self) -> Identity: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...

    def count_tokens(self, text: str) -> int: ...


@runtime_checkable
class BoundedEmbedder(Protocol):
    """An embedder that says how long a text may be."""

    @property
    def context_tokens(self) -> int: ...


def add_embeddings(app: Flask, embedder: TextEmbedder, name: str) -> None:
    """Add the endpoint.

    Args:
        app: the application.
        embedder: as is, with the prefix that belongs to it.
        name: what the model is called in answers.
    """

    def embeddings() -> Response:
        require("reader")
        body = json_body()
        texts = texts_of(body, embedder.identity.dimension)
        counts = [embedder.count_tokens(text) for text in texts]
        if isinstance(embedder, BoundedEmbedder):
            _require_fitting(counts, embedder.context_tokens)
        vectors = np.asarray(embedder.embed(texts), dtype="<f4")
        spell = _base64 if body.get("encoding_format") == "base64" else _numbers
        data = [
            {"object": "embedding", "index": index, "embedding": spell(vector)}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": sum(counts), "total_tokens": sum(counts)}
        return jsonify({"object": "list", "data": data, "model": name, "usage": usage})

    app.add_url_rule("/v1/embeddings", view_func=embeddings, methods=["POST"])


def texts_of(body: Mapping[str, Any], dimension: int) -> list[str]:
    """The texts of a request.

    Raises:
        ConfigError: none, too many or too long ones, token ids, or another form of vectors.
    """
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise ConfigError("input must be a text or a list of texts")
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ConfigError("every text of input must be a text that is not empty")
    if len(texts) > MOST_TEXTS:
        raise ConfigError(f"input has {len(texts)} texts", hint=f"Send at most {MOST_TEXTS}.")
    length = sum(map(len, texts))
    if length > MOST_CHARACTERS:
        raise ConfigError(
            f"input has {length} characters", hint=f"Send at most {MOST_CHARACTERS}."
        )
    if body.get("encoding_format", "float") not in ("float", "base64"):
        raise ConfigError("encoding_format must be float or base64")
    if body.get("dimensions", dimension) != dimension:
        raise ConfigError(f"vectors have {dimension} dimensions and are not shortened")
    return [text.encode("utf-8", "replace").decode() for text in texts]


def _require_fitting(counts: Sequence[int], longest: int) -> None:
    for number, count in enumerate(counts):
        if count > longest:
            raise ConfigError(
                f"text {number} of input has {count} tokens",
                hint=f"At most {longest} fit. Cut it into pieces.",
            )


def _numbers(vector: Vectors) -> list[float]:
    return [float(value) for value in vector]


def _base64(vector: Vectors) -> str:
    return base64.b64encode(vector.tobytes()).decode("ascii")
