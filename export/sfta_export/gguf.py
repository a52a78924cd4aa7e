"""GGUF files of a model folder: made, checked against the folder, and kept by content."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.model import Model
from sfta_export import toolchain
from sfta_export.content import folder_digest
from sfta_export.converter import check_convertible, convert
from sfta_export.model_settings import load_json
from sfta_export.quantization import SCHEMES, Quantized, quantize
from sfta_export.tensors import list_tensors

__all__ = [
    "FLOAT_SCHEMES",
    "GgufFacts",
    "Quantized",
    "check_convertible",
    "convert",
    "embedder_gguf",
    "lossless_scheme",
    "model_gguf",
    "quantize",
    "verify_gguf",
]
FLOAT_SCHEMES = {"F16": "f16", "BF16": "bf16", "F32": "f32"}


@dataclass(frozen=True, slots=True)
class GgufFacts:
    """What a device reads in the file."""

    architecture: str
    name: str
    context_length: int
    """Tokens the model was trained to look at."""
    chat_template_sha256: str
    """Empty without a template."""
    end_tokens: tuple[int, ...]
    """Of the ids that end generation by the folder's settings, those the file ends at."""
    lost_end_tokens: tuple[int, ...]
    """Of the same, those at which the file does not end."""
    licence: str
    """As the file states it; empty if it does not."""
    importance: str
    """What the importance matrix was gathered on; empty without one."""
    bits_per_weight: float
    size: int
    """Bytes."""


def lossless_scheme(model_dir: Path) -> str:
    """The 16-bit scheme that keeps the folder's weights: BF16 if they are, else F16."""
    kinds = {info.dtype for info in list_tensors(model_dir).values()}
    return "BF16" if "BF16" in kinds else "F16"


def model_gguf(
    model_dir: Path, cache: Path = toolchain.DEFAULT_CACHE, scheme: str = "Q8_0"
) -> Path:
    """The GGUF file of a model folder in one scheme, made once for its content.

    Raises:
        ConfigError: unknown scheme, or a folder that cannot be converted.
        MissingDependencyError: the tools were not built.
        ToolError: converter or quantizer failed.
    """
    if scheme not in SCHEMES and scheme not in FLOAT_SCHEMES:
        known = ", ".join([*FLOAT_SCHEMES, *SCHEMES])
        raise ConfigError(f"unknown scheme {scheme!r}", hint=f"One of {known}.")
    cache = cache.expanduser()
    tools = toolchain.find_tools(cache)
    identity = f"{folder_digest(model_dir)} {tools.folder.name}"
    key = hashlib.sha256(identity.encode()).hexdigest()[:16]
    final = cache / "gguf" / key / f"model-{scheme}.gguf"
    if final.is_file():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    if scheme in FLOAT_SCHEMES:
        return convert(model_dir, final, dtype=FLOAT_SCHEMES[scheme], cache=cache)
    # Beside the result, where there is room for it; the system's own scratch may be in memory.
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=".partial-") as scratch:
        dtype = FLOAT_SCHEMES[lossless_scheme(model_dir)]
        source = convert(model_dir, Path(scratch) / "16-bit.gguf", dtype=dtype, cache=cache)
        return quantize(source, final, scheme).path


def embedder_gguf(model_dir: Path, cache: Path = toolchain.DEFAULT_CACHE) -> Path:
    """The embedder of a sentence-transformers folder for llama.cpp, in float16.

    Its vectors have a cosine of at least 0.999 with the folder's own.

    Raises:
        ConfigError: the folder cannot be converted.
        MissingDependencyError, ToolError: as `model_gguf`.
    """
    return model_gguf(model_dir, cache, "F16")


def verify_gguf(path: Path, model_dir: Path, licence: str = "") -> GgufFacts:
    """Read a file back as a device does and compare it with the folder it was made from.

    Args:
        path: The file.
        model_dir: The folder.
        licence: What the file has to state; empty: whatever it does.

    Raises:
        IntegrityError: chat template, context length, vocabulary, end token or licence was lost.
    """
    model = Model(path)
    try:
        facts = _facts(model, model_dir)
        problems = _differences(model, facts, model_dir)
        if licence and facts.licence != licence:
            problems.append(f"licence {facts.licence or 'none'} instead of {licence}")
    finally:
        model.close()
    if problems:
        raise IntegrityError(
            f"{path.name} does not carry what {model_dir.name} holds: " + "; ".join(problems),
            hint="The device would prompt the model wrongly or never stop. Do not ship it.",
        )
    return facts


def _facts(model: Model, model_dir: Path) -> GgufFacts:
    template = _native_template(model)
    ends = _end_ids(model_dir)
    native = model.native
    weights = int(native.llama_model_n_params(model.handle))
    return GgufFacts(
        architecture=model.metadata("general.architecture"),
        name=model.metadata("general.name"),
        context_length=model.trained_context,
        chat_template_sha256=hashlib.sha256(template.encode()).hexdigest() if template else "",
        end_tokens=tuple(i for i in ends if i < model.token_count and model.ends(i)),
        lost_end_tokens=tuple(i for i in ends if i >= model.token_count or not model.ends(i)),
        licence=model.metadata("general.license"),
        importance=model.metadata("quantize.imatrix.dataset"),
        bits_per_weight=round(int(native.llama_model_size(model.handle)) * 8 / weights, 3),
        size=model.path.stat().st_size,
    )


def _differences(model: Model, facts: GgufFacts, model_dir: Path) -> list[str]:
    problems = []
    template = _folder_template(model_dir)
    digest = hashlib.sha256(template.encode()).hexdigest() if template else ""
    if digest != facts.chat_template_sha256:
        problems.append("another chat template")
    config = load_json(model_dir / "config.json")
    length = config.get("max_position_embeddings")
    if length and length != facts.context_length:
        problems.append(f"context length {facts.context_length} instead of {length}")
    if config.get("vocab_size") and config["vocab_size"] != model.token_count:
        problems.append(f"{model.token_count} tokens instead of {config['vocab_size']}")
    if facts.lost_end_tokens and not facts.end_tokens:
        problems.append(f"generation does not end at {list(facts.lost_end_tokens)}")
    return problems


def _native_template(model: Model) -> str:
    raw = model.native.llama_model_chat_template(model.handle, None)
    return raw.decode("utf-8") if raw else ""


def _folder_template(model_dir: Path) -> str:
    separate = model_dir / "chat_template.jinja"
    if separate.is_file():
        return separate.read_text("utf-8")
    template = load_json(model_dir / "tokenizer_config.json").get("chat_template")
    return template if isinstance(template, str) else ""


def _end_ids(model_dir: Path) -> list[int]:
    for name in ("generation_config.json", "config.json"):
        value = load_json(model_dir / name).get("eos_token_id")
        if isinstance(value, int):
            return [value]
        if isinstance(value, list):
            return [item for item in value if isinstance(item, int)]
    return []
