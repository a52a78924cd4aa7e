"""The program `tesseract`: whether it is there, which one it is, and one run of it.

It gets grey pixels on its standard input, never a file of the user's: pictures are decoded in
the limited process that calls it, and not by its own libraries. One thread, so that a page's
text does not depend on the machine's load.
"""

import contextlib
import hashlib
import math
import os
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image

from sfta.documents.ocr.setting import WALL_FACTOR
from sfta_edge.errors import MissingDependencyError, ToolError

PROGRAM = "tesseract"
ORIENTATION = "osd"
"""The model that tells which side of a page is up."""
_INSTALL = "apt-get install tesseract-ocr"
_OLDEST = 4  # version 3 knows no confidence that means anything
_VERSION = re.compile(r"^(tesseract|\s*leptonica-)\s*v?(\d+\.\d+(?:\.\d+)?\S*)", re.MULTILINE)
_FOLDER = re.compile(r'in "(.+)"')
_ASK_SECONDS = 120
_DIGEST_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Engine:
    """The program and the models that decide what it reads."""

    version: str
    leptonica: str
    models: tuple[tuple[str, str], ...]
    """Name of each language, and the beginning of its model's sha256."""

    def __str__(self) -> str:
        models = ", ".join(f"{name} {digest}" for name, digest in self.models)
        return f"tesseract {self.version}, leptonica {self.leptonica}, {models}"


class NoTesseractError(MissingDependencyError):
    """The program itself is missing or of no use."""


class PageTimeoutError(ToolError):
    """One page took too long."""


@lru_cache(maxsize=8)
def find_engine(languages: tuple[str, ...]) -> Engine:
    """The engine that reads these languages.

    Raises:
        MissingDependencyError: no program, too old a one, or no model of a language; says
            what to install.
        ToolError: the program does not answer.
    """
    if shutil.which(PROGRAM) is None:
        raise NoTesseractError(f"tesseract is not installed: {_INSTALL}")
    told = _VERSION.findall(_ask("--version"))
    found = {name.strip(" -"): number for name, number in told}
    version = found.get("tesseract", "0")
    if int(version.partition(".")[0]) < _OLDEST:
        raise NoTesseractError(f"tesseract {version} is too old: {_INSTALL}")
    listed = _ask("--list-langs")
    known = set(listed.splitlines()[1:])
    if absent := [name for name in languages if name not in known]:
        packages = " ".join(f"tesseract-ocr-{_package(name)}" for name in absent)
        raise MissingDependencyError(
            f"tesseract has no model for {', '.join(absent)}: apt-get install {packages}"
        )
    used = [*languages, *({ORIENTATION} & known - set(languages))]
    models = tuple((name, _digest(listed, name)) for name in used)
    return Engine(version, found.get("leptonica", "unknown"), models)


def _package(language: str) -> str:
    """Debian writes script/Latin as script-latn and chi_sim as chi-sim."""
    return language.lower().replace("_", "-").replace("/", "-")


def _ask(option: str) -> str:
    try:
        done = subprocess.run(
            [PROGRAM, option],
            capture_output=True,
            text=True,
            errors="replace",
            env=_environment(),
            timeout=_ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"tesseract does not answer: {error}") from error
    # Version 4 answers on standard error.
    return done.stdout or done.stderr


def _digest(listed: str, language: str) -> str:
    folder = _FOLDER.search(listed)
    path = Path(folder[1] if folder else "") / f"{language}.traineddata"
    if not path.is_file():
        return "unknown"
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:_DIGEST_DIGITS]


def run_tesseract(
    image: Image.Image, dpi: int, languages: Sequence[str], mode: str, seconds: float
) -> str:
    """What the program says about a grey picture.

    Args:
        image: of mode `L`.
        dpi: pixels per inch.
        languages: names of models.
        mode: `text` for hOCR, `orientation` for which side is up.
        seconds: processor time that is left for it; wall time is a multiple of it.

    Raises:
        PageTimeoutError: it took longer.
        ToolError: it ended with an error; says its last line.
    """
    pixels = f"P5 {image.width} {image.height} 255\n".encode() + image.tobytes()
    cpu_seconds = max(math.ceil(seconds), 1)
    with subprocess.Popen(
        _command(dpi, languages, mode),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
    ) as program:
        # Processor time, so that a page does not fail because the machine is busy.
        _limit(program.pid, cpu_seconds)
        try:
            said, complaint = program.communicate(pixels, cpu_seconds * WALL_FACTOR)
        except subprocess.TimeoutExpired:
            program.kill()
            raise PageTimeoutError("tesseract took too long") from None
    if program.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise PageTimeoutError("tesseract took too long")
    if program.returncode:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:] or [""]
        raise ToolError(f"tesseract ended with status {program.returncode} {last[0]}".rstrip())
    return said.decode(errors="replace")


def answer_key(image: Image.Image, dpi: int, languages: Sequence[str], mode: str) -> str:
    """Digest of all that decides what one program says about a picture."""
    asked = f"{_command(dpi, languages, mode)} {image.size}".encode()
    return hashlib.sha256(asked + image.tobytes()).hexdigest()


def _limit(process: int, cpu_seconds: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    # The limit of the process that calls is inherited, and must not be raised.
    wanted = (cpu_seconds, cpu_seconds + 1)
    soft, hard = wanted if most == resource.RLIM_INFINITY else (min(v, most) for v in wanted)
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(process, resource.RLIMIT_CPU, (soft, hard))


def _command(dpi: int, languages: Sequence[str], mode: str) -> list[str]:
    start = [PROGRAM, "stdin", "stdout", "--dpi", str(dpi)]
    if mode == "orientation":
        return [*start, "-l", ORIENTATION, "--psm", "0"]
    return [*start, "-l", "+".join(languages), "--psm", "3", "hocr"]


def _environment() -> dict[str, str]:
    names = ("PATH", "TMPDIR", "TESSDATA_PREFIX")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return kept | {"LANG": "C.UTF-8", "OMP_THREAD_LIMIT": "1"}
