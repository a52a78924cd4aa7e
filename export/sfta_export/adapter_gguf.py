"""An adapter alone as a GGUF file: a small update for a device that has the base model.

llama.cpp knows one number for a whole adapter, alpha. Here each update's own scale is multiplied
into it before, so that rank stabilization and settings by module are kept.
"""

import json
import tempfile
from pathlib import Path

from sfta_edge.errors import ConfigError, MissingDependencyError
from sfta_export import toolchain
from sfta_export.content import finished_file
from sfta_export.converter import run_converter
from sfta_export.lora import Adapter, read_adapter
from sfta_export.merge_plan import Part, plan_merge
from sfta_export.tensors import TensorInfo, read_tensor, write_tensors
from sfta_export.toolchain import DEFAULT_CACHE

_KEY = "base_model.model.{module}.lora_{part}.weight"


def adapter_gguf(
    base_dir: Path,
    adapter_dir: Path,
    out: Path,
    *,
    name: str = "adapter",
    cache: Path = DEFAULT_CACHE,
) -> Path:
    """Write an adapter as GGUF in float16; return its path. Same inputs, same bytes.

    Args:
        base_dir: The model that it was trained on, in Hugging Face form; no weights are read.
        adapter_dir: Adapter as PEFT saves it.
        out: The file to write.
        name: What the adapter calls itself.
        cache: Where the tools are.

    Raises:
        ConfigError: the adapter changes more than llama.cpp can change while it runs.
        IntegrityError: the adapter does not fit the base.
        MissingDependencyError: the tools were not built, or by an earlier version.
        ToolError: the converter failed; carries the end of its log.
    """
    script = toolchain.converter(cache) / toolchain.ADAPTER_CONVERTER
    if not script.is_file():
        raise MissingDependencyError(
            "the converter for adapters is not there", hint="Run `make tools` again; seconds."
        )
    plan_merge(base_dir, [Part(adapter_dir)])
    adapter = read_adapter(adapter_dir)
    _refuse_more_than_updates(adapter)
    with finished_file(out) as scratch, tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / name
        plain.mkdir()
        _write_plain(adapter, plain)
        options = ["--outtype", "f16", "--outfile", str(scratch), "--base", str(base_dir)]
        log_file = out.with_suffix(".convert.log")
        run_converter(script, [*options, str(plain)], cache=cache, log_file=log_file)
    return out


def _refuse_more_than_updates(adapter: Adapter) -> None:
    if any(update.magnitude is not None for update in adapter.updates.values()):
        raise ConfigError(
            "an adapter with weight decomposition (DoRA) cannot be a file of its own",
            hint="Merge it, or train with lora.dora: false.",
        )
    if adapter.replaced:
        raise ConfigError(
            f"the adapter brings whole weights along: {', '.join(sorted(adapter.replaced))}",
            hint="Merge it: a device can add updates to its base, not exchange weights.",
        )


def _write_plain(adapter: Adapter, folder: Path) -> None:
    """The same adapter with all scales in its matrices; alpha 0 means that there is no other."""
    sources: dict[str, tuple[TensorInfo, float]] = {}
    for update in adapter.updates.values():
        module = update.weight.removesuffix(".weight")
        sources[_KEY.format(module=module, part="A")] = (update.a, 1.0)
        sources[_KEY.format(module=module, part="B")] = (update.b, update.scale)
    infos = [TensorInfo(n, "F32", info.shape, folder) for n, (info, _) in sources.items()]

    def scaled(name: str) -> object:
        info, scale = sources[name]
        return read_tensor(info).float() * scale

    write_tensors(folder / "adapter_model.safetensors", infos, scaled)
    settings = {"peft_type": "LORA", "lora_alpha": 0}
    (folder / "adapter_config.json").write_text(json.dumps(settings), "utf-8")
