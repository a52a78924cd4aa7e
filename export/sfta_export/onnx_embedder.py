"""A sentence-transformers folder as one ONNX graph, from token ids to a vector of length 1.

Pooling and normalisation are in the graph: whoever runs it needs a tokenizer and nothing else.
Runs as a program of its own (``python -m sfta_export.onnx_embedder``): tracing a model leaves
much behind in a process, and prints what nobody asked for.
"""

import argparse
import json
import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sfta_edge.errors import ConfigError, IntegrityError, ToolError
from sfta_export.content import finished_folder
from sfta_export.model_settings import read_json
from sfta_export.onnx import GRAPH, check_packages, run_logged
from sfta_export.probes import CHUNKS, QUESTIONS, TEXTS
from sfta_export.reference import Floats

log = logging.getLogger("sfta")
SCHEMES = ("fp32", "int8")
FACTS, TOKENIZER, OUTPUT = "embedder.json", "tokenizer.json", "sentence_embedding"
# The least cosine of any probe with the vector of sentence-transformers. 8 bits for weights and
# activations are measured on MiniLM-L6: 0.981 at the least, 0.992 on average.
LEAST_COSINE = {"fp32": 0.999, "int8": 0.95}
_PROBES = (*TEXTS, *(chunk.text for chunk in CHUNKS), *(asked for asked, *_ in QUESTIONS))
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def check_embedder(model_dir: Path) -> list[str]:
    """Why this folder cannot become an ONNX embedder, one sentence per reason."""
    config = read_json(model_dir / "config.json")
    if not (model_dir / "modules.json").is_file():
        return [f"{model_dir} is no sentence-transformers folder: it has no modules.json"]
    problems = []
    if "auto_map" in config or any(model_dir.glob("*.py")):
        problems.append(f"{model_dir} comes with code of its own, which is never run")
    if not (model_dir / TOKENIZER).is_file():
        problems.append(f"{model_dir} has no fast tokenizer (tokenizer.json)")
    return problems


def embedder_onnx(model_dir: Path, out: Path, scheme: str) -> Path:
    """Write an embedder as a folder with graph, tokenizer and facts; return its path.

    Args:
        model_dir: A sentence-transformers folder.
        out: The folder to write; the exporter's log is kept beside it if it fails.
        scheme: One of `SCHEMES`. `int8`: weights in 8 bits, activations as they come.

    Raises:
        ConfigError: the scheme is unknown, or the folder cannot become ONNX.
        MissingDependencyError: a package of the extra `onnx` is not installed.
        ToolError: the exporter failed.
    """
    if scheme not in SCHEMES:
        raise ConfigError(
            f"unknown scheme {scheme!r} of an ONNX embedder",
            hint=f"One of {', '.join(SCHEMES)}.",
        )
    check_packages()
    if problems := check_embedder(model_dir):
        raise ConfigError("; ".join(problems))
    with finished_folder(out) as scratch:
        log_file = out.with_name(f"{out.name}.build.log")
        if not run_logged(["-m", __name__, str(model_dir), str(scratch), scheme], log_file):
            lines = log_file.read_text("utf-8", errors="replace").strip().splitlines()
            raise ToolError(
                f"the embedder {model_dir} did not become ONNX: {lines[-1] if lines else ''}",
                hint=f"The whole log: {log_file}",
            )
    return out


def check_vectors(folder: Path, scheme: str, model_dir: Path) -> dict[str, Any]:
    """Hold an embedder against its folder, text by text; return the figures for the record.

    Raises:
        IntegrityError: a vector is too far from that of sentence-transformers.
    """
    ours = embed(folder, _PROBES)
    theirs = _expected(model_dir)
    if ours.shape != theirs.shape:
        raise IntegrityError(
            f"parity of ONNX embedder {scheme} fails: vectors of {ours.shape[1]} numbers "
            f"instead of {theirs.shape[1]}"
        )
    cosines = np.sum(ours * theirs, axis=1)
    least, limit = float(np.min(cosines)), LEAST_COSINE[scheme]
    log.info(
        "parity of ONNX embedder %s: least cosine %.5f, mean %.5f",
        *(scheme, least, float(np.mean(cosines))),
    )
    if not least >= limit:
        text = _PROBES[int(np.argmin(cosines))]
        raise IntegrityError(
            f"parity of ONNX embedder {scheme} fails: cosine {least:.4f} (limit {limit}) "
            f"for {text[:40]!r}",
            hint="Use fp32, or report the embedder.",
        )
    return {
        "scheme": scheme,
        "least_cosine": round(least, 6),
        "mean_cosine": round(float(np.mean(cosines)), 6),
        "texts": len(_PROBES),
        "limit": limit,
    }


