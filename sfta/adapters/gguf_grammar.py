"""What a model in a GGUF file may write next, so that the whole obeys a JSON schema."""

import ctypes
import json
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfta_edge.context import Floats
from sfta_edge.errors import ConfigError
from sfta_edge.model import Model

_FIRST_LOOK = 64
_BACKSLASH, _QUOTATION = r"\ue000", r"\ue001"  # of the private use area
# The layout of llama.cpp's llama_token_data.
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Grammar:
    """The state of one text that is being written; not safe for two threads at once."""

    def __init__(self, model: Model, schema: Mapping[str, Any]) -> None:
        """Turn the schema into rules over the model's vocabulary.

        Raises:
            ConfigError: llama.cpp cannot express the schema.
        """
        self._native = model.native
        rules = _rules(schema)
        self._handle = self._native.llama_sampler_init_grammar(
            model.vocabulary, rules.encode(), b"root"
        )
        if not self._handle:
            raise ConfigError("llama.cpp cannot hold a reply to this JSON schema")
        self._free = weakref.finalize(self, self._native.llama_sampler_free, self._handle)

    def choose(self, scores: Floats) -> int:
        """The token of the highest score that may come next; ties go to the lower id.

        Raises:
            ConfigError: nothing may come next.
        """
        # Asking about a whole vocabulary is slow, and mostly the first choice is allowed.
        first = np.argpartition(-scores, min(_FIRST_LOOK, len(scores) - 1))[:_FIRST_LOOK]
        for ids in (first, np.arange(len(scores))):
            ranked = ids[np.lexsort((ids, -scores[ids]))]
            allowed = ranked[self._allowed(ranked)]
            if len(allowed):
                return int(allowed[0])
        raise ConfigError("no token of the model's vocabulary fits the JSON schema")

    def accept(self, token: int) -> None:
        """Go on behind a token that `choose` has given."""
        self._native.llama_sampler_accept(self._handle, token)

    def close(self) -> None:
        """Free the memory."""
        self._free()

    def _allowed(self, ids: NDArray[Any]) -> NDArray[np.bool_]:
        candidates = np.zeros(len(ids), _CANDIDATE)
        candidates["id"] = ids
        pointer = ctypes.POINTER(self._native.llama_token_data)
        array = self._native.llama_token_data_array(
            candidates.ctypes.data_as(pointer), len(ids), -1, False
        )
        self._native.llama_sampler_apply(self._handle, ctypes.byref(array))
        allowed: NDArray[np.bool_] = np.isfinite(candidates["logit"])
        return allowed


def _rules(schema: Mapping[str, Any]) -> str:
    """The schema as GBNF.

    The binding writes fixed texts into the rules without escaping backslashes, so quotation
    marks, which JSON spells with one, would end a rule in its middle. Both travel as
    characters that mean nothing.
    """
    # The binding's package loads the library, which `Model` has prepared.
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    spelt = json.dumps(schema).replace(r"\\", _BACKSLASH).replace(r"\"", _QUOTATION)
    rules: str = json_schema_to_gbnf(spelt)
    return rules.replace(_BACKSLASH, r"\\\\").replace(_QUOTATION, r"\\\"")
