"""Any bytes are what they should be, or end in one typed error."""

import io
import json
import os
import socket
import threading
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sfta_edge.archive import BLOCK, header, read_files, read_manifest
from sfta_edge.bundle import check_layout
from sfta_edge.errors import IntegrityError, SftaError
from sfta_edge.golden import Golden, GoldenQuestion
from sfta_edge.manifest import Manifest, canonical_json
from sfta_edge.prompt import PromptContract
from sfta_edge.seal import seal
from sfta_edge.settings import AnswerSettings
from sfta_edge.slots import State
from sfta_edge.trust import TrustRoot
from sfta_edge.worker.failures import FrameError
from sfta_edge.worker.frames import Frame, frame_bytes, read_frame
from signed_bundles import KEY, PUBLIC, facts

EXAMPLES = int(os.environ.get("SFTA_FUZZ", "100"))
MANY = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))

numbers = st.integers() | st.floats() | st.sampled_from([True, 2**63, 10**400, -1, 0])
leaves = st.none() | st.booleans() | numbers | st.text(st.characters(codec=None), max_size=8)
JSON = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def replaced(value, path, new):
    """A document of JSON with one of its values replaced."""
    if not path or not isinstance(value, dict | list) or not value:
        return new
    keys = sorted(value) if isinstance(value, dict) else range(len(value))
    key = list(keys)[path[0] % len(value)]
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = replaced(copy[key], path[1:], new)
    return copy


def broken(sound):
    """Documents that are nearly sound: one value or one byte is another."""
    paths = st.lists(st.integers(0, 50), max_size=4)
    values = st.builds(lambda path, new: replaced(json.loads(sound), path, new), paths, JSON)
    spelt = values.map(lambda value: json.dumps(value, sort_keys=True, separators=(",", ":")))
    flipped = st.builds(
        lambda at, by: sound[: at % len(sound)] + by + sound[at % len(sound) + len(by) :],
        st.integers(0, 10_000),
        st.binary(min_size=1, max_size=6),
    )
    return spelt.map(str.encode) | flipped | st.binary(max_size=100) | JSON.map(_dumped)


def _dumped(value):
    return json.dumps(value).encode()


MANIFEST = canonical_json(
    {
        "schema": "sfta.manifest/1",
        "kind": "bundle",
        "files": [
            {"path": f"model/{n}.gguf", "size": n, "sha256": "ab" * 32} for n in range(3)
        ],
        "facts": facts(3),
    }
)
SLOT = {
    "name": "m", "counter": 1, "digest": "d", "manifest": "e", "key": "ab", "environment": "",
}  # fmt: skip
STATE = canonical_json(
    {
        "schema": "sfta.slots/1", "active": "a", "slots": {"a": SLOT, "b": SLOT},
        "counters": {"ab": 1}, "probation": "", "reason": "", "launch": "", "fallback": "",
    }
)  # fmt: skip


@MANY
@given(broken(MANIFEST))
@example(b"[" * 20_000)
@example(b'{"schema":"sfta.manifest/1","kind":"x","facts":{},"files":[1e999]}')
def test_any_bytes_are_a_manifest_or_one_error(raw):
    with suppress(IntegrityError):
        manifest = Manifest.from_bytes(raw)
        assert Manifest.from_bytes(manifest.to_bytes()) == manifest
        check_layout(manifest)


@MANY
@given(broken(STATE))
@example(b"[" * 20_000)
def test_any_bytes_are_a_state_or_one_error(raw):
    with suppress(IntegrityError):
        state = State.from_bytes(raw)
        assert State.from_bytes(state.to_bytes()) == state
        assert state.current is None or state.current in state.slots.values()
        assert state.on_probation().without(state.spare).active == state.active


@MANY
@given(data=st.data())
def test_any_bytes_are_a_trust_file_or_one_error(data):
    from sfta_edge.trust import make_trust, raw_key

    sound = make_trust(
        version=1, threshold=1, root_keys=(raw_key(PUBLIC),),
        signing_keys={raw_key(PUBLIC): "release"}, revoked=("ab" * 32,),
    ).signed_by(KEY)  # fmt: skip
    raw = data.draw(broken(sound.to_bytes()))
    with suppress(IntegrityError):
        assert TrustRoot.from_bytes(raw).to_bytes() == raw


@MANY
@given(broken(canonical_json({"top_k": 2, "max_tokens": 9, "refusal_threshold": 0.5})))
def test_any_settings_are_settings_or_one_error(raw):
    with suppress(ValueError, SftaError):
        told = json.loads(raw)
        if isinstance(told, dict):
            AnswerSettings.from_facts(told)


