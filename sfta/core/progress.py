"""Progress of long work: a bar on a terminal, lines in a log."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

_LINE_EVERY_SECONDS = 5.0
log = logging.getLogger("sfta")
T = TypeVar("T")


@dataclass(slots=True)
class Task:
    """One counted piece of work."""

    label: str
    total: int | None
    done: int = 0
    note: str = ""
    _started: float = field(default_factory=time.monotonic)
    _said: float = field(default_factory=time.monotonic)

    def advance(self, count: int = 1, *, note: str = "") -> None:
        """Count finished items; `note` is shown beside the count."""
        self.done += count
        self.note = note or self.note
        now = time.monotonic()
        if now - self._said >= _LINE_EVERY_SECONDS:
            self._said = now
            log.info("%s", self.line(now))

    def line(self, now: float) -> str:
        """The state in one line, with the time left at the present rate."""
        elapsed = now - self._started
        text = f"{self.label} {self.done}" + (f"/{self.total}" if self.total else "")
        if self.total and 0 < self.done < self.total:
            text += f", {elapsed / self.done * (self.total - self.done):.0f} s left"
        return text + (f", {self.note}" if self.note else "")


@dataclass(slots=True)
class _BarTask(Task):
    """A task drawn by rich."""

    draw: Callable[[int, int | None, str], None] = lambda *_: None

    def advance(self, count: int = 1, *, note: str = "") -> None:
        self.done += count
        self.note = note or self.note
        self.draw(self.done, self.total, self.note)


@contextmanager
def task(label: str, total: int | None = None) -> Iterator[Task]:
    """Show `label` with a count until the block ends."""
    if not sys.stderr.isatty() or log.level > logging.INFO:
        started = Task(label, total)
        if total is None or total > 0:
            log.info("%s%s", label, f", {total} to do" if total else "")
        yield started
        return
    # Loaded only on a terminal: a command in a log or a pipe does not need it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(
        *columns,
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        row = bar.add_task(label, total=total, note="")

        def draw(done: int, total: int | None, note: str) -> None:
            bar.update(row, completed=done, total=total, note=note)

        yield _BarTask(label, total, draw=draw)


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Iterate with progress."""
    with task(label, total if total is not None else _length(items)) as counter:
        for item in items:
            yield item
            counter.advance()


def _length(items: object) -> int | None:
    return len(items) if hasattr(items, "__len__") else None
