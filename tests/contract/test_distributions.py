"""What a wheel holds and what it pulls in: a device gets no training code."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = {"sfta": ROOT, "sfta-export": ROOT / "export", "sfta-edge": ROOT / "edge"}
# Released with the package that requires them, and imported for their types only.
COMPANIONS = {"markupsafe": "jinja2", "pydantic-core": "pydantic", "werkzeug": "flask"}
# The converter brings its own gguf-py, which is put on the path of the programs that read with it.
BROUGHT_ALONG = {"sfta-export": {"gguf"}}
NEVER_ON_A_DEVICE = {
    "accelerate",
    "bitsandbytes",
    "datasets",
    "pandas",
    "peft",
    "pyarrow",
    "pydantic",
    "pymupdf",
    "scipy",
    "sentence-transformers",
    "sfta",
    "sfta-export",
    "torch",
    "transformers",
    "trl",
}


def project(name):
    return tomllib.loads((DISTRIBUTIONS[name] / "pyproject.toml").read_text("utf-8"))["project"]


def needs(requirement):
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def closure(requirements):
    """Names of everything that comes along, as far as it is installed here."""
    found, pending = set(), [Requirement(text) for text in requirements]
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        if name in found or not needs(requirement):
            continue
        found.add(name)
        try:
            pending += [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            pytest.fail(f"{name} is required but not installed: the closure is unknown")
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    with zipfile.ZipFile(build("sfta-edge", tmp_path_factory.mktemp("wheel"))) as archive:
        yield archive


def build(name, folder):
    """The wheel that pip makes of a distribution's sources."""
    source = folder / "source"
    for entry in ("pyproject.toml", "README.md", "LICENSE", name.replace("-", "_")):
        _copy(DISTRIBUTIONS[name] / entry, source / entry)
    for entry in DISTRIBUTIONS[name].glob("*.toml"):
        _copy(entry, source / entry.name)
    command = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q", "-w"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *command, str(folder), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def _copy(source, target):
    """Without what an earlier build left, so that the wheel holds what the sources hold."""
    for path in [source] if source.is_file() else sorted(source.rglob("*")):
        inner = path.relative_to(source)
        built = {"build", "dist", "__pycache__"} & set(inner.parts)
        if path.is_file() and not built and ".egg-info" not in inner.as_posix():
            (target / inner).parent.mkdir(parents=True, exist_ok=True)
            (target / inner).write_bytes(path.read_bytes())


def test_the_wheel_holds_exactly_the_package(wheel):
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    source = ROOT / "edge"
    expected = {
        path.relative_to(source).as_posix()
        for path in (source / "sfta_edge").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == expected


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_every_wheel_carries_the_licence(name, tmp_path):
    with zipfile.ZipFile(build(name, tmp_path)) as archive:
        listed = {entry.rpartition(".dist-info/")[2]: entry for entry in archive.namelist()}
        assert archive.read(listed["licenses/LICENSE"]) == (ROOT / "LICENSE").read_bytes()
        assert "License-File: LICENSE" in archive.read(listed["METADATA"]).decode()


NO_PART = r"(^|/)(tests?/|test_|conftest)|_test\.py$|\.gguf$|\.sqlite$|\.pem$"


def test_the_wheel_carries_no_tests_and_no_models(wheel):
    names = wheel.namelist()
    assert [n for n in names if re.search(NO_PART, n)] == []
    assert sum(info.file_size for info in wheel.infolist()) < 2 << 20


def test_the_wheel_installs_its_command(wheel):
    entry = next(n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    assert "sfta-edge = sfta_edge.cli.main:main" in wheel.read(entry).decode()


def test_the_wheel_asks_for_nothing_of_training(wheel):
    metadata = wheel.read(next(n for n in wheel.namelist() if n.endswith("METADATA"))).decode()
    asked = re.findall(r"^Requires-Dist: (.+)$", metadata, re.MULTILINE)
    assert asked
    names = {canonicalize_name(Requirement(text).name) for text in asked}
    assert names & NEVER_ON_A_DEVICE == set()


def test_nothing_of_training_comes_along_to_the_device():
    found = closure(project("sfta-edge")["dependencies"])
    assert found & NEVER_ON_A_DEVICE == set()
    assert {"cryptography", "flask", "apsw"} <= found
    assert len(found) < 40


def test_the_closure_sees_indirect_requirements():
    assert "markupsafe" in closure(["flask"])


def test_the_three_distributions_have_one_version():
    versions = {name: project(name)["version"] for name in DISTRIBUTIONS}
    assert len(set(versions.values())) == 1, versions


@pytest.mark.parametrize(
    ("name", "inner"),
    [("sfta", "sfta-export"), ("sfta", "sfta-edge"), ("sfta-export", "sfta-edge")],
)
def test_a_distribution_pins_the_ones_below_it(name, inner):
    pinned = f"{inner}=={project(inner)['version']}"
    assert pinned in project(name)["dependencies"]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_distribution_says_its_licence_and_python(name):
    assert project(name)["license"] == "Apache-2.0"
    assert project(name)["requires-python"] == ">=3.11"


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_what_the_code_imports_is_declared(name):
    """An import that only another package brings along breaks when that package changes."""
    package = DISTRIBUTIONS[name] / name.replace("-", "_")
    declared = {canonicalize_name(Requirement(t).name) for t in project(name)["dependencies"]}
    for extra in project(name).get("optional-dependencies", {}).values():
        declared |= {canonicalize_name(Requirement(text).name) for text in extra}
    declared |= {part for part, whole in COMPANIONS.items() if whole in declared}
    undeclared = third_party_imports(package) - declared - BROUGHT_ALONG.get(name, set())
    assert undeclared == set()


def third_party_imports(package):
    import ast
    from importlib.metadata import packages_distributions

    installed = packages_distributions()
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or ""]
            for module in modules:
                top = module.split(".")[0]
                if top not in sys.stdlib_module_names | {package.name}:
                    found |= {canonicalize_name(d) for d in installed.get(top, [top])}
    return found


def test_the_constraints_pin_everything_that_is_declared():
    pinned = {
        canonicalize_name(Requirement(line).name)
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    }
    declared = {
        canonicalize_name(Requirement(text).name)
        for name in DISTRIBUTIONS
        for text in project(name)["dependencies"]
    }
    assert declared - pinned - {"sfta-edge", "sfta-export"} == set()


def test_what_setup_installs_beside_the_build_is_all_but_what_is_built_here():
    told = subprocess.run(
        [sys.executable, ROOT / ".ci/requirements.py"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert {"torch>=2.8", "sqlite-vec==0.1.9", "pytest-xdist>=3.7"} <= set(told)
    assert not [line for line in told if line.startswith(("sfta", "llama-cpp-python", "llm-"))]
