# ruff: noqa: INP001 - a script, not a package
"""Prints the bill of materials of an image: its wheels, CycloneDX 1.6 in JSON.

    python image_sbom.py NAME VERSION WHEELS >sbom.json

The packages of the base image are not in it: the base's maker knows them.
"""

import json
import sys
import uuid
from pathlib import Path

from sfta.adapters.wheel_file import Wheel
from sfta.stages.sbom import sbom
from sfta_edge.manifest import canonical_json

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:sfta:image")


def image_sbom(name: str, version: str, folder: Path) -> bytes:
    """The document's bytes: as a bundle's, with the image as what it describes.

    Args:
        name: of the image.
        version: of the image.
        folder: holds the wheels that are installed in it.

    Raises:
        IntegrityError: a file there is no wheel.
    """
    wheels = [Wheel.read(path) for path in sorted(folder.glob("*.whl"))]
    body = json.loads(sbom(name, 0, wheels, []))
    body["metadata"]["component"] = {
        "type": "container",
        "bom-ref": name,
        "name": name,
        "version": version,
    }
    (depends,) = body["dependencies"]
    depends["ref"] = name
    del body["serialNumber"]
    body["serialNumber"] = f"urn:uuid:{uuid.uuid5(_NAMESPACE, canonical_json(body).decode())}"
    return canonical_json(body)


if __name__ == "__main__":
    sys.stdout.buffer.write(image_sbom(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
