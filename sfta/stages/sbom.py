"""The bill of materials of a bundle, CycloneDX 1.6 (ECMA-424) in JSON.

Same parts, same bytes: there is no date in it, and the serial number comes from the parts.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from sfta import __version__
from sfta.adapters.wheel_file import Wheel
from sfta_edge.manifest import FileEntry, canonical_json

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:sfta:sbom")


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the bundle that is no wheel."""

    kind: str
    """CycloneDX component type: machine-learning-model, data, file."""
    file: FileEntry
    description: str
    licence: str = ""
    """SPDX expression or the words of its maker; empty if nothing is stated."""


def sbom(name: str, counter: int, wheels: Sequence[Wheel], parts: Sequence[Part]) -> bytes:
    """The document's bytes."""
    components = [_wheel(wheel) for wheel in wheels] + [_part(part) for part in parts]
    root = {"type": "application", "bom-ref": "bundle", "name": name, "version": str(counter)}
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": root,
            "tools": {
                "components": [{"type": "application", "name": "sfta", "version": __version__}]
            },
        },
        "components": components,
        "dependencies": [
            {"ref": "bundle", "dependsOn": sorted(one["bom-ref"] for one in components)}
        ],
    }
    serial = uuid.uuid5(_NAMESPACE, canonical_json(body).decode())
    return canonical_json({**body, "serialNumber": f"urn:uuid:{serial}"})


def _wheel(wheel: Wheel) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": f"wheels/{wheel.path.name}",
        "name": wheel.name,
        "version": wheel.version,
        "purl": f"pkg:pypi/{wheel.name}@{wheel.version}",
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
        "licenses": [_licence(wheel.licence)],
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "type": part.kind,
        "bom-ref": part.file.path,
        "name": part.file.path,
        "description": part.description,
        "hashes": [{"alg": "SHA-256", "content": part.file.sha256}],
        **({"licenses": [_licence(part.licence)]} if part.licence else {}),
    }


def _licence(stated: str) -> dict[str, Any]:
    """An SPDX expression as such; other words as the name their maker gives."""
    try:
        return {"expression": str(canonicalize_license_expression(stated))}
    except InvalidLicenseExpression:
        return {"license": {"name": stated}}
