"""Stopping a computation in its middle.

llama.cpp asks a native function after every operation whether to go on. A Python function in its
place would have to wait for the interpreter about a thousand times a token, so it is `strlen` of
the C library: asked about the bytes ``00 00`` it says 0, go on; about ``01 00`` it says 1, stop.
"""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sfta_edge.context import Context

_LOOK_EVERY = 0.02  # seconds
_LOOKS_BEFORE_SLEEP = 50


class AbortSwitch:
    """Watches over the computations of one context, in a thread of its own."""

    def __init__(self, context: Context) -> None:
        self._flag = ctypes.create_string_buffer(2)
        self._asked = ctypes.CDLL(None).strlen
        context.abort_when(self._asked, ctypes.cast(self._flag, ctypes.c_void_p))
        self._changed = threading.Condition()
        self._unwanted: Callable[[], bool] | None = None
        self._asleep = self._closed = False
        self._thread = threading.Thread(target=self._watch, name="sfta-abort", daemon=True)
        self._thread.start()

    @contextmanager
    def watching(self, unwanted: Callable[[], bool]) -> Iterator[None]:
        """Stop what is computed in the block as soon as nobody wants it.

        `unwanted` is asked by another thread, every few hundredths of a second.
        """
        with self._changed:
            self._unwanted = unwanted
            # Woken at every token, it would take a core from those who compute.
            if self._asleep:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._unwanted = None
                self._flag[0] = b"\0"

    def close(self) -> None:
        """End the thread; the context has to be closed after it."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _watch(self) -> None:
        idle = 0
        with self._changed:
            while not self._closed:
                self._asleep = idle == _LOOKS_BEFORE_SLEEP
                self._changed.wait(None if self._asleep else _LOOK_EVERY)
                idle = 0 if self._unwanted is not None else min(idle + 1, _LOOKS_BEFORE_SLEEP)
                self._look()

    def _look(self) -> None:
        if self._unwanted is not None and self._unwanted():
            self._flag[0] = b"\1"
