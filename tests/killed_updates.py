"""A program that updates a device and is killed in the middle, again and again.

``python killed_updates.py random|sweep FOLDER KILLS SEED``: each attempt is a process of its own,
forked from one that has loaded everything. After every kill the device must answer from one whole
bundle, and the same attempt made again must succeed. The state goes on from round to round, as in
the test of rpm-ostree that this one follows; some attempts end before their kill.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sfta_edge.archive import write_archive
from sfta_edge.installation import install
from sfta_edge.launcher import MOST_RETURNS, MOST_STARTS, STARTS
from sfta_edge.parts import split
from sfta_edge.probation import Probation, mark_good
from sfta_edge.seal import seal
from sfta_edge.signature import open_verified
from sfta_edge.slots import active_slot, read_state, rollback
from signed_bundles import KEY, PUBLIC, facts

CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.chmod"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
NEVER = 1 << 30
SHARED = b"".join(b"%07d " % number for number in range(40_000))
DELIVERIES = ("folder", "archive", "update", "parts")
KINDS = (*DELIVERIES, "rollback", "good", "leave", "launch")
PROGRAM = """\
#!/bin/sh
[ "$1" = rollback ] || exit 0
exec "{python}" -c 'import sys
from pathlib import Path
from sfta_edge.slots import rollback
rollback(Path(sys.argv[1]), sys.argv[2])' "$3" "$5"
"""


@dataclass(frozen=True)
class Attempt:
    """One thing that is done to a device."""

    act: Callable[[], object]
    active: int
    """Counter of the bundle that answers when it is done."""
    prepare: Callable[[], object] = lambda: None
    """What others did before: again with every try."""


class Device:
    """An installation, the bundles beside it, and what has to hold."""

    def __init__(self, folder):
        self.folder, self.root = folder, folder / "root"
        self.newest = 0
        for _ in range(2):
            attempt = self.attempt("folder")
            attempt.prepare()
            attempt.act()
        (self.root / "data").mkdir()
        (self.root / "data/notes").write_text("what people added")

    def possible(self, kind):
        state = read_state(self.root)
        if kind == "rollback":
            return state.other is not None
        if kind in ("leave", "launch"):
            return bool(state.probation) and state.other is not None
        return kind != "good" or bool(state.probation)

    def attempt(self, kind):
        root, state = self.root, read_state(self.root)
        if kind in DELIVERIES:
            counter = self.newest + 1
            bundle, environment = self.bundle(counter, kind), f"{counter:016x}"
            return Attempt(
                lambda: install(bundle, root, PUBLIC, environment=environment),
                counter,
                lambda: self.program(environment),
            )
        if kind == "rollback":
            return Attempt(lambda: rollback(root, "by hand"), state.other.counter)
        if kind == "good":
            return Attempt(lambda: mark_good(root), state.current.counter)
        if kind == "leave":
            return Attempt(lambda: leave(root), state.other.counter)
        (root / STARTS).write_text(f"{state.probation} {MOST_STARTS}\n")
        return Attempt(lambda: launch(root), state.other.counter)

    def bundle(self, counter, kind):
        """The next bundle, as it is delivered."""
        folder = self.folder / "stick" / str(counter)
        self.newest = counter
        content = {"model/m.gguf": SHARED, "prompt.json": b"{}"}
        content |= {f"knowledge/{n}.sqlite": b"%d %d" % (n, counter) * 3000 for n in range(3)}
        for name, value in content.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(value)
        manifest = seal(folder, facts(counter), KEY)
        if kind == "folder":
            return folder
        shared = {entry.sha256 for entry in manifest.files if entry.path.startswith("model")}
        archive = folder.with_suffix(".tar")
        without = frozenset(shared) if kind == "update" else frozenset()
        write_archive(folder, manifest, archive, without=without)
        shutil.rmtree(folder)
        return split(archive, 100_000)[0] if kind == "parts" else archive

    def program(self, environment):
        """What install.sh does before the bundle is installed."""
        path = self.root / "environments" / environment / "bin/sfta-edge"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PROGRAM.format(python=sys.executable))
        path.chmod(0o755)

    def outside(self):
        """Everything that is not the installation's own, and the data of the people."""
        return {
            path: path.stat().st_mtime_ns
            for part in (self.folder / "stick", self.root / "data", self.folder)
            for path in (part.iterdir() if part == self.folder else part.rglob("*"))
            if path != self.root
        }

    def check(self, allowed, counters):
        """One whole bundle answers; the state tells the truth; nobody forgot a version."""
        state = read_state(self.root)
        assert active_slot(self.root) == self.root / "slots" / state.active
        assert state.current.counter in allowed, (state.current.counter, allowed)
        for name, what in state.slots.items():
            slot = self.root / "slots" / name
            manifest = open_verified(slot, PUBLIC)
            assert manifest.facts["counter"] == what.counter
            assert manifest.digest == what.digest
            program = self.root / "environments" / what.environment / "bin/sfta-edge"
            assert program.is_file(), f"slot {name} has lost its program"
        assert state.probation in ("", state.current.manifest)
        for key, counter in counters.items():
            assert state.counters[key] >= counter
        if (self.root / STARTS).exists():
            _, count = (self.root / STARTS).read_text().split()
            assert int(count) <= MOST_STARTS + MOST_RETURNS


