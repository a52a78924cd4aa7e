"""A GGUF file in memory: its facts and its vocabulary.

Rules this module upholds:

- A file that is no complete GGUF model ends in one `IntegrityError`.
- Text is tokenized as asked: no begin or end token is added, and spellings of special tokens
  are special only where the caller says so.
"""

import ctypes
import weakref
from pathlib import Path
from typing import Any

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.llama import first_error, load_library

_MAGIC = b"GGUF"
_VALUE_BYTES = 1 << 16


class Model:
    """One loaded model; `close` frees it. Only its vocabulary is safe to share by threads."""

    def __init__(self, path: Path) -> None:
        """Map the file into memory.

        Raises:
            ConfigError: there is no such file.
            IntegrityError: the file is damaged, incomplete or of an unknown architecture.
        """
        _check_magic(path)
        self.path = path
        self.native: Any = load_library()
        first_error()
        params = self.native.llama_model_default_params()
        # Finds NaN and infinite weights; they would give answers of noise.
        params.check_tensors = True
        self._handle = self.native.llama_model_load_from_file(str(path).encode(), params)
        if not self._handle:
            raise IntegrityError(
                f"{path} cannot be loaded: {first_error() or 'llama.cpp gave no reason'}",
                hint="The file is damaged or of a kind this version does not know. Copy it again.",
            )
        self._free = weakref.finalize(self, self.native.llama_model_free, self._handle)
        self._vocabulary = self.native.llama_model_get_vocab(self._handle)
        self.token_count: int = self.native.llama_vocab_n_tokens(self._vocabulary)
        """Size of the vocabulary."""

    @property
    def handle(self) -> Any:
        """Address of the native model; refused after `close`."""
        if not self._free.alive:
            raise ConfigError(f"{self.path.name} has been closed")
        return self._handle

    @property
    def vocabulary(self) -> Any:
        """Address of the native vocabulary; it is part of the model's memory."""
        return self._vocabulary if self.handle else None

    @property
    def trained_context(self) -> int:
        """Tokens the model was trained to look at."""
        return int(self.native.llama_model_n_ctx_train(self.handle))

    @property
    def dimension(self) -> int:
        """Length of a hidden state, and of an embedding."""
        return int(self.native.llama_model_n_embd(self.handle))

    @property
    def token_bytes(self) -> int:
        """Bytes that a token takes in a context's memory: keys and values of 16 bits."""
        native, handle = self.native, self.handle
        heads = max(1, native.llama_model_n_head(handle))
        kept = native.llama_model_n_head_kv(handle) * (self.dimension // heads)
        return int(2 * 2 * native.llama_model_n_layer(handle) * kept)

    @property
    def is_encoder(self) -> bool:
        """A model that embeds and cannot generate."""
        return self.metadata("general.architecture").endswith("bert") or not bool(
            self.native.llama_model_has_decoder(self.handle)
        )

    @property
    def is_recurrent(self) -> bool:
        """A model whose memory is a state that cannot step back, all of it or some layers."""
        return bool(
            self.native.llama_model_is_recurrent(self.handle)
            or self.native.llama_model_is_hybrid(self.handle)
        )

    def metadata(self, key: str) -> str:
        """A value from the file's header; empty if it is not there."""
        buffer = ctypes.create_string_buffer(_VALUE_BYTES)
        length = self.native.llama_model_meta_val_str(
            self.handle, key.encode(), buffer, len(buffer)
        )
        return buffer.value.decode(errors="replace") if length >= 0 else ""

    def tokenize(self, text: str, special: bool = False) -> list[int]:  # noqa: FBT001, FBT002 prompt.Tokenize
        """Token ids of a text; with `special`, spellings of special tokens become them."""
        if not text:
            return []
        raw = text.encode("utf-8", errors="replace")
        room = len(raw) + 8
        for _ in range(2):
            ids = (ctypes.c_int32 * room)()
            count = self.native.llama_tokenize(
                self.vocabulary, raw, len(raw), ids, room, False, special
            )
            if count >= 0:
                return list(ids[:count])
            room = -count
        raise IntegrityError(f"{self.path.name} cannot tokenize a text of {len(raw)} bytes")

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; none for a special token."""
        room = 64
        for _ in range(2):
            buffer = ctypes.create_string_buffer(room)
            length = self.native.llama_token_to_piece(
                self.vocabulary, token, buffer, room, 0, False
            )
            if length >= 0:
                return buffer.raw[:length]
            room = -length
        raise IntegrityError(f"{self.path.name} has no text for token {token}")

    def ends(self, token: int) -> bool:
        """Whether the token ends a generation: end of turn, of text, of message."""
        return bool(self.native.llama_vocab_is_eog(self.vocabulary, token))

    def is_control(self, token: int) -> bool:
        """Whether a token steers the model and stands for no text."""
        return bool(self.native.llama_vocab_is_control(self.vocabulary, token))

    def load_adapter(self, path: Path) -> Any:
        """Load a LoRA adapter beside the weights; it lives as long as the model.

        Raises:
            ConfigError: there is no such file.
            IntegrityError: the file is damaged, or made for another model.
        """
        _check_magic(path)
        first_error()
        adapter = self.native.llama_adapter_lora_init(self.handle, str(path).encode())
        if not adapter:
            raise IntegrityError(
                f"the adapter {path} cannot be loaded: {first_error() or 'no reason given'}",
                hint=f"It has to be made for {self.path.name}.",
            )
        return adapter

    def close(self) -> None:
        """Free the memory; contexts of this model must be closed before."""
        self._free()


def _check_magic(path: Path) -> None:
    try:
        with path.open("rb") as stream:
            magic = stream.read(len(_MAGIC))
    except OSError as error:
        raise ConfigError(f"cannot read the model {path}: {error.strerror}") from error
    if magic != _MAGIC:
        raise IntegrityError(
            f"{path} is not a GGUF file", hint="Copy it again from a source you trust."
        )