@MANY
@given(data=st.data())
def test_any_bytes_are_a_prompt_or_one_error(data, contract):
    with suppress(SftaError):
        PromptContract.from_bytes(data.draw(broken(contract.to_bytes())))


GOLDEN = Golden((GoldenQuestion("q", refused=False, places=(("m.pdf", 3),)),)).to_bytes()


@MANY
@given(broken(GOLDEN))
@example(GOLDEN.replace(b"3", b"1e999"))
@example(b"[" * 20_000)
def test_any_bytes_are_golden_questions_or_one_error(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "golden.json"
    path.write_bytes(raw)
    with suppress(IntegrityError):
        Golden.read(path)


@pytest.fixture(name="archive", scope="module")
def _archive(tmp_path_factory):
    """A sound archive, its manifest, and where its headers are."""
    from sfta_edge.archive import write_archive

    folder = tmp_path_factory.mktemp("sound") / "bundle"
    for name, content in (("model/m.gguf", b"weights" * 99), ("prompt.json", b"{}")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    manifest = seal(folder, facts(1), KEY)
    write_archive(folder, manifest, folder.with_suffix(".tar"))
    return folder.with_suffix(".tar").read_bytes(), manifest


def read(raw):
    """All that a device makes of an archive, in memory."""
    stream, written = io.BytesIO(raw), {}

    def sink(entry):
        written[entry.path] = bytearray()
        return written[entry.path].extend

    manifest, _, _ = read_manifest(stream, PUBLIC)
    read_files(stream, manifest, sink)
    return manifest, written


edits = st.lists(
    st.tuples(
        st.sampled_from(["cut", "set", "insert", "delete", "repeat", "swap", "field"]),
        st.integers(0, 1 << 20),
        st.integers(0, 1 << 12),
        st.binary(min_size=1, max_size=155),
    ),
    min_size=1,
    max_size=4,
)
FIELDS = [(0, 100), (100, 8), (108, 8), (116, 8), (124, 12), (136, 12), (148, 8), (156, 1),
          (157, 100), (257, 8), (265, 32), (297, 32), (329, 16), (345, 155)]  # fmt: skip


def edited(raw, changes):
    """An archive after what a courier could do to it."""
    for kind, place, length, content in changes:
        at = place % (len(raw) or 1)
        block = at - at % BLOCK
        if kind == "cut":
            raw = raw[:at]
        elif kind == "set":
            raw = raw[:at] + content + raw[at + len(content) :]
        elif kind == "insert":
            raw = raw[:block] + header("evil", length) + content + raw[block:]
        elif kind == "delete":
            raw = raw[:block] + raw[block + BLOCK :]
        elif kind == "repeat":
            raw += raw[block : block + length]
        elif kind == "swap":
            raw = raw[:block] + raw[block + BLOCK : block + 2 * BLOCK] + raw[block:]
        else:
            start, size = FIELDS[length % len(FIELDS)]
            raw = (
                raw[: block + start]
                + content[:size]
                + raw[block + start + len(content[:size]) :]
            )
    return raw


@MANY
@given(changes=edits)
def test_an_archive_is_the_one_that_was_signed_or_one_error(archive, changes):
    raw, manifest = archive
    changed = edited(raw, changes)
    if changed == raw:
        return
    with pytest.raises(IntegrityError):
        read(changed)
    assert read(raw)[0] == manifest


@MANY
@given(st.lists(st.sampled_from(["archive", "zeros", "end"]), min_size=2, max_size=4))
def test_archives_one_behind_the_other_are_none(archive, order):
    raw, _ = archive
    pieces = {"archive": raw, "zeros": bytes(BLOCK), "end": b"x"}
    with pytest.raises(IntegrityError):
        read(b"".join(pieces[name] for name in order))


@MANY
@given(
    st.dictionaries(st.text(max_size=5), leaves, max_size=3),
    st.binary(max_size=64),
    st.integers(0, 200),
    st.binary(max_size=9),
)
def test_a_damaged_frame_is_a_frame_or_one_error(head, payload, place, damage):
    try:
        raw = frame_bytes(Frame(head, payload))
    except (FrameError, ValueError):
        return
    at = place % len(raw)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(
            target=_send, args=(theirs, raw[:at] + damage + raw[at + 1 :])
        )
        sender.start()
        with suppress(FrameError):
            while read_frame(ours):
                pass
        ours.close()
        sender.join()


def _send(link, raw):
    with suppress(OSError):
        link.sendall(raw)
        link.shutdown(socket.SHUT_WR)
