"""Who may import whom, and what a start of the program loads."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "bitsandbytes",
    "datasets",
    "llama_cpp",
    "matplotlib",
    "numpy",
    "openai",
    "peft",
    "pymupdf",
    "sentence_transformers",
    "torch",
    "transformers",
    "trl",
}
NOT_ON_THE_DEVICE = HEAVY - {"llama_cpp", "numpy"} | {"pydantic", "sfta", "sfta_export"}


def python(code):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def lint_imports(config=None):
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    options = ["--no-cache", *(["--config", str(config)] if config else [])]
    return subprocess.run(
        [sys.executable, "-c", command, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_import_contracts_hold():
    done = lint_imports()
    assert done.returncode == 0, done.stdout
    kept = re.search(r"Contracts: (\d+) kept, 0 broken", done.stdout)
    assert kept, done.stdout
    assert int(kept[1]) >= 6


def test_the_contracts_would_notice_a_wrong_import(tmp_path):
    config = tmp_path / "importlinter.ini"
    config.write_text(
        "[importlinter]\nroot_packages = sfta\n    sfta_export\n    sfta_edge\n"
        "[importlinter:contract:turned]\nname = turned around\ntype = layers\n"
        "layers =\n    sfta_edge\n    sfta\n"
    )
    done = lint_imports(config)
    assert done.returncode == 1
    assert "0 kept, 1 broken" in done.stdout


def test_the_recipe_imports_settings_only():
    tree = ast.parse((ROOT / "sfta/recipe.py").read_text("utf-8"))
    modules = {
        node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sfta.")
    }
    assert modules
    assert {m for m in modules if not m.endswith(".config")} == set()


@pytest.mark.parametrize(
    "module", ["sfta_edge", "sfta_edge.manifest", "sfta_edge.cli.main", "sfta_export", "sfta"]
)
def test_an_import_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*(set({sorted(HEAVY)!r}) & sys.modules.keys()))"
    assert python(code) == []


@pytest.mark.parametrize("module", ["sfta.cli.main", "sfta_edge.cli.main"])
def test_help_loads_nothing_heavy(module):
    code = (
        f"import sys; from {module} import cli\n"
        "cli(['--help'], standalone_mode=False)\n"
        f"print('LOADED', *(set({sorted(HEAVY)!r}) & sys.modules.keys()))"
    )
    words = python(code)
    assert "Usage:" in words
    assert words[words.index("LOADED") + 1 :] == []


def device_modules():
    return sorted((ROOT / "edge/sfta_edge").rglob("*.py"))


@pytest.mark.parametrize("path", device_modules(), ids=lambda p: p.stem)
def test_a_device_module_names_nothing_of_the_factory(path):
    named = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            named.add((node.module or "").split(".")[0])
    assert named & NOT_ON_THE_DEVICE == set()
