"""The file that a technician sends by hand names nobody and no document, wherever they stand."""

import io
import json
import zipfile

import pytest

from planted_secrets import (
    ADDRESS,
    GROUP,
    HOST,
    SAID,
    USER,
    VARIABLE,
    Planted,
    everything,
    ways,
)
from sfta_edge.diagnostics import known_names
from sfta_edge.diagnostics.collection import Wanted, collected
from sfta_edge.diagnostics.examination import Doctor
from sfta_edge.diagnostics.packing import packed
from sfta_edge.launcher import STAYS
from sfta_edge.slots import read_state

SHORTEST = 5


@pytest.fixture(name="planted", scope="module")
def _planted(tmp_path_factory):
    return Planted(tmp_path_factory.mktemp("planted"))


@pytest.fixture(name="made", scope="module")
def _made(planted):
    """The parts of a file, made where the machine, too, has secrets."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SFTA_TOKEN", "SFTA_ROOT", "LD_PRELOAD", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, VARIABLE)
        patch.setattr("platform.node", lambda: HOST)
        patch.setattr("platform.release", lambda: f"6.1.0-{HOST}")
        patch.setattr(known_names.socket, "gethostname", lambda: HOST)
        patch.setattr(known_names.getpass, "getuser", lambda: USER)
        doctor = talkative(planted.folder)
        return collected(planted.root, Wanted("", planted.log, planted.metrics, doctor))


def talkative(folder):
    """A doctor that tells everything it saw."""
    findings = [
        {
            "part": "python",
            "ok": True,
            "detail": everything("3.11"),
            "hint": "",
            "exit_code": 0,
        },
        {
            "part": "bundle",
            "ok": False,
            "detail": "x",
            "hint": everything("see"),
            "exit_code": 4,
        },
        {"part": "answer", "ok": True, "detail": f"1.5 s, 30 tokens: {everything('')}"},
    ]
    script = folder / "doctor"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps({'findings': findings})}\nEND\n")
    script.chmod(0o755)
    return Doctor((str(script),))


def leaks(content, secrets):
    """Secrets, and words of them, that stand in the content in whatever spelling."""
    folded = content.decode("utf-8", "replace").casefold()
    return [
        (secret, way)
        for secret in secrets
        for way in ways(secret)
        if len(way) >= SHORTEST and way.casefold() in folded
    ]


def leaking(parts, secrets):
    return {name: found for name, raw in parts.items() if (found := leaks(raw, secrets))}


def test_nothing_secret_is_in_any_part_in_any_spelling(planted, made):
    assert len(planted.secrets) > len(SAID)
    assert {
        name: found for name, raw in made.items() if (found := leaks(raw, planted.secrets))
    } == {}


def test_nor_are_single_words_of_what_people_wrote(made):
    words = {word for text in SAID for word in text.replace("/", " ").split() if len(word) > 4}
    words -= {"Dampf"}
    assert len(words) > 20
    assert leaking(made, words) == {}


def test_nor_is_anything_in_the_archive_as_it_lies_on_the_stick(planted, made):
    whole = packed(made)
    assert leaks(whole, planted.secrets) == []
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert leaks(repr(archive.infolist()).encode() + archive.comment, planted.secrets) == []


def test_the_search_finds_what_is_there(planted):
    """A search that finds nothing anywhere would pass every test above."""
    raw = planted.log.read_bytes()
    assert {secret for secret, _ in leaks(raw, planted.secrets)} == planted.secrets
    assert leaks(json.dumps({"x": USER.encode().hex()}).encode(), [USER])


def test_what_is_of_use_is_still_there(made):
    parts = {name: json.loads(raw) for name, raw in made.items() if name.endswith(".json")}
    assert parts["status.json"]["slots"]["a"]["name"] == "manuals"
    assert parts["status.json"]["reason"].startswith("the worker is down: <")
    assert parts["settings.json"]["answer"]["top_k"] == 3
    assert parts["audit.json"]["intact"] is True
    assert parts["databases.json"]["accounts.sqlite"]["integrity_check"] == ["ok"]
    assert parts["databases.json"]["accounts.sqlite"]["rows"]["users"] == 1
    assert parts["databases.json"]["knowledge.sqlite"]["rows"]["documents"] == 1
    assert [job["state"] for job in parts["jobs.json"]] == ["waiting", "done"]
    assert parts["jobs.json"][0]["error"].startswith("it cannot be read: <")
    assert parts["metrics.json"]["jobs"] == {"done": 1, "waiting": 1}
    assert parts["metrics.json"]["server"][0]["value"] == 7
    assert "the worker is down. <" in " ".join(parts["log.json"])
    assert parts["doctor.json"][2]["detail"] == "1.5 s, 30 tokens"
    assert parts["hardware.json"]["release"] == "6.1.0"
    assert parts["packages.json"]["apsw"]


def test_a_pseudonym_stands_for_one_value_in_one_file_only(planted, made):
    def owners(parts):
        return {job["owner"] for job in json.loads(parts["jobs.json"])}

    again = collected(planted.root, Wanted(doctor=None))
    assert len(owners(made)) == 1
    assert owners(made).isdisjoint(owners(again))
    (owner,) = owners(made)
    assert owner in json.loads(made["jobs.json"])[0]["error"]


def test_the_file_says_what_was_left_out_and_how_much_was_replaced(made):
    told = json.loads(made["left-out.json"])
    assert all(told["left_out"].values())
    assert {"user", "document", "group", "address", "path"} <= set(told["replaced"])
    assert any(name.startswith("names in") for name in told["problems"]) is False


def test_what_the_launcher_noted_is_redacted_too(planted):
    probation = read_state(planted.root).probation
    (planted.root / STAYS).write_text(f"{probation} {everything('changed')}")
    parts = collected(planted.root, Wanted(doctor=None))
    (planted.root / STAYS).unlink()
    assert leaks(parts["status.json"], planted.secrets) == []


@pytest.mark.parametrize("name", ["accounts.sqlite", "jobs.sqlite", "history.sqlite"])
def test_where_names_cannot_be_read_they_are_not_told_either(planted, name):
    """Unreadable names are not known, but they are no words of the program."""
    path = planted.data / name
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:100] + everything("page").encode() * 20)
        parts = collected(planted.root, Wanted("", planted.log, None, None))
    finally:
        path.write_bytes(whole)
    told = json.loads(parts["left-out.json"])["problems"]
    assert f"names in {name}" in told
    assert {
        n: found for n, raw in parts.items() if (found := leaks(raw, planted.secrets))
    } == {}


def test_the_label_alone_is_written_as_it_is(planted):
    parts = collected(planted.root, Wanted("plant-1", doctor=None))
    assert json.loads(parts["status.json"])["device"] == "plant-1"
    assert GROUP not in str(parts)
    assert ADDRESS not in str(parts)
