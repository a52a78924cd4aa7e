"""What is known after the system prefix outlives a worker that may not write files."""

import os
import signal
import stat
import threading
from dataclasses import replace

import pytest

from engine_prompts import chat
from sfta_edge.batching.snapshots import Snapshots
from sfta_edge.batching.state_files import StateFolder, is_state_name, state_name
from sfta_edge.generation import Limits, drain
from sfta_edge.worker import kept_states
from sfta_edge.worker.connection import Connection
from sfta_edge.worker.failures import FrameError, WorkerLostError
from sfta_edge.worker.frames import Frame, read_frame
from sfta_edge.worker.kept_states import SentStates, StateKeeper
from sfta_edge.worker.remote import RemoteEngine
from sfta_edge.worker.supervisor import Supervisor
from watched_workers import IMPATIENT, ScriptedWorker, eventually, pong

SYSTEM = "You answer questions about compressors from their manuals, with quotes, and briefly."
NAME = state_name(b"\x01" * 32)
IDENTITY = {"model": "a" * 64}
TOKENS = list(range(40))


@pytest.fixture(name="folder")
def _folder(tmp_path):
    return tmp_path / "cache" / "prefix"


@pytest.fixture(name="keeper")
def _keeper(folder):
    made = StateKeeper(folder)
    yield made
    made.close()


def kept(folder, *frames):
    """What lies in the folder after a worker sent these."""
    keeper = StateKeeper(folder)
    for header, content in frames:
        keeper.take(header, content)
        keeper._writer.submit(int).result()
    keeper.close()
    return {path.name: path.read_bytes() for path in folder.glob("*")}


def test_what_a_worker_sends_is_written_under_its_name(folder):
    assert kept(folder, ({"id": 0, "keep": NAME}, b"any\0bytes")) == {NAME: b"any\0bytes"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "name",
    [
        f"../{NAME}",
        f"/tmp/{NAME}",
        f"{NAME}/../x",
        NAME.upper(),
        f"{NAME}\n",
        f"{NAME}\0",
        NAME.removesuffix(".state"),
        f".{NAME}",
        NAME[1:],
        "knowledge.sqlite",
        "",
        None,
        7,
        [NAME],
    ],
)
@pytest.mark.parametrize("field", ["keep", "used"])
def test_no_name_leads_elsewhere(folder, keeper, field, name):
    with pytest.raises(FrameError, match="name"):
        keeper.take({"id": 0, field: name}, b"x")
    keeper._writer.submit(int).result()
    assert not folder.parent.exists()


@pytest.mark.parametrize(
    "header", [{}, {"id": 0}, {"keep": NAME, "used": NAME}, {"id": 0, "done": {}}]
)
def test_a_frame_that_says_neither_is_none(keeper, header):
    with pytest.raises(FrameError):
        keeper.take(header, b"")


def test_a_flood_is_not_gathered_in_memory(folder, monkeypatch, caplog):
    gate, written = threading.Event(), []

    def slow(self, name, content):
        gate.wait(60)
        written.append(content)

    monkeypatch.setattr(StateFolder, "keep", slow)
    caplog.set_level("INFO", kept_states.__name__)
    keeper = StateKeeper(folder)
    for number in range(50):
        keeper.take({"id": 0, "keep": NAME}, bytes([number]))
    gate.set()
    keeper.close()
    assert written == [b"\0"]
    assert caplog.text.count("was not kept") == 49


def test_few_files_are_kept_and_what_is_used_is_among_them(folder):
    names = [state_name(bytes([number]) * 32) for number in range(5)]
    for age, name in enumerate(names[:4]):
        kept(folder, ({"keep": name}, b"x"))
        os.utime(folder / name, (1000 + age, 1000 + age))
    found = kept(folder, ({"used": names[0]}, b""), ({"keep": names[4]}, b"x"))
    assert set(found) == {names[0], *names[2:]}


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    keeper = StateKeeper(tmp_path / "file" / "prefix")
    for _ in range(2):
        keeper.take({"keep": NAME}, b"x")
        keeper._writer.submit(int).result()
    keeper.take({"used": NAME}, b"")
    keeper.close()
    assert caplog.text.count("was not saved") == 2


def test_the_worker_reads_and_sends_and_writes_nothing(folder):
    kept(folder, ({"keep": NAME}, b"old"))
    before = (folder / NAME).stat()
    folder.chmod(0o500)
    sent, states = [], SentStates(folder)
    assert states.read(NAME) == b"old", "also before anybody listens"
    states.keep(NAME, b"lost")
    states.connect(lambda header, content: sent.append((header, content)))
    states.remove(NAME)
    assert (states.has(NAME), states.read(NAME)) == (False, None)
    states.keep(NAME, b"new")
    assert (states.has(NAME), states.read(NAME)) == (True, b"old")
    assert sent == [({"id": 0, "keep": NAME}, b"new"), ({"id": 0, "used": NAME}, b"")]
    assert (folder / NAME).read_bytes() == b"old"
    assert (folder / NAME).stat().st_ino == before.st_ino


def test_a_file_longer_than_a_frame_is_not_read(folder, monkeypatch):
    kept(folder, ({"keep": NAME}, b"12345"))
    monkeypatch.setattr(SentStates, "most_bytes", 4)
    assert SentStates(folder).read(NAME) is None