def embed(folder: Path, texts: Sequence[str]) -> Floats:
    """Vectors of texts, one at a time: in 8 bits a text's vector depends on its neighbours.

    Raises:
        IntegrityError: the runtime cannot load or run the graph.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state
    from tokenizers import Tokenizer

    facts = read_json(folder / FACTS)
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(facts["longest"])
    vectors = []
    try:
        session = onnxruntime.InferenceSession(
            str(folder / GRAPH), providers=["CPUExecutionProvider"]
        )
        wanted = {entry.name for entry in session.get_inputs()}
        for text in texts:
            found = tokenizer.encode(text)
            named = zip(_INPUTS, (found.ids, found.attention_mask, found.type_ids), strict=True)
            given = {
                name: np.array([ids], dtype=np.int64) for name, ids in named if name in wanted
            }
            vectors.append(session.run([OUTPUT], given)[0][0])
    except (RuntimeError, state.Fail, state.InvalidProtobuf, state.InvalidGraph) as error:
        raise IntegrityError(
            f"ONNX embedder {folder.name} does not run: {str(error).splitlines()[0]}"
        ) from error
    return np.asarray(vectors, dtype=np.float32)


def _expected(model_dir: Path) -> Floats:
    model = _load(model_dir)
    vectors: Floats = model.encode(
        list(_PROBES), normalize_embeddings=True, show_progress_bar=False
    )
    return vectors


def _load(model_dir: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(
        str(model_dir), device="cpu", local_files_only=True, trust_remote_code=False
    ).eval()


def _export_here(model_dir: Path, out: Path, scheme: str) -> None:
    import torch

    model = _load(model_dir).float()
    inputs = _inputs_of(model)

    class FromIds(torch.nn.Module):
        """The model from token ids to a vector of length 1."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *given: torch.Tensor) -> torch.Tensor:
            vectors = self.model(dict(zip(inputs, given, strict=True)))[OUTPUT]
            return torch.nn.functional.normalize(vectors, p=2.0, dim=1)

    # One tensor each: what is given twice is taken for one input.
    example = tuple(torch.ones((2, 8), dtype=torch.int64) for _ in inputs)
    batch, tokens = torch.export.Dim("batch"), torch.export.Dim("tokens")
    shapes = (tuple({0: batch, 1: tokens} for _ in inputs),)
    program = torch.onnx.export(
        FromIds(), example, dynamo=True, input_names=list(inputs),
        output_names=[OUTPUT], dynamic_shapes=shapes, verbose=False,
    )  # fmt: skip
    assert program is not None
    _save(program.model_proto, out / GRAPH, scheme)
    shutil.copyfile(model_dir / TOKENIZER, out / TOKENIZER)
    facts = {
        "dimension": int(model.get_embedding_dimension()),
        "inputs": list(inputs),
        "longest": int(model.max_seq_length),
        "prompts": dict(model.prompts),
        "scheme": scheme,
    }
    (out / FACTS).write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n", "utf-8")


def _inputs_of(model: Any) -> tuple[str, ...]:
    """What the tokenizer of this model gives: not every family has types of tokens."""
    given = model.preprocess(["text"])
    return tuple(name for name in _INPUTS if name in given)


def _save(proto: Any, path: Path, scheme: str) -> None:
    """Without the exporter's notes, which name folders of the machine it ran on."""
    for node in (*proto.graph.node, *(n for f in proto.functions for n in f.node)):
        del node.metadata_props[:]
        node.doc_string = ""
    for holder in (proto, proto.graph, *proto.graph.value_info, *proto.graph.initializer):
        del holder.metadata_props[:]
    for value in (*proto.graph.input, *proto.graph.output):
        del value.metadata_props[:]
    exact = path if scheme == "fp32" else path.with_name(f"exact-{path.name}")
    exact.write_bytes(proto.SerializeToString(deterministic=True))
    if scheme == "int8":
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(exact, path, per_channel=True, weight_type=QuantType.QInt8)
        exact.unlink()


def _main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("scheme", choices=SCHEMES)
    options = parser.parse_args()
    _export_here(options.model, options.out, options.scheme)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
