"""Threads of llama.cpp that stay between computations.

Without a pool llama.cpp makes new threads for every computation and ends them after it. A small
model that writes one text takes a tenth more time for a token then.
"""

import ctypes
import weakref
from functools import cache
from typing import Any

from sfta_edge.llama import load_library

_POLL = 1
"""How long a thread looks for the next computation before it sleeps, in 131,072 looks: about as
long as it takes to choose a token. The default of llama.cpp, 50, keeps a core busy for a third of
a second after the last one."""
_MOST_THREADS = 512  # GGML_MAX_N_THREADS
_CPU_DEVICE = 0


class Params(ctypes.Structure):
    """``ggml_threadpool_params`` of ggml.h."""

    _fields_ = (
        ("cpumask", ctypes.c_bool * _MOST_THREADS),
        ("n_threads", ctypes.c_int),
        ("prio", ctypes.c_int),
        ("poll", ctypes.c_uint32),
        ("strict_cpu", ctypes.c_bool),
        ("paused", ctypes.c_bool),
    )


class ThreadPool:
    """Threads for one context; it computes with them while they are attached to it."""

    def __init__(self, count: int) -> None:
        """Start them: the caller's thread is one of the `count`.

        Raises:
            MissingDependencyError: llama.cpp cannot be loaded.
        """
        new, free = _functions()
        params = Params()
        set_defaults(params, count)
        params.poll = _POLL
        self._address = new(ctypes.byref(params))
        self._free = weakref.finalize(self, free, self._address)

    def attach(self, context: Any) -> None:
        """Let a context compute with these threads, until `detach`."""
        attach = _library().llama_attach_threadpool
        attach.argtypes, attach.restype = [ctypes.c_void_p] * 3, None
        attach(context, self._address, self._address)

    @staticmethod
    def detach(context: Any) -> None:
        """Let a context compute without threads that stay."""
        detach = _library().llama_detach_threadpool
        detach.argtypes, detach.restype = [ctypes.c_void_p], None
        detach(context)

    def close(self) -> None:
        """End the threads. No context may still have them."""
        self._free()


def set_defaults(params: Any, count: int) -> None:
    """Fill `Params` as llama.cpp does for so many threads."""
    init = _library().ggml_threadpool_params_init
    init.argtypes, init.restype = [ctypes.c_void_p, ctypes.c_int], None
    init(ctypes.byref(params), count)


def _library() -> Any:
    return load_library()._lib  # noqa: SLF001 the binding does not declare these functions


@cache
def _functions() -> tuple[Any, Any]:
    """``ggml_threadpool_new`` and ``_free`` of the backend for this processor."""
    library = _library()
    device, registry = library.ggml_backend_dev_by_type, library.ggml_backend_dev_backend_reg
    device.argtypes, device.restype = [ctypes.c_int], ctypes.c_void_p
    registry.argtypes, registry.restype = [ctypes.c_void_p], ctypes.c_void_p
    address = library.ggml_backend_reg_get_proc_address
    address.argtypes, address.restype = [ctypes.c_void_p, ctypes.c_char_p], ctypes.c_void_p
    cpu = registry(device(_CPU_DEVICE))
    new = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
    free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    return new(address(cpu, b"ggml_threadpool_new")), free(
        address(cpu, b"ggml_threadpool_free")
    )
