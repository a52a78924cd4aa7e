"""The pinned source archive: fetched through pip, checked by hash, unpacked once."""

import logging
import os
import posixpath
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfta_edge.errors import IntegrityError, ToolError
from sfta_edge.manifest import sha256_file

log = logging.getLogger("sfta")
# Vocabulary fixtures and a link to another repository: large, and not needed to build.
_SKIPPED = ("vendor/llama.cpp/models/", "vendor/llama.cpp/.git", "vendor/llama.cpp/media/")
# Python before 3.11.4, such as Debian 12's own, has no filter to name.
_FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


@dataclass(frozen=True, slots=True)
class Pin:
    """One source archive of one package."""

    package: str
    version: str
    file: str
    """Name of the archive."""
    sha256: str
    recipe: int
    """Number of the way it is built."""


def fetch(pin: Pin, folder: Path, archive: Path | None = None) -> Path:
    """The archive, from `archive` or the configured package index, hash checked.

    Raises:
        IntegrityError: the file is not the pinned one.
        ToolError: pip could not download it.
    """
    if archive is not None:
        return checked(pin, archive)
    kept = folder / pin.file
    if not kept.is_file() or sha256_file(kept)[0] != pin.sha256:
        _download(pin, folder)
    return checked(pin, kept)


def checked(pin: Pin, archive: Path) -> Path:
    """The same path, if it holds the pinned bytes; else `IntegrityError`."""
    try:
        found = sha256_file(archive)[0]
    except OSError as error:
        raise IntegrityError(f"cannot read {archive}: {error}") from error
    if found != pin.sha256:
        raise IntegrityError(
            f"{archive} has sha256 {found}, pinned is {pin.sha256}",
            hint=f"Get {pin.file} of {pin.package} {pin.version} from a source you trust.",
        )
    return archive


def unpack(archive: Path, target: Path) -> Path:
    """Unpack below `target` once; return the archive's own top folder.

    Raises:
        IntegrityError: the archive is damaged, or a member would land outside `target`.
    """
    if not target.is_dir():
        log.info("unpacking %s", archive.name)
        scratch = target.with_name(f"{target.name}.part")
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            with tarfile.open(archive) as tar:
                _extract(tar, scratch)
        except (tarfile.TarError, EOFError) as error:
            raise IntegrityError(f"{archive} cannot be unpacked: {error}") from error
        scratch.rename(target)
    tops = [path for path in target.iterdir() if path.is_dir()]
    if len(tops) != 1:
        raise IntegrityError(f"{archive} holds {len(tops)} top folders, one was expected")
    return tops[0]


def _extract(tar: tarfile.TarFile, target: Path) -> None:
    for member in tar:
        member.name = member.name.lstrip("/")
        if member.name.partition("/")[2].startswith(_SKIPPED):
            continue
        if not _lands_inside(member):
            raise tarfile.TarError(f"{member.name} would land outside, or is no plain file")
        tar.extract(member, target, **_FILTER)


def _lands_inside(member: tarfile.TarInfo) -> bool:
    """Whether a member, and what it links to, lies below the target."""
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        return False
    paths = [member.name]
    if member.issym():
        paths.append(posixpath.join(posixpath.dirname(member.name), member.linkname))
    elif member.islnk():
        paths.append(member.linkname)
    return not any(
        posixpath.isabs(path) or posixpath.normpath(path).split("/")[0] == ".."
        for path in paths
    )


def _download(pin: Pin, folder: Path) -> None:
    log.info("downloading %s (pip prepares its metadata first)", pin.file)
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{pin.package}=={pin.version} --hash=sha256:{pin.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", pin.package, "--require-hashes", "-r", str(requirements)]
    command += ["--dest", str(folder), "--disable-pip-version-check"]
    # A constraints file of the caller would apply to the build requirements as well.
    environment = {k: v for k, v in os.environ.items() if k != "PIP_CONSTRAINT"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise ToolError(
            f"pip could not download {pin.package} {pin.version}:\n{tail}",
            hint=f"Without a package index, pass --archive path/to/{pin.file}.",
        )
