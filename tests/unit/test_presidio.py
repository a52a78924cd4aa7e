"""Microsoft Presidio, where it is installed: without a model, without a network."""

import socket

import pytest

from sfta.adapters import presidio
from sfta_edge.errors import ConfigError, MissingDependencyError

TEXT = (
    "Mail jane@doe.com, card 4111 1111 1111 1111, call +49 89 1234567, host 10.2.3.44,"
    " IBAN DE89370400440532013000, SSN 123-45-6788."
)


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(presidio, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="needs the package") as error:
        presidio.finder()
    assert "sfta[presidio]" in error.value.hint


@pytest.fixture
def installed(monkeypatch):
    pytest.importorskip("presidio_analyzer", reason="the extra sfta[presidio] is missing")

    def refuse(*args, **kwargs):
        raise AssertionError("the analyser asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("installed")
def test_pattern_recognisers_work_without_model_and_network():
    found = presidio.finder()(TEXT)
    assert [(TEXT[start:end], kind) for start, end, kind in found] == [
        ("jane@doe.com", "EMAIL"),
        ("4111 1111 1111 1111", "CREDIT_CARD"),
        ("+49 89 1234567", "PHONE"),
        ("10.2.3.44", "IP_ADDRESS"),
        ("DE89370400440532013000", "IBAN"),
        ("123-45-6788", "NATIONAL_ID"),
    ]


@pytest.mark.usefixtures("installed")
def test_a_long_text_is_read_to_its_end(monkeypatch):
    monkeypatch.setattr(presidio, "_LONGEST", 50)
    text = " " * 100 + "jane@doe.com"
    assert presidio.finder()(text) == [(100, 112, "EMAIL")]


@pytest.mark.usefixtures("installed")
def test_an_unknown_model_is_named():
    with pytest.raises(ConfigError, match="there is no spaCy model none_such"):
        presidio.finder("none_such")