def through_both(folder, work):
    """Let snapshots work over a worker's store whose frames a keeper takes."""
    keeper, states = StateKeeper(folder), SentStates(folder)
    states.connect(keeper.take)
    snapshots = Snapshots(states, IDENTITY)
    try:
        return work(snapshots)
    finally:
        snapshots.close()
        keeper.close()


def test_a_state_comes_back_through_worker_and_keeper(folder):
    through_both(folder, lambda s: s.save(None, TOKENS, b"state"))
    assert through_both(folder, lambda s: s.load(None, TOKENS)) == b"state"
    assert not through_both(folder, lambda s: s.wants(None, TOKENS))
    assert through_both(folder, lambda s: s.load(None, TOKENS[1:])) is None


def test_a_damaged_file_is_ignored_and_replaced(folder, caplog):
    through_both(folder, lambda s: s.save(None, TOKENS, b"state"))
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:-1])

    def again(snapshots):
        assert snapshots.load(None, TOKENS) is None
        assert snapshots.wants(None, TOKENS)
        snapshots.save(None, TOKENS, b"state")

    through_both(folder, again)
    assert "damaged" in caplog.text
    assert through_both(folder, lambda s: s.load(None, TOKENS)) == b"state"


def test_a_state_longer_than_a_frame_is_not_sent(folder, monkeypatch, caplog):
    caplog.set_level("INFO", "sfta")
    monkeypatch.setattr(SentStates, "most_bytes", 100)
    through_both(folder, lambda s: s.save(None, TOKENS, b"x" * 101))
    assert "not saved" in caplog.text
    assert not folder.exists()


def test_names_are_those_of_keys():
    assert is_state_name(state_name(bytes(32)))
    assert not is_state_name(state_name(bytes(31)))


@pytest.mark.parametrize("name", [NAME, "../elsewhere.state"])
def test_a_connection_without_a_keeper_expects_no_states(name):
    worker = ScriptedWorker(lambda _: [Frame({"id": 0, "keep": name}, b"x")])
    read_frame(worker.link)
    connection = Connection(worker.link)
    with pytest.raises(WorkerLostError, match="not asked"):
        connection.begin("stats").result()
    connection.close("over")
    worker.end()


def test_a_worker_that_wants_another_file_written_is_given_up(folder):
    def answer(request):
        if request["do"] == "stats":
            return [Frame({"id": 0, "keep": "../../knowledge.sqlite"}, b"x")]
        return pong(request)

    supervisor = Supervisor(
        lambda: ScriptedWorker(answer), IMPATIENT, keeper=StateKeeper(folder)
    )
    with supervisor:
        with pytest.raises(WorkerLostError, match="name"):
            supervisor.connection().begin("stats").result()
        eventually(lambda: supervisor.state.restarts == 1)
    assert not folder.parent.exists()


class Restarted:
    """A real worker with a cache that can be killed, and what it answers first."""

    def __init__(self, files, folder, engine):
        self.files, self.folder, self.engine = replace(files, cache=folder), folder, engine
        self.supervisor = Supervisor.of_files(self.files, IMPATIENT)
        self.remote = RemoteEngine(self.supervisor)
        self.asked = chat(engine, "What is oil?", SYSTEM)

    def __enter__(self):
        self.supervisor.start()
        return self

    def __exit__(self, *_):
        self.supervisor.close()

    def kill(self):
        restarts = self.supervisor.state.restarts
        os.kill(self.supervisor.state.pid, signal.SIGKILL)
        eventually(lambda: self.supervisor.state.restarts == restarts + 1)

    def first_answer(self):
        """Scores and text, and how much of the prompt was known before."""
        options = [self.engine.tokenize(text) for text in ("Oil is", "It")]
        scored = self.remote.score(self.asked, options, Limits(1))
        written = drain(self.remote.stream(self.asked, Limits(8)))
        return (scored.options, written.token_ids), scored.reused_tokens

    def restored(self):
        return self.remote.stats()["engine"]["restored_tokens"]

    def file(self):
        """The one file of the folder, when it is there."""
        eventually(lambda: list(self.folder.glob("*.state")))
        (path,) = self.folder.glob("*")
        return path


@pytest.fixture(name="restarted")
def _restarted(worker_files, folder, engine):
    with Restarted(replace(worker_files, embedder=None), folder, engine) as made:
        yield made


def test_after_a_kill_the_first_question_finds_the_prefix_known(restarted):
    first, reused = restarted.first_answer()
    assert (reused, restarted.restored()) == (0, 0)
    restarted.file()
    restarted.kill()
    assert restarted.first_answer() == (first, len(restarted.asked[0]))
    assert restarted.restored() == len(restarted.asked[0])


def test_a_file_that_was_damaged_meanwhile_is_ignored_and_replaced(restarted):
    first, _ = restarted.first_answer()
    path = restarted.file()
    damaged = path.read_bytes()[:-1] + b"\xa5"
    path.write_bytes(damaged)
    restarted.kill()
    assert restarted.first_answer() == (first, 0)
    eventually(lambda: path.read_bytes() != damaged)
    restarted.kill()
    assert restarted.first_answer() == (first, len(restarted.asked[0]))


def test_a_state_of_another_model_is_not_found(restarted, worker_files, engine):
    restarted.first_answer()
    restarted.file()
    files = replace(worker_files, embedder=None, model_sha256="b" * 64)
    with Restarted(files, restarted.folder, engine) as other:
        assert other.first_answer()[1] == 0
