"""An error says what happened and what to do, and has one exit code per family."""

import pytest

from sfta_edge.errors import (
    ConfigError,
    IntegrityError,
    MissingDependencyError,
    SftaError,
    ToolError,
)


@pytest.mark.parametrize(
    ("family", "code"),
    [
        (SftaError, 1),
        (ConfigError, 2),
        (MissingDependencyError, 3),
        (IntegrityError, 4),
        (ToolError, 5),
    ],
)
def test_a_family_has_the_exit_code_of_the_reference(family, code):
    assert family.exit_code == code
    assert issubclass(family, SftaError)


def test_message_and_hint_are_apart():
    error = IntegrityError("changed: model.gguf", hint="Copy it again.")
    assert (str(error), error.hint) == ("changed: model.gguf", "Copy it again.")


def test_a_hint_is_optional():
    assert ToolError("it failed").hint == ""


def test_a_worker_process_can_hand_an_error_over():
    # The protocol of pickling, which multiprocessing uses, without bytes in between.
    rebuild, arguments, state = ConfigError("no such file", hint="Check the path.").__reduce__()
    copy = rebuild(*arguments)
    copy.__dict__.update(state)
    assert (type(copy), str(copy), copy.hint) == (
        ConfigError,
        "no such file",
        "Check the path.",
    )
