"""The package index is asked for the device's wheels, and all that it lacks is named at once."""

from pathlib import Path

import pytest

from sfta.adapters.wheel_index import fetch
from sfta.adapters.wheel_target import Target
from sfta_edge.errors import ConfigError, ToolError

PI = Target("aarch64", ("3.11",), "2.36")
PINS = ["numpy==2.0", "flask==3.1", "speed==1.0"]


class Index:
    """Stands for pip: knows some wheels, and complains as pip does."""

    def __init__(self, *lacking, hint=""):
        self.lacking, self.hint, self.calls = lacking, hint, []

    def __call__(self, arguments):
        self.calls.append(arguments)
        for pin in self.lacking:
            if pin in arguments:
                raise ToolError(
                    f"pip: No matching distribution found for {pin} ", hint=self.hint
                )


def ask(index, tmp_path, given=()):
    fetch(PI, "3.11", PINS, given=given, into=tmp_path / "found", run=index)


def test_pip_is_asked_for_wheels_of_the_device_and_nothing_beside_the_pins(tmp_path):
    index = Index()
    ask(index, tmp_path, [Path("/w/speed-1.0-py3-none-any.whl")])
    (call,) = index.calls
    assert call[-3:] == ["/w/speed-1.0-py3-none-any.whl", "numpy==2.0", "flask==3.1"]
    assert "--no-deps" in call
    assert call[call.index("--only-binary") + 1] == ":all:"
    assert call[call.index("--python-version") + 1] == "3.11"
    tags = [call[at + 1] for at, part in enumerate(call) if part == "--platform"]
    assert tags[0] == "manylinux_2_36_aarch64"
    assert "manylinux2014_aarch64" in tags
    assert not [tag for tag in tags if "x86" in tag]


def test_everything_that_the_index_lacks_is_named_at_once(tmp_path):
    index = Index("numpy==2.0", "speed==1.0")
    with pytest.raises(ConfigError) as caught:
        ask(index, tmp_path)
    assert "has no wheels for aarch64 with Python 3.11" in str(caught.value)
    assert str(caught.value).endswith("of: numpy==2.0, speed==1.0")
    assert (
        "pip wheel --no-deps --wheel-dir FOLDER numpy==2.0 flask==3.1 speed==1.0"
        in caught.value.hint
    )


def test_an_index_that_cannot_be_reached_is_not_said_to_lack_everything(tmp_path):
    index = Index("numpy==2.0", hint="It cannot be reached now.")
    with pytest.raises(ToolError, match="No matching distribution"):
        ask(index, tmp_path)
    assert len(index.calls) == 1
