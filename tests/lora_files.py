"""LoRA adapters for the small Llama that device tests run on, written as GGUF."""

import gguf
import numpy as np

_LAYERS, _WIDTH, _INNER, _RANK = 30, 576, 1536, 2


def write_lora(path, *, seed, strength=1.0, architecture="llama"):
    """An adapter that changes what SmolLM2 135M says, in a way that depends on the seed."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(_RANK))
    for layer in range(_LAYERS):
        name = f"blk.{layer}.ffn_down.weight"
        a = rng.normal(size=(_RANK, _INNER)).astype(np.float32) * strength
        b = rng.normal(size=(_WIDTH, _RANK)).astype(np.float32) * strength
        writer.add_tensor(f"{name}.lora_a", a / np.sqrt(_INNER).astype(np.float32))
        writer.add_tensor(f"{name}.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
