"""What an image says that it holds."""

import json
import subprocess
import sys
from pathlib import Path

from wheels_made import write_wheel

FOLDER = Path(__file__).parents[2] / "containers"


def test_the_bill_of_materials_of_an_image_lists_its_wheels(tmp_path):
    write_wheel(tmp_path, "tiny", "1.0")
    command = [sys.executable, FOLDER / "image_sbom.py", "sfta-edge", "0.1.0", tmp_path]
    first, again = (
        subprocess.run(command, check=True, capture_output=True).stdout for _ in "ab"
    )
    body = json.loads(first)
    assert first == again
    assert body["bomFormat"] == "CycloneDX"
    assert body["metadata"]["component"] == {
        "type": "container",
        "bom-ref": "sfta-edge",
        "name": "sfta-edge",
        "version": "0.1.0",
    }
    assert [each["purl"] for each in body["components"]] == ["pkg:pypi/tiny@1.0"]
    wheel = "wheels/tiny-1.0-py3-none-any.whl"
    assert body["dependencies"] == [{"ref": "sfta-edge", "dependsOn": [wheel]}]
