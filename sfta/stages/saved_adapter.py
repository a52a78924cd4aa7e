"""An adapter on disk: weights and settings that name nothing of this machine."""

import json
from pathlib import Path
from typing import Any

from sfta.stages.adapter_card import CARD


def save_adapter(model: Any, out: Path) -> None:
    """Only weights and configuration; the base is named by its content, not by a local path."""
    from sfta.training.model import quantized_base

    model.save_pretrained(out, selected_adapters=["default"])
    if (quantized := quantized_base(model)) is not None:
        quantized.write(out)
    (out / CARD).unlink(missing_ok=True)  # ours says more
    path = out / "adapter_config.json"
    config = json.loads(path.read_text("utf-8"))
    config["base_model_name_or_path"] = ""
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, sort_keys=True, indent=2), "utf-8")
