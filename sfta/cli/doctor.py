"""`sfta doctor`: is this machine ready."""

import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from sfta.cli.options import JSON
from sfta.cli.screen import print_json, print_table

_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "pymupdf", "apsw", "sqlite-vec")
_TOOLS = ("cmake", "c++", "openssl")
_LEAST_FREE_GB = 5


@click.command("doctor")
@JSON
def command(as_json: bool) -> None:
    """Check packages, tools and disk; exit 3 when something needed is missing.

    Example: sfta doctor
    """
    checks = [
        *map(_package, _PACKAGES),
        _package("llama-cpp-python"),
        *map(_tool, _TOOLS),
        _tesseract(),
        _disk(),
    ]
    if as_json:
        print_json([dict(zip(("check", "ok", "found"), c, strict=True)) for c in checks])
    else:
        print_table(
            ("check", "", "found"), [(c[0], "ok" if c[1] else "missing", c[2]) for c in checks]
        )
    if not all(ok for _, ok, _ in checks):
        raise SystemExit(3)


def _package(name: str) -> tuple[str, bool, str]:
    try:
        return name, True, version(name)
    except PackageNotFoundError:
        return name, False, "run `make setup`"


def _tool(name: str) -> tuple[str, bool, str]:
    path = shutil.which(name)
    return name, path is not None, path or "install it with the system's package manager"


def _tesseract() -> tuple[str, bool, str]:
    path = shutil.which("tesseract")
    return "tesseract", True, path or "not installed; only scans and pictures need it"


def _disk() -> tuple[str, bool, str]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    return "free disk", free >= _LEAST_FREE_GB, f"{free:.0f} GB"
