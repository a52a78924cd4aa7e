"""The runtime's wheel is a correct wheel, the same bytes each time, with each library once."""

import base64
import hashlib
import subprocess
import sys
import zipfile

import pytest

from sfta_edge.errors import IntegrityError
from sfta_export.wheel import pack, platform_tag

METADATA = "Metadata-Version: 2.2\nName: llama_cpp_python\nVersion: 9.8.7\n\nText.\n"
INFO = "llama_cpp_python-9.8.7.dist-info"


@pytest.fixture
def source(tmp_path):
    """The parts of a source archive that go into the wheel, and one that does not."""
    root = tmp_path / "source"
    (root / "llama_cpp" / "server").mkdir(parents=True)
    (root / "llama_cpp" / "__init__.py").write_text('__version__ = "9.8.7"\n')
    (root / "llama_cpp" / "py.typed").touch()
    (root / "llama_cpp" / "server" / "app.py").write_text("x = 1\n")
    (root / "llama_cpp" / "stray.o").write_bytes(b"object")
    (root / "PKG-INFO").write_text(METADATA)
    (root / "LICENSE.md").write_text("MIT")
    (root / "vendor" / "llama.cpp").mkdir(parents=True)
    (root / "vendor" / "llama.cpp" / "LICENSE").write_text("MIT too")
    return root


@pytest.fixture
def libraries(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    contents = {
        "libggml.so": b"\x7fELF\0GLIBC_2.2.5\0GLIBC_2.17\0",
        "libllama.so": b"\x7fELF\0GLIBC_2.34\0GLIBC_2.9\0GLIBCXX_3.4.29\0",
    }
    for name, raw in contents.items():
        (folder / name).write_bytes(raw)
    return sorted(folder.iterdir())


@pytest.fixture
def packed(source, libraries, tmp_path):
    return pack(source, libraries, tmp_path)


def test_the_tag_is_the_newest_c_library_version_that_a_library_asks_for(libraries):
    assert platform_tag(libraries).startswith("manylinux_2_34_")


def test_the_tag_names_the_machine_that_the_libraries_are_for(source, libraries, tmp_path):
    assert platform_tag(libraries, "aarch64") == "manylinux_2_34_aarch64"
    path = pack(source, libraries, tmp_path, machine="aarch64")
    assert path.name.endswith("-py3-none-manylinux_2_34_aarch64.whl")
    inside = zipfile.ZipFile(path).read(f"{INFO}/WHEEL").decode()
    assert "Tag: py3-none-manylinux_2_34_aarch64\n" in inside


def test_versions_are_compared_as_numbers(libraries):
    assert platform_tag(libraries[:1]).startswith("manylinux_2_17_")


def test_the_version_of_the_cxx_library_is_not_taken_for_it(tmp_path):
    (tmp_path / "a.so").write_bytes(b"\0GLIBCXX_3.4.99\0GLIBC_PRIVATE\0")
    assert platform_tag([tmp_path / "a.so"]).startswith("linux_")


def test_a_link_is_refused_because_a_wheel_would_hold_the_library_twice(libraries, tmp_path):
    link = tmp_path / "libllama.so.0"
    link.symlink_to(libraries[0])
    with pytest.raises(IntegrityError, match="links"):
        platform_tag([*libraries, link])


def test_the_name_says_python_3_and_the_platform(packed, libraries):
    tag = platform_tag(libraries)
    assert packed.name == f"llama_cpp_python-9.8.7-py3-none-{tag}.whl"


def test_it_holds_bindings_libraries_licences_and_nothing_else(packed):
    assert zipfile.ZipFile(packed).namelist() == [
        "llama_cpp/__init__.py",
        "llama_cpp/lib/libggml.so",
        "llama_cpp/lib/libllama.so",
        "llama_cpp/py.typed",
        "llama_cpp/server/app.py",
        f"{INFO}/METADATA",
        f"{INFO}/RECORD",
        f"{INFO}/WHEEL",
        f"{INFO}/licenses/LICENSE.md",
        f"{INFO}/licenses/llama.cpp-LICENSE",
    ]


def test_same_inputs_give_the_same_bytes(packed, source, libraries, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    for path in source.rglob("*"):
        path.touch()
    assert pack(source, libraries[::-1], again).read_bytes() == packed.read_bytes()


def test_the_record_lists_every_file_with_its_hash_and_size(packed):
    archive = zipfile.ZipFile(packed)
    rows = [line.split(",") for line in archive.read(f"{INFO}/RECORD").decode().splitlines()]
    assert {row[0] for row in rows} == set(archive.namelist())
    for name, digest, size in rows:
        if name.endswith("RECORD"):
            assert (digest, size) == ("", "")
            continue
        raw = archive.read(name)
        expected = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()
        assert (digest, int(size)) == (f"sha256={expected}", len(raw))


def test_the_metadata_is_the_archive_own(packed):
    assert zipfile.ZipFile(packed).read(f"{INFO}/METADATA").decode() == METADATA


def test_a_library_is_executable_and_a_module_is_not(packed):
    modes = {
        entry.filename: entry.external_attr >> 16 & 0o777
        for entry in zipfile.ZipFile(packed).infolist()
    }
    assert modes["llama_cpp/lib/libllama.so"] == 0o755
    assert modes["llama_cpp/__init__.py"] == 0o644


def test_pip_accepts_it_and_python_imports_it(packed, tmp_path):
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", "--target", str(target), str(packed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code = "import llama_cpp; print(llama_cpp.__version__)"
    seen = subprocess.run(
        [sys.executable, "-c", code], cwd=target, capture_output=True, text=True, check=True
    )
    assert seen.stdout.strip() == "9.8.7"


@pytest.mark.tools
def test_the_built_wheel_holds_each_library_once_and_every_cpu_variant(tools):
    names = [n for n in zipfile.ZipFile(tools.wheel).namelist() if "/lib/" in n]
    stems = [name.rpartition("/")[2] for name in names]
    assert len(stems) == len(set(stems))
    assert all(name.endswith(".so") for name in stems)
    assert {"libllama.so", "libggml.so", "libggml-base.so"} <= set(stems)
    assert sum(name.startswith("libggml-cpu-") for name in stems) >= 8


@pytest.mark.tools
def test_the_built_wheel_needs_no_library_that_a_plain_system_lacks(tools, tmp_path):
    with zipfile.ZipFile(tools.wheel) as archive:
        archive.extractall(tmp_path)
    for path in (tmp_path / "llama_cpp" / "lib").iterdir():
        raw = path.read_bytes()
        for foreign in (b"libgomp", b"libssl", b"libcurl", b"libopenblas"):
            assert foreign not in raw, path.name


@pytest.mark.tools
def test_the_built_wheel_does_not_say_where_it_was_built(tools):
    with zipfile.ZipFile(tools.wheel) as archive:
        raw = archive.read("llama_cpp/lib/libllama.so")
    assert str(tools.folder.parent).encode() not in raw


@pytest.mark.tools
def test_one_registry_of_cpu_variants_is_in_the_process():
    code = (
        "from sfta_edge.llama import load_library, variant; load_library(); print(variant());"
        "import llama_cpp._ggml;"
        "print(len({l.split()[-1] for l in open('/proc/self/maps') if 'libggml.so' in l}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    chosen, copies = done.stdout.split()
    assert chosen not in ("", "built-in")
    assert copies == "1"
