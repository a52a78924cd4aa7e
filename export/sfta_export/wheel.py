"""The runtime's wheel: the bindings of the source archive plus the built libraries.

Format: PyPA binary distribution format 1.0, https://packaging.python.org/specifications/.
Same inputs, same bytes: names sorted, one date, one compression level.
"""

import base64
import hashlib
import platform
import re
import zipfile
from email.parser import Parser
from pathlib import Path

from sfta_edge.errors import IntegrityError

_PACKAGE = "llama_cpp"
_DATE = (1980, 1, 1, 0, 0, 0)
_GLIBC = re.compile(rb"(?<=\0)GLIBC_2\.(\d+)(?:\.\d+)?(?=\0)")


def pack(source: Path, libraries: list[Path], folder: Path, *, machine: str = "") -> Path:
    """Write the wheel into `folder`; return its path.

    Args:
        source: The unpacked source archive.
        libraries: The built libraries, none a link.
        folder: Where the wheel goes.
        machine: What the libraries run on, as ``uname -m`` says it; empty is this machine.
    """
    metadata = (source / "PKG-INFO").read_bytes()
    fields = Parser().parsestr(metadata.decode("utf-8"))
    stem = f"{fields['Name'].replace('-', '_')}-{fields['Version']}"
    tag = f"py3-none-{platform_tag(libraries, machine)}"
    info = f"{stem}.dist-info"
    members = {f"{_PACKAGE}/lib/{path.name}": path.read_bytes() for path in libraries}
    for path in sorted((source / _PACKAGE).rglob("*")):
        if path.is_file() and path.suffix in (".py", ".typed"):
            members[path.relative_to(source).as_posix()] = path.read_bytes()
    members[f"{info}/METADATA"] = metadata
    members[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: sfta-export\nRoot-Is-Purelib: false\nTag: {tag}\n"
    ).encode()
    for name, path in _licences(source).items():
        members[f"{info}/licenses/{name}"] = path.read_bytes()
    members[f"{info}/RECORD"] = record(members, f"{info}/RECORD")
    target = folder / f"{stem}-{tag}.whl"
    write_zip(target, members)
    return target


def platform_tag(libraries: list[Path], machine: str = "") -> str:
    """The oldest system the libraries load on, as PEP 600 spells it.

    The C library's version is read from the symbol versions the libraries ask for, not from
    the machine that built them.
    """
    if any(path.is_symlink() for path in libraries):
        raise IntegrityError("a wheel cannot hold links")
    machine = machine or platform.machine()
    found = {int(minor) for path in libraries for minor in _GLIBC.findall(path.read_bytes())}
    return f"manylinux_2_{max(found)}_{machine}" if found else f"linux_{machine}"


def _licences(source: Path) -> dict[str, Path]:
    return {
        "LICENSE.md": source / "LICENSE.md",
        "llama.cpp-LICENSE": source / "vendor" / "llama.cpp" / "LICENSE",
    }


def record(members: dict[str, bytes], own_name: str) -> bytes:
    """The RECORD of a wheel: path, hash and size of every member."""
    lines = []
    for name in sorted(members):
        digest = base64.urlsafe_b64encode(hashlib.sha256(members[name]).digest()).rstrip(b"=")
        lines.append(f"{name},sha256={digest.decode()},{len(members[name])}")
    return "\n".join([*lines, f"{own_name},,", ""]).encode()


def write_zip(target: Path, members: dict[str, bytes]) -> None:
    """Write a wheel's archive; the same members give the same bytes."""
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # POSIX, so that the mode below is read
            entry.external_attr = (0o100755 if name.endswith(".so") else 0o100644) << 16
            archive.writestr(entry, members[name], compresslevel=9)
