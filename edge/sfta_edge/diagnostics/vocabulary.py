"""The words of the program's own sentences: the only ones that leave the device in free text.

What a message was filled in with (names, paths, titles, what a document says) is not known
beforehand; what the program itself says is. So words are let through by a list and not stopped by
one. The list is read from the source that is installed: it cannot fall behind it.
"""

import ast
import builtins
import os
import re
import signal
import sys
from collections.abc import Iterator
from errno import errorcode
from functools import cache
from pathlib import Path

_LOGGED = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_WHOLE = frozenset({"health.py", "launcher.py", "slots.py", "manifest.py"})
"""Modules whose words are all their own: findings of the doctor, parts of an installation."""
_WORD = re.compile(r"[^\W\d_]+")
_FURTHER = """
    aarch64 amd64 arm64 x86_64 linux darwin x64 haswell zen4 sandybridge ivybridge alderlake
    icelake skylakex cascadelake cooperlake cannonlake sapphirerapids piledriver sse42 armv8 armv9
    sfta edge sfta_edge llama gguf sqlite vec json pem tar data model embedder knowledge prompt
    slots environments keys audit head wheels report html install sh python bin lib cache files
    accounts jobs history documents chunks vectors pages users tokens sessions failures facts runs
    entries file meta sqlite_sequence fts docsize config idx content rowids ok kind version rows
    integrity_check page_count freelist_count page_size user_version
    compat counter chunk answer base_model made_from keys machine system glibc top_k candidates
    settings weights report index adapter dataset gguf onnx corpus seconds tokens bytes questions
    sfta_info sfta_tokens sfta_questions sfta_answer_seconds total created sum count bucket le part
    outcome answered refused busy left failed waiting running done cancelled read reader editor
    admin disk_free_bytes worker_up worker_restarts worker_resident_bytes jobs_waiting sealed
    degraded
    uptime uptime_seconds prompt completion generation retrieval
    database disk image is malformed not a I O error locked readonly attempt to write unable open
    or full no such table row missing from index wrong number of entries in non unique entry NULL
    value CHECK constraint failed tree page cell btreeInitPage returns code malformed inverted for
    FTS5 never used pointer map freelist
    error warning info critical Traceback most recent call last
    loading failed to load tensor bounds corrupted incomplete magic invalid unknown architecture
"""
"""Names of processors, files and tables, and what SQLite, llama.cpp and Python say themselves."""


@cache
def vocabulary() -> frozenset[str]:
    """All words, folded."""
    words = set(_FURTHER.casefold().split())
    for text in _said_by_the_system():
        words.update(_WORD.findall(text.casefold()))
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        for text in _sentences(path):
            words.update(word for word in _WORD.findall(text.casefold()))
    return frozenset(words)


def _said_by_the_system() -> Iterator[str]:
    yield from (os.strerror(number) for number in errorcode)
    yield from errorcode.values()
    yield from (sign.name for sign in signal.Signals)
    yield from (name for name in vars(builtins) if name.endswith(("Error", "Exception")))
    yield from (sys.platform, sys.implementation.name)


def _sentences(path: Path) -> Iterator[str]:
    """What a module says when it fails or logs; of some modules everything."""
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except (OSError, ValueError, SyntaxError):
        return  # fewer words are let through: the safe side
    for node in ast.walk(tree):
        if path.name in _WHOLE or isinstance(node, ast.Raise) or _is_logged(node):
            yield from _texts(node)


def _is_logged(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    if isinstance(called, ast.Attribute):
        return called.attr in _LOGGED
    return isinstance(called, ast.Name) and called.id.endswith("Error")


def _texts(node: ast.AST) -> Iterator[str]:
    for inside in ast.walk(node):
        if isinstance(inside, ast.Constant) and isinstance(inside.value, str):
            yield inside.value
