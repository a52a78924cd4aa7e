"""llama.cpp's source is mended where it is known, and nowhere else."""

import platform
import re
import shutil
import subprocess

import pytest

from sfta_edge.errors import ToolError
from sfta_export.mending import CHANGES, FURTHER, Change, mend

CHANGE = Change("src/a.cpp", "old();\n", "new();\n")

TILES = """
struct Tiles {
    unsigned char palette, start, unused[14];
    unsigned short bytes[16];
    unsigned char rows[16];
};
void configure() {
    CACHED
    if (done) { return; }
    alignas(64) Tiles tc = {};
    tc.palette = 1;
    tc.rows[3] = 113;
    LOAD
    done = true;
}
"""


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.cpp").write_text("before();\nold();\nafter();\n")
    return tmp_path


def test_the_place_is_changed_and_the_rest_is_left(tree):
    mend(tree, (CHANGE,))
    assert (tree / "src/a.cpp").read_text() == "before();\nnew();\nafter();\n"


def test_a_tree_that_is_mended_already_stays_as_it_is(tree):
    for _ in range(2):
        mend(tree, (CHANGE,))
    assert (tree / "src/a.cpp").read_text() == "before();\nnew();\nafter();\n"


@pytest.mark.parametrize("content", ["", "something();\n", "old();\nold();\n"])
def test_another_source_is_refused_and_not_touched(tree, content):
    (tree / "src/a.cpp").write_text(content)
    with pytest.raises(ToolError, match=r"src/a\.cpp is not the file"):
        mend(tree, (CHANGE,))
    assert (tree / "src/a.cpp").read_text() == content


def test_a_source_without_the_file_is_refused(tmp_path):
    with pytest.raises(ToolError, match="is not the file"):
        mend(tmp_path, (CHANGE,))


def test_variants_that_older_compilers_do_not_know_are_left_out_on_arm(tmp_path):
    first, second = FURTHER["aarch64"]
    path = tmp_path / first.file
    path.parent.mkdir(parents=True)
    kept = "            ggml_add_cpu_backend_variant(armv8.6_2    DOTPROD SVE2)\n"
    for_android = first.old.replace("(armv9", "(android_armv9")
    path.write_text(kept + first.old + second.old + for_android)
    mend(tmp_path, FURTHER["aarch64"])
    text = path.read_text()
    calls = [line for line in text.splitlines() if "add_cpu_backend_variant" in line]
    assert calls == [kept.rstrip(), for_android.rstrip()]


@pytest.fixture(scope="module")
def assembled(tmp_path_factory):
    """The machine code that this machine's compiler makes of the mended lines."""
    if platform.machine() != "x86_64" or shutil.which("g++") is None:
        pytest.skip("tiles are a part of x86-64, and g++ is asked what it makes of them")
    load, cached = (change.new for change in CHANGES)
    path = tmp_path_factory.mktemp("tiles") / "tiles.cpp"
    path.write_text(TILES.replace("CACHED", cached).replace("LOAD", load))
    command = ["g++", "-std=c++17", "-O3", "-mamx-tile", "-S", "-o", "-", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_compiler_keeps_the_rows_of_a_tile(assembled):
    """GCC 12 drops them with the intrinsic."""
    assert "$113," in assembled


def test_tiles_are_configured_at_every_call(assembled):
    """Another library may have released them since."""
    assert "ldtilecfg" in assembled
    assert not re.search(r"\bj[a-z]+\s", assembled)
