"""Wheels that were fetched or built elsewhere, taken from a folder for a kind of device.

A name may lie: what a wheel says of itself inside has to agree with its file name, and the file
name with the pinned version and with the device.
"""

import logging
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from email.parser import Parser
from pathlib import Path

from packaging.tags import Tag, parse_tag
from packaging.utils import parse_wheel_filename

from sfta.adapters.wheel_file import Wheel
from sfta.adapters.wheel_target import Target, pin_of
from sfta_edge.errors import ConfigError, IntegrityError

log = logging.getLogger("sfta")


def choose(
    folder: Path, target: Target, pins: Mapping[str, Sequence[str]], given: Iterable[Path] = ()
) -> list[Path]:
    """For each Python the best wheel of each pin; every other file of the folder is left.

    Args:
        folder: Where the wheels lie.
        target: The devices.
        pins: ``name==version`` by Python version.
        given: Wheels from elsewhere, for pins of which the folder has none.

    Raises:
        ConfigError: one line that names each wheel that is missing, and how to get them.
        IntegrityError: a wheel is another than its name says.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"bundle.wheels: there is no folder {folder}", hint="It is relative to the recipe."
        )
    present = sorted(path for path in folder.glob("*.whl") if path.is_file())
    chosen, missing = dict[Path, None](), dict[str, None]()
    for python, pinned in pins.items():
        rank = {tag: number for number, tag in enumerate(target.tags(python))}
        for pin in pinned:
            found = _best(present, pin, rank) or _best(list(given), pin, rank)
            if found is None:
                missing[_described(pin, present)] = None
            else:
                chosen[found] = None
    if missing:
        raise ConfigError(
            f"{folder} has no wheels for {target} of: {', '.join(missing)}",
            hint=how_to_get([text.partition(" ")[0] for text in missing], target),
        )
    for path in chosen:
        _require_honest(path)
    for path in [path for path in present if path not in chosen]:
        log.info("not needed for %s: %s", target, path.name)
    return sorted(chosen, key=lambda path: path.name)


def how_to_get(pins: Sequence[str], target: Target) -> str:
    """Commands that bring the wheels of these pins."""
    pins = list(dict.fromkeys(pins))
    runtime = [pin for pin in pins if pin.startswith("llama-cpp-python==")]
    others = [pin for pin in pins if pin not in runtime]
    said = []
    if runtime:
        machine = f" --machine {target.machine}" if target.is_foreign else ""
        said.append(
            f"Build the runtime with `python -m sfta_export.toolchain{machine}`, or on a device"
            " without that option, and copy the wheel whose path it prints."
        )
    if others:
        said.append(
            f"On a machine of the kind {target.machine}, for each Python:"
            f" `python -m pip wheel --no-deps --wheel-dir FOLDER {' '.join(others)}`,"
            " and name the folder in bundle.wheels."
        )
    return " ".join(said)


def _best(paths: Sequence[Path], pin: str, rank: Mapping[Tag, int]) -> Path | None:
    fitting = []
    for path in paths:
        if pin_of(path.name) != pin:
            continue
        ranks = [rank[tag] for tag in parse_wheel_filename(path.name)[3] if tag in rank]
        if ranks:
            fitting.append((min(ranks), path.name, path))
    return min(fitting)[2] if fitting else None


def _described(pin: str, present: Sequence[Path]) -> str:
    others = [path.name for path in present if pin_of(path.name) == pin]
    return f"{pin} (only {' and '.join(others)})" if others else pin


def _require_honest(path: Path) -> None:
    wheel = Wheel.read(path)
    inner = f"{wheel.name}=={wheel.version}"
    if inner != pin_of(path.name):
        raise IntegrityError(
            f"{path.name} is a wheel of {inner}", hint=f"Delete {path} and fetch it again."
        )
    stated = _tags_inside(path)
    if stated.isdisjoint(parse_wheel_filename(path.name)[3]):
        raise IntegrityError(
            f"{path.name} was built for {', '.join(sorted(map(str, stated))) or 'nothing'}",
            hint="It was renamed; build it for the kind of device that its name says.",
        )


def _tags_inside(path: Path) -> set[Tag]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dist-info/WHEEL")]
        text = archive.read(names[0]).decode("utf-8", "replace") if names else ""
    tags = Parser().parsestr(text).get_all("Tag") or []
    return {tag for line in tags for tag in parse_tag(str(line))}
