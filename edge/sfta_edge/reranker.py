"""Question and chunk read together by a cross-encoder, on the same llama.cpp as all models.

Rules this module upholds:

- A pair is written as the model was trained: begin, question, separator, text, end.
- A score depends on the pair and the model alone: every pair is computed by itself.
- A score that is no number is refused.
- llama.cpp gives every token the first token type. A model that tells question and text apart
  by the type would be wrong without any error, so it is refused.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from sfta_edge.context import Context, Entry, Shape
from sfta_edge.cores import physical_cores
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.model import Model

_RANK = 4  # llama.cpp's number of the pooling that gives a score
_WORD_PIECES = 3  # llama.cpp's number of BERT's vocabulary
_LONGEST = 512  # tokens of a pair; what cross-encoders are trained on


class Reranker:
    """A GGUF cross-encoder. Threads may share it; they wait for each other."""

    def __init__(self, model: Path, threads: int | None = None) -> None:
        """Load the model.

        Args:
            model: GGUF file with the pooling `rank`.
            threads: one pair is computed by so many. Default: one per physical core.

        Raises:
            ConfigError: no such file, or a model that gives no single score for a pair.
            IntegrityError: the file is damaged.
        """
        self.model = Model(model)
        self.context_tokens = min(self.model.trained_context, _LONGEST)
        """Tokens of a pair that count."""
        tokens = self.context_tokens
        shape = Shape(tokens, tokens, 1, threads or physical_cores(), pooled=True)
        self._context = Context(self.model, shape)
        try:
            self._check()
        except ConfigError:
            self.close()
            raise
        self._begin, self._between, self._end = self._frame()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question: any number, larger is better.

        A text that is too long is cut at its end; a question gets half of the room at most.

        Raises:
            IntegrityError: the model computes values that are no numbers.
        """
        asked = self.model.tokenize(question)
        with self._lock:
            return [self._score(self._pair(asked, self.model.tokenize(text))) for text in texts]

    def close(self) -> None:
        """Free all memory."""
        self._context.close()
        self.model.close()

    def _pair(self, question: Sequence[int], text: Sequence[int]) -> list[int]:
        frame = len(self._begin) + len(self._between) + len(self._end)
        room = self.context_tokens - frame
        asked = list(question[: max(room // 2, room - len(text))])
        kept = text[: room - len(asked)]
        return [*self._begin, *asked, *self._between, *kept, *self._end]

    def _score(self, ids: Sequence[int]) -> float:
        self._context.decode([Entry(token, i, wanted=True) for i, token in enumerate(ids)])
        pointer = self.model.native.llama_get_embeddings_seq(self._context.handle, 0)
        score = float(pointer[0]) if pointer else float("nan")
        if not np.isfinite(score):
            raise IntegrityError(
                f"{self.model.path.name} computes scores that are no numbers",
                hint="The reranker file is damaged. Install the bundle again.",
            )
        return score

    def _check(self) -> None:
        path, native = self.model.path, self.model.native
        if (
            self._context.pooling != _RANK
            or native.llama_model_n_cls_out(self.model.handle) != 1
        ):
            raise ConfigError(
                f"{path} gives no score for a pair of texts",
                hint="Give a cross-encoder with one output, such as bge-reranker.",
            )
        if int(self.model.metadata("tokenizer.ggml.token_type_count") or 1) > 1:
            raise ConfigError(
                f"{path} tells question and text apart by token types, which llama.cpp cannot",
                hint="Give a cross-encoder of the XLM-RoBERTa kind, such as bge-reranker.",
            )

    def _frame(self) -> tuple[list[int], list[int], list[int]]:
        """The tokens before, between and after the two texts, as the tokenizer's own kind has it.

        BERT: ``[CLS] question [SEP] text [SEP]``. RoBERTa: ``<s> question </s></s> text </s>``.
        """
        native: Any = self.model.native
        vocabulary = self.model.vocabulary
        begin, separator = (
            native.llama_vocab_bos(vocabulary),
            native.llama_vocab_sep(vocabulary),
        )
        end = native.llama_vocab_eos(vocabulary)
        first = [begin] if native.llama_vocab_get_add_bos(vocabulary) and begin >= 0 else []
        if native.llama_vocab_type(vocabulary) == _WORD_PIECES:
            last = [separator if separator >= 0 else end]
            return first, last, last
        last = [end] if end >= 0 else []
        middle = [separator] if native.llama_vocab_get_add_sep(vocabulary) else []
        return first, [*last, *middle], last