def leave(root):
    """A server whose new bundle gives up."""
    watch = Probation(root, lambda: "the worker gave up", lambda _: None, look_seconds=0.001)
    watch._thread.join()


def launch(root):
    """One start too many."""
    done = subprocess.run([root / "bin/sfta-edge", "serve"], check=True, capture_output=True)
    assert not done.stderr, done.stderr.decode()


def die_at(step, tell):
    """Kill this process before its n-th change of the file system, or tell how many there were."""
    seen = 0

    def change(*_):
        nonlocal seen
        seen += 1
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event, arguments):
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
        if event in CHANGES or writes:
            change()

    def counted(call):
        def one(*arguments):
            change()
            return call(*arguments)

        return one

    sys.addaudithook(hook)
    os.fsync, os.write = counted(os.fsync), counted(os.write)
    return lambda: tell(seen)


def run(attempt, *, step=NEVER, seconds=None):
    """Try it in a process that is killed; returns whether it was, its steps, its duration."""
    attempt.prepare()
    ours, theirs = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setsid()
            really_write = os.write
            tell = die_at(step, lambda seen: really_write(theirs, b"%d" % seen))
            attempt.act()
            tell()
            status = 0
        finally:
            os._exit(status)
    os.close(theirs)
    if seconds is not None:
        time.sleep(seconds)
        for end in (os.killpg, os.kill):  # at once after the fork there is no group yet
            with suppress(ProcessLookupError):
                end(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    await_group(child)
    took = time.monotonic() - began
    with os.fdopen(ours, "rb") as stream:
        steps = int(stream.read() or 0)
    killed = os.WIFSIGNALED(status)
    assert killed or status == 0, status
    return killed, steps, took


def await_group(group):
    """What was started by who was killed still holds its locks until it has ended."""
    with suppress(ProcessLookupError):
        while os.killpg(group, 0) is None:
            time.sleep(0.001)


def one_round(device, kind, counted, **kill):
    """An attempt that is killed, what has to hold then, and the same attempt once more."""
    before = read_state(device.root)
    attempt, outside = device.attempt(kind), device.outside()
    killed = run(attempt, **kill)[0]
    assert device.outside() == outside
    allowed = {before.current.counter, attempt.active} if killed else {attempt.active}
    device.check(allowed, before.counters)
    reached = read_state(device.root).current.counter == attempt.active
    counted["killed" if killed else "ended before"] += 1
    counted[f"{kind} killed"] += killed
    if killed and kind != "good":
        counted["the new one answers" if reached else "the old one answers"] += 1
    if kind in DELIVERIES or not reached:
        attempt.prepare()
        attempt.act()
    device.check({attempt.active}, before.counters)
    slots = sorted(path.name for path in (device.root / "slots").iterdir())
    assert slots == ["a", "b"] or kind not in DELIVERIES, slots
    shutil.rmtree(device.folder / "stick")
    (device.folder / "stick").mkdir()


def measured(device, kinds):
    """Steps and seconds of each kind of attempt that nobody kills."""
    found = {}
    for kind in kinds:
        if not device.possible(kind):
            run(device.attempt("folder"))
        found[kind] = run(device.attempt(kind))[1:]
    return found


def random_kills(device, kills, seed, counted):
    """Kills at random times of up to 1.1 times the normal duration, and at random steps."""
    chance, usual = random.Random(seed), measured(device, KINDS)
    while counted["killed"] < kills:
        kind = chance.choice([kind for kind in KINDS if device.possible(kind)])
        steps, seconds = usual[kind]
        if kind == "launch" or chance.random() < 0.5:
            one_round(device, kind, counted, seconds=chance.uniform(0, 1.1 * seconds))
        else:
            one_round(device, kind, counted, step=chance.randint(1, steps))


def every_step(device, kills, _seed, counted):
    """A kill at every change of the file system, or at every n-th if that would be too many."""
    kinds = [kind for kind in KINDS if kind != "launch"]
    usual = measured(device, kinds)
    stride = max(1, sum(steps for steps, _ in usual.values()) // kills)
    for kind in kinds:
        for step in range(1, usual[kind][0] + 1, stride):
            if not device.possible(kind):
                run(device.attempt("folder"))
            one_round(device, kind, counted, step=step)


def main(how, folder, kills, seed):
    """All rounds; prints what happened how often."""
    counted, ways = Counter(), {"random": random_kills, "sweep": every_step}
    ways[how](Device(folder), kills, seed, counted)
    sys.stdout.write(json.dumps(counted))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
