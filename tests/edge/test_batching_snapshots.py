"""States of prefixes in files: exact, checked, replaced in one step, never in the way."""

import pickle
import stat
import time

import numpy as np
import pytest

from engine_prompts import chat
from sfta_edge.batching.engine import BatchEngine
from sfta_edge.batching.snapshots import _HEADER, Snapshots, state_identity
from sfta_edge.context import Context, Entry, Shape
from sfta_edge.generation import Limits

SYSTEM = "You answer questions about compressors from their manuals, with quotes, and briefly."
IDENTITY = {"model": "a" * 64, "processor": "zen4"}
TOKENS = list(range(40))


@pytest.fixture(name="folder")
def _folder(tmp_path):
    return tmp_path / "states"


def saved(folder, state=b"state", tokens=TOKENS, identity=IDENTITY, adapter=None):
    snapshots = Snapshots(folder, identity)
    snapshots.save(adapter, tokens, state)
    snapshots.close()
    return sorted(folder.iterdir())


def loaded(folder, tokens=TOKENS, identity=IDENTITY, adapter=None):
    snapshots = Snapshots(folder, identity)
    try:
        return snapshots.load(adapter, tokens)
    finally:
        snapshots.close()


def test_what_was_saved_is_loaded(folder):
    (path,) = saved(folder, b"\0state\xff")
    assert loaded(folder) == b"\0state\xff"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert path.suffix == ".state"


@pytest.mark.parametrize(
    "other",
    [
        {"tokens": TOKENS[:-1]},
        {"identity": {**IDENTITY, "model": "b" * 64}},
        {"identity": {**IDENTITY, "processor": "haswell"}},
        {"adapter": "law"},
    ],
)
def test_nothing_else_finds_it(folder, other):
    saved(folder)
    assert loaded(folder, **other) is None


def _cut(content):
    return content[:-1]


def _cut_to_the_header(content):
    return content[: _HEADER.size]


def _cut_in_the_header(content):
    return content[:10]


def _empty(content):
    return b""


def _flip_a_byte_of_the_state(content):
    return content[:-1] + bytes([content[-1] ^ 1])


def _flip_a_byte_of_the_key(content):
    return content[:9] + bytes([content[9] ^ 1]) + content[10:]


def _another_format(content):
    return b"SFTAKV99" + content[8:]


def _more(content):
    return content + b"x"


def _a_pickle(content):
    return pickle.dumps({"state": content})


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        _cut_to_the_header,
        _cut_in_the_header,
        _empty,
        _flip_a_byte_of_the_state,
        _flip_a_byte_of_the_key,
        _another_format,
        _more,
        _a_pickle,
    ],
)
def test_a_damaged_file_is_ignored_and_replaced(folder, damage, caplog):
    (path,) = saved(folder)
    path.write_bytes(damage(path.read_bytes()))
    assert loaded(folder) is None
    assert "damaged" in caplog.text
    assert not path.exists()
    saved(folder)
    assert loaded(folder) == b"state"


def test_the_file_of_another_prefix_under_this_name_is_not_taken(folder):
    (mine,) = saved(folder)
    other = next(path for path in saved(folder, b"foreign", [1, 2]) if path != mine)
    mine.write_bytes(other.read_bytes())
    assert loaded(folder) is None


def test_a_link_or_folder_in_its_place_is_not_followed_into_an_error(folder):
    (path,) = saved(folder)
    path.unlink()
    path.mkdir()
    assert loaded(folder) is None


def test_few_files_are_kept_and_the_latest_used_are_among_them(folder):
    for number in range(4):
        saved(folder, tokens=[number] * 20)
        time.sleep(0.01)
    assert loaded(folder, tokens=[0] * 20) == b"state"
    saved(folder, tokens=[9] * 20)
    assert len(list(folder.iterdir())) == 4
    assert loaded(folder, tokens=[0] * 20) == b"state"
    assert loaded(folder, tokens=[1] * 20) is None


def test_a_new_prefix_takes_the_place_of_another_only_when_it_comes_again(folder):
    for number in range(4):
        saved(folder, tokens=[number] * 20)
    snapshots = Snapshots(folder, IDENTITY)
    assert not snapshots.wants(None, TOKENS)
    assert snapshots.wants(None, TOKENS)
    assert not snapshots.wants(None, [0] * 20), "it is there"
    for number in range(200):
        snapshots.wants(None, [number])
    assert len(snapshots._seen) <= 64
    snapshots.close()


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    snapshots = Snapshots(blocked / "states", IDENTITY)
    snapshots.save(None, TOKENS, b"state")
    snapshots.close()
    assert "was not saved" in caplog.text
    assert loaded(blocked / "states") is None


def test_an_identity_names_model_build_and_processor(engine):
    found = state_identity(engine.model, {}, None)
    assert found == state_identity(engine.model, {}, found["model"])
    assert len(found["model"]) == len(found["library"]) == 64
    assert found["processor"]


def test_logits_after_a_restored_state_are_the_same_to_the_bit(engine):
    prefix, rest = engine.tokenize(SYSTEM * 2), engine.tokenize("What is oil?")
    shape = Shape(256, 64, 2, 1, unified=True)

    def entries(tokens, start):
        last = len(tokens) - 1
        return [Entry(t, start + i, 0, i == last) for i, t in enumerate(tokens)]

    def after(context):
        context.decode(entries(rest, len(prefix)))
        return context.logits(len(rest) - 1).copy()

    fresh, second = Context(engine.model, shape), Context(engine.model, shape)
    try:
        fresh.decode(entries(prefix, 0))
        state = fresh.state(0)
        assert second.restore(0, state)
        assert second.length(0) == len(prefix)
        assert np.array_equal(after(fresh), after(second))
        assert not second.restore(1, state[:-100])
        assert second.length(1) == 0
    finally:
        fresh.close()
        second.close()


def test_a_second_start_reads_the_prefix_from_its_file(smollm2_gguf, engine, folder):
    asked = chat(engine, "What is oil?", SYSTEM)
    found = []
    for _ in range(2):
        with BatchEngine(smollm2_gguf, context_tokens=256, threads=1, cache=folder) as started:
            options = [engine.tokenize(text) for text in ("Oil is", "It")]
            scored = started.score(asked, options, Limits(1))
            found.append((scored.options, started.generate(asked, max_tokens=8).token_ids))
            counters = started.counters()
    assert counters.restored_tokens == len(asked[0])
    assert scored.reused_tokens == len(asked[0])
    assert found[0] == found[1]


def test_a_state_that_the_model_does_not_take_is_computed_again(
    smollm2_gguf, engine, folder, monkeypatch
):
    asked = chat(engine, "What is oil?", SYSTEM)
    monkeypatch.setattr(Snapshots, "load", lambda self, adapter, tokens: b"nonsense")
    with BatchEngine(smollm2_gguf, context_tokens=256, threads=1, cache=folder) as started:
        done = started.generate(asked, max_tokens=4)
        assert started.counters().restored_tokens == 0
    assert done.token_ids == engine.generate(asked, max_tokens=4).token_ids
