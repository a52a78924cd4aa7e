"""Wheels from the package index that pip is configured for, for a kind of device."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sfta.adapters.wheel_folder import how_to_get
from sfta.adapters.wheel_target import Target, pin_of
from sfta_edge.errors import ConfigError, MissingDependencyError, ToolError

Download = Callable[[Sequence[str]], None]
"""Runs pip with these arguments."""
_UNREACHED = "It cannot be reached now."


def fetch(
    target: Target,
    python: str,
    pins: Sequence[str],
    *,
    given: Sequence[Path],
    into: Path,
    run: Download,
) -> None:
    """Download the wheels of `pins` for one Python of the target.

    Args:
        target: The devices.
        python: One of its versions.
        pins: ``name==version``; nothing else is fetched.
        given: Wheels that are here; they are copied along, and have to fit the target too.
        into: Where the wheels go.
        run: What runs pip.

    Raises:
        ConfigError: the index has no such wheel for these devices; names each.
        ToolError: pip failed for another reason.
    """
    have = {pin_of(path.name) for path in given}
    wanted, missing = [pin for pin in pins if pin not in have], list[str]()
    into.mkdir(exist_ok=True)
    options = [
        *("download", "--quiet", "--only-binary", ":all:", "--no-input", "--no-deps"),
        *target.download_options(python),
        *("--dest", str(into), *map(str, given)),
    ]
    while True:
        try:
            run([*options, *wanted])
            break
        except ToolError as error:
            # pip names the first that it does not find; the others are wanted too.
            lacking = [pin for pin in wanted if f" for {pin} " in f"{error} "]
            if not lacking or _UNREACHED in error.hint:
                raise
            wanted.remove(lacking[0])
            missing.append(lacking[0])
    if missing:
        devices = Target(target.machine, (python,), target.glibc)
        raise ConfigError(
            f"the package index has no wheels for {devices} of: {', '.join(missing)}",
            # A folder takes the place of the index, so that it has to hold the others as well.
            hint=how_to_get([pin for pin in pins if pin not in have], devices),
        )


def run_pip(arguments: Sequence[str]) -> None:
    """Run pip of this Python.

    Raises:
        MissingDependencyError: there is no pip.
        ToolError: pip failed; its last lines are the message.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    if "No module named pip" in done.stderr:
        raise MissingDependencyError("pip is not installed", hint="python -m ensurepip")
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("ERROR")][-3:]
    reached = "" if "Retrying (" not in done.stderr else f" {_UNREACHED}"
    raise ToolError(
        "pip could not get the wheels: " + " ".join(dict.fromkeys([*said, *lines[-1:]])),
        hint="The first run needs a package index; later ones take the wheels from the cache."
        + reached,
    )
