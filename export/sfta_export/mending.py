"""What is mended in the source of llama.cpp before it is built, and why.

Each change names text that has to stand in its file exactly once. Where it does not, the
source is not the one the change was made for, and nothing is built.
"""

from dataclasses import dataclass
from pathlib import Path

from sfta_edge.errors import ToolError


@dataclass(frozen=True, slots=True)
class Change:
    """One place in one file."""

    file: str
    """Path in llama.cpp's tree."""
    old: str
    new: str


_AMX = "ggml/src/ggml-cpu/amx/mmq.cpp"
CHANGES = (
    # GCC 12 declares that _tile_loadconfig reads 8 of the 64 bytes it is given and drops the
    # stores to the others: no tile has rows, and the first tile instruction is illegal.
    Change(
        _AMX,
        "    _tile_loadconfig(&tc);\n",
        '    __asm__ volatile("ldtilecfg\\t%0" : : "m"(tc));\n',
    ),
    # Tiles belong to the thread, not to ggml: PyTorch releases them after its own products, and
    # a thread that believes them configured would end the process as well.
    Change(_AMX, "    static thread_local bool done = false;\n", "    bool done = false;\n"),
)
"""See docs/decisions/0032."""
_VARIANTS = "ggml/src/CMakeLists.txt"
_ARM_CHANGES = tuple(
    # GCC before 14 does not know SME, and what a newer GCC builds asks for a C library that
    # Debian 12 has not. Processors with SME run the variant armv8.6_2.
    Change(
        _VARIANTS,
        f"            ggml_add_cpu_backend_variant({name})\n",
        f"            # left out by sfta_export.mending: {name}\n",
    )
    for name in (
        "armv9.2_1    DOTPROD FP16_VECTOR_ARITHMETIC SVE MATMUL_INT8 SME",
        "armv9.2_2    DOTPROD FP16_VECTOR_ARITHMETIC SVE MATMUL_INT8 SVE2 SME",
    )
)
FURTHER = {"aarch64": _ARM_CHANGES}
"""Changes for one kind of machine, as ``uname -m`` says it."""


def mend(llama: Path, changes: tuple[Change, ...] = CHANGES) -> None:
    """Make the changes in a tree; those that are made already are left alone.

    Raises:
        ToolError: the text to change is not there, or there more than once.
    """
    for change in changes:
        path = llama / change.file
        text = path.read_text("utf-8") if path.is_file() else ""
        if change.old not in text and text.count(change.new) == 1:
            continue
        if text.count(change.old) != 1:
            raise ToolError(
                f"{change.file} is not the file that is mended here: {change.old.strip()!r} stands "
                f"in it {text.count(change.old)} times",
                hint="The pinned source has changed: look at sfta_export/mending.py again.",
            )
        path.write_text(text.replace(change.old, change.new), "utf-8")
