"""Rules every file of the repository keeps: size, names, words, and enough tests."""

import ast
import hashlib
import os
import re
import subprocess
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("sfta", "export/sfta_export", "edge/sfta_edge")
SKIPPED = {
    ".git",
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "build",
    "dist",
    "runs",
}
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_FILE_BYTES = 1 << 20
SKILL = "configs/reading/adapter/adapter_model.safetensors"  # decision 0037
BANNED_NAMES = {"utils", "util", "helpers", "common", "misc", "manager", "base", "types"}
# Text that belongs to a desk, not to the project.
DESK = re.compile(
    r"/work/|\bshared/(?:data|design|reference|hooks)|/home/\w+|/tmp/bash_jobs"
    r"|\b(?:sub-?agents?|ai agents?|coding assistant|claude|anthropic|copilot)\b",
    re.IGNORECASE,
)
# An index or a mirror is the reader's choice: naming one breaks an installation behind another.
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|anaconda\.org|download\.pytorch\.org"
    r"|docker\.io|ghcr\.io|quay\.io",
    re.IGNORECASE,
)


def tree():
    """What is or may be committed; in a source archive, which has no history, every file."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split("\0")
    except (FileNotFoundError, subprocess.CalledProcessError):
        listed = [str(path.relative_to(ROOT)) for path in walk()]
    return sorted(ROOT / entry for entry in listed if entry and (ROOT / entry).is_file())


def walk():
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in SKIPPED and not f.endswith(".egg-info")]
        yield from (Path(folder) / file for file in files)


def name(path):
    return path.relative_to(ROOT).as_posix()


FILES = tree()
MODULES = [p for p in FILES if p.suffix == ".py" and name(p).startswith(PRODUCT)]
SCRIPTS = [
    p
    for p in FILES
    if p.suffix == ".py" and name(p).split("/")[0] in ("benchmarks", "configs", "docs")
]
TESTS = [p for p in FILES if p.suffix == ".py" and name(p).startswith("tests/")]
each_module = pytest.mark.parametrize("path", MODULES, ids=name)
each_source = pytest.mark.parametrize("path", MODULES + SCRIPTS, ids=name)
each_short_file = pytest.mark.parametrize(
    "path",
    MODULES + SCRIPTS + TESTS,
    ids=name,
)


def text_files():
    for path in FILES:
        try:
            yield path, path.read_text("utf-8")
        except UnicodeDecodeError:
            continue


def functions(path):
    parsed = ast.parse(path.read_text("utf-8"))
    return [
        node
        for node in ast.walk(parsed)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def comments_of(path):
    with path.open("rb") as stream:
        tokens = list(tokenize.tokenize(stream.readline))
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def lines_with_something(paths):
    return sum(1 for p in paths for line in p.read_text("utf-8").splitlines() if line.strip())


def test_the_sweep_sees_the_three_distributions():
    tops = {name(path).split("/")[0] for path in MODULES}
    assert tops == {"sfta", "export", "edge"}
    assert len(MODULES) > 30  # an empty sweep would pass every test below


@each_short_file
def test_a_module_fits_on_a_few_screens(path):
    assert len(path.read_text("utf-8").splitlines()) <= MAX_FILE_LINES


@each_source
def test_a_module_says_what_it_holds(path):
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def length(node):
    """Lines of a function without its docstring: that is read, not followed."""
    documented = ast.get_docstring(node) is not None
    text = node.body[0].end_lineno - node.body[0].lineno + 1 if documented else 0
    return node.end_lineno - node.lineno + 1 - text


@each_source
def test_a_function_fits_on_one_screen(path):
    long = [
        f"{node.name} has {length(node)} lines"
        for node in functions(path)
        if length(node) > MAX_FUNCTION_LINES
    ]
    assert long == []


@each_source
def test_a_module_is_named_after_what_it_holds(path):
    assert path.stem not in BANNED_NAMES
    assert not path.stem.endswith(("_utils", "_helpers", "_common", "_misc"))


@each_module
def test_no_handler_swallows_what_it_does_not_know(path):
    """What catches everything raises it again, hands it on, or logs it with its traceback."""
    swallowed = [
        handler.lineno
        for handler in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(handler, ast.ExceptHandler) and catches_all(handler)
        and not passes_on(handler)
    ]  # fmt: skip
    assert swallowed == []


def catches_all(handler):
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    )


def passes_on(handler):
    inside = [node for statement in handler.body for node in ast.walk(statement)]
    calls = [node for node in inside if isinstance(node, ast.Call)]
    logged = any(
        isinstance(c.func, ast.Attribute) and c.func.attr == "exception" for c in calls
    )
    handed = handler.name is not None and any(
        isinstance(argument, ast.Name) and argument.id == handler.name
        for call in calls
        for argument in call.args
    )
    return logged or handed or any(isinstance(node, ast.Raise) for node in inside)


@each_module
def test_nothing_is_unpickled_and_no_foreign_code_is_trusted(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names]
            modules.append(getattr(node, "module", None) or "")
            assert not {"pickle", "dill", "cloudpickle", "marshal", "shelve"} & set(modules)
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False
        if isinstance(node, ast.keyword) and node.arg == "shell":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False


@each_source
def test_comments_give_reasons_and_nothing_is_left_to_do(path):
    comments = comments_of(path)
    left = [c for c in comments if re.search(r"\b(?:TODO|FIXME|XXX|HACK)\b", c)]
    banners = [c for c in comments if re.search(r"[-=#*]{4,}", c)]
    assert left + banners == []


def test_a_source_archive_is_swept_like_a_checkout():
    assert set(MODULES) <= set(walk())


def test_no_file_is_large():
    large = [
        f"{name(path)}: {path.stat().st_size} bytes"
        for path in FILES
        if path.stat().st_size > (20_000_000 if name(path) == SKILL else MAX_FILE_BYTES)
    ]
    assert large == []


def test_no_model_index_or_key_lies_in_the_tree():
    suffixes = {".gguf", ".onnx", ".safetensors", ".pt", ".pth", ".sqlite", ".pem", ".pkl"}
    assert [name(path) for path in FILES if path.suffix in suffixes] == [SKILL]


def test_the_weights_that_lie_in_the_tree_have_a_card():
    text = ((ROOT / SKILL).parent / "README.md").read_text("utf-8")
    assert hashlib.sha256((ROOT / SKILL).read_bytes()).hexdigest() in text
    assert "CC BY-SA" in text


@pytest.mark.parametrize("words", [DESK, REGISTRY], ids=["desk", "registry"])
def test_no_file_names_somebodys_desk_or_registry(words):
    this = Path(__file__)
    hits = [
        f"{name(path)}:{number}: {match[0]}"
        for path, text in text_files()
        if path != this
        for number, line in enumerate(text.splitlines(), 1)
        if (match := words.search(line))
    ]
    assert hits == []


def test_the_words_are_found_where_they_stand():
    assert DESK.search("see /work/notes")
    assert DESK.search("written by an AI agent")
    assert REGISTRY.search("https://pypi.org/simple")
    assert not DESK.search("the framework/network of a user agent")


def test_no_emoji_in_comments_and_documents():
    emoji = re.compile("[\U0001f300-\U0001faff\u2705\u274c\u2728]")
    documents = [path.read_text("utf-8") for path in FILES if path.suffix == ".md"]
    texts = documents + [c for path in MODULES + SCRIPTS for c in comments_of(path)]
    assert [text for text in texts if emoji.search(text)] == []


def test_files_end_with_one_newline_and_have_no_trailing_blanks():
    wrong = [
        name(path)
        for path, text in text_files()
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".sh", ".html", ".js", ".css"}
        and "configs/quickstart/sources" not in name(path)
        and text
        and (
            not text.endswith("\n")
            or text.endswith("\n\n")
            or any(line != line.rstrip() for line in text.splitlines())
        )
    ]
    assert wrong == []


def test_names_of_test_files_are_unique():
    names = [path.name for path in TESTS if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def test_there_are_at_least_as_many_lines_of_tests_as_of_code():
    assert lines_with_something(TESTS) >= lines_with_something(MODULES)
