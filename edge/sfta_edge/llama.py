"""llama.cpp as a C library: found, loaded, silenced.

llama-cpp-python is used as a ctypes binding and for nothing else. Its wheel holds one CPU
backend per instruction set (all-variants build); the best one for this processor is loaded
here, because llama.cpp itself loads none.
"""

import ctypes
import platform
import re
import threading
from collections import deque
from functools import cache
from pathlib import Path
from types import ModuleType

from sfta_edge.errors import MissingDependencyError

_ERROR_LEVEL = 4  # GGML_LOG_LEVEL_ERROR; the list in the Python binding is out of date
_CPU_DEVICE = 0
_KEPT_LINES = 20
_SPEAKER = re.compile(r"^\w+: (?:error loading model: )?")
_errors: deque[str] = deque()
_loading = threading.Lock()
_HINT = "Install the wheel that ships with the bundle: pip install --no-index wheels/*.whl"


def load_library() -> ModuleType:
    """The binding module, with a CPU backend that fits this processor.

    The first call loads; later calls return the same module. Log lines of llama.cpp are kept
    for error messages instead of being printed.

    Raises:
        MissingDependencyError: the library is absent or no backend fits this processor.
    """
    with _loading:
        return _load()


@cache
def _load() -> ModuleType:
    try:
        import llama_cpp.llama_cpp as binding
    except (ImportError, OSError, RuntimeError) as error:
        raise MissingDependencyError(
            f"the llama.cpp runtime cannot be loaded: {error}", hint=_HINT
        ) from error
    _silence(binding)
    # Through libllama's own handle: the wheel holds libggml twice, and a backend registered
    # in the other copy is invisible to libllama.
    handle: ctypes.CDLL = binding._lib  # noqa: SLF001 the binding gives no other way to it
    folder = Path(handle._name).parent  # noqa: SLF001 same
    if not _has_cpu(handle):
        load_all = handle.ggml_backend_load_all_from_path
        load_all.argtypes, load_all.restype = [ctypes.c_char_p], None
        load_all(str(folder).encode())
    if not _has_cpu(handle):
        raise MissingDependencyError(
            f"no CPU backend of llama.cpp in {folder} runs on this processor "
            f"({platform.machine() or 'unknown'})",
            hint=_HINT,
        )
    binding.llama_backend_init()
    return binding


def variant() -> str:
    """Which CPU backend is in use, such as `haswell` or `zen4`; `built-in` if there is one."""
    load_library()
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return "built-in"
    found = re.search(r"/libggml-cpu-([A-Za-z0-9_.]+?)\.so", maps.read_text(errors="replace"))
    return found[1] if found else "built-in"


def first_error() -> str:
    """The first complaint of llama.cpp since the last call: the cause; later ones follow from it.

    Empty if there was none.
    """
    lines = list(_errors)
    _errors.clear()
    return _SPEAKER.sub("", lines[0]) if lines else ""


def _has_cpu(handle: ctypes.CDLL) -> bool:
    by_type = handle.ggml_backend_dev_by_type
    by_type.argtypes, by_type.restype = [ctypes.c_int], ctypes.c_void_p
    return bool(by_type(_CPU_DEVICE))


def _silence(binding: ModuleType) -> None:
    def keep(level: int, text: bytes | None, _data: object) -> None:
        if level == _ERROR_LEVEL and text:
            line = " ".join(text.decode(errors="replace").split())
            if line and len(_errors) < _KEPT_LINES:
                _errors.append(line)

    # The library keeps the address: the callback has to live as long as the process.
    _silence.__dict__["callback"] = binding.llama_log_callback(keep)
    binding.llama_log_set(_silence.__dict__["callback"], ctypes.c_void_p(0))
