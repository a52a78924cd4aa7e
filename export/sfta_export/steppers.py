"""Models that read a text token by token: in PyTorch, and as ONNX on onnxruntime-genai."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sfta_export.onnx_parity import load_onnx, make_generator
from sfta_export.reference import Floats


class TorchStepper:
    """A model as `reference.load_folder` and `load_trained` give it."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.begin()

    def begin(self) -> None:
        """Forget all."""
        from transformers import DynamicCache

        # Made without the model's settings, it keeps all tokens for layers with a window as well,
        # and so can step back; the window is in the mask.
        self._cache: Any = DynamicCache()

    def read(self, ids: Sequence[int], rows: int = 1) -> Floats:
        """Logits after each of the last `rows` tokens."""
        import torch

        with torch.inference_mode():
            found = self._model(
                input_ids=torch.tensor([list(ids)], device=self._model.device),
                past_key_values=self._cache, use_cache=True, logits_to_keep=rows,
            )  # fmt: skip
        logits: Floats = found.logits[0].float().cpu().numpy()
        return logits

    def back_to(self, count: int) -> None:
        """Forget what came after so many tokens."""
        if surplus := self._cache.get_seq_length() - count:
            self._cache.crop(-surplus)


class OnnxStepper:
    """A folder as `onnx.model_onnx` makes it, on the CPU."""

    def __init__(self, folder: Path, context_tokens: int) -> None:
        self._generator = make_generator(load_onnx(folder), context_tokens)

    def begin(self) -> None:
        """Forget all."""
        self._generator.rewind_to(0)

    def read(self, ids: Sequence[int], rows: int = 1) -> Floats:
        """Logits after each of the last `rows` tokens."""
        self._generator.append_tokens(np.asarray(ids, dtype=np.int32))
        # The runtime's memory is used again: what is kept is a copy.
        return np.array(self._generator.get_output("logits")[0, -rows:], dtype=np.float32)

    def back_to(self, count: int) -> None:
        """Forget what came after so many tokens."""
        self._generator.rewind_to(count)
