"""Whether the model's process keeps its size over thousands of questions.

    python benchmarks/memory.py [--gguf PATH] [--questions 2000] [--every 100] [--askers 4]
        [--tokens 16] [--threads N] [--json]

Every question is another one, so nothing that grows with questions can hide behind what is known
already. The slope is that of the second half: the first fills the memory of past tokens.
"""

import argparse
import json
import runpy
import sys
from itertools import islice
from pathlib import Path
from typing import Any

from sfta_edge.bench.figures import slope
from sfta_edge.cores import physical_cores
from sfta_edge.worker.models import WorkerFiles
from sfta_edge.worker.remote import RemoteEngine
from sfta_edge.worker.state import WatchOptions
from sfta_edge.worker.supervisor import Supervisor

_LOAD = runpy.run_path(str(Path(__file__).with_name("serving_load.py")))
_MIB = 1 << 20


def measure(model: Path, options: argparse.Namespace) -> list[tuple[int, int]]:
    """Questions asked so far, and bytes that the worker holds then."""
    files = WorkerFiles(model, None, 2048, options.threads, options.askers)
    watch = WatchOptions(start=300.0, longest=3600.0)
    with Supervisor.of_files(files, watch) as supervisor:
        engine = RemoteEngine(supervisor)
        prompts = _LOAD["draw_prompts"](engine, "memory")
        first = supervisor.state.pid
        found = [(0, _held(supervisor))]
        while (asked := found[-1][0]) < options.questions:
            some = list(islice(prompts, min(options.every, options.questions - asked)))
            _LOAD["taking_turns"](engine, some, options.askers, options.tokens)
            found.append((asked + len(some), _held(supervisor)))
            sys.stderr.write(f"{asked + len(some)} questions: {found[-1][1] / _MIB:.1f} MiB\n")
        if supervisor.state.pid != first:
            raise RuntimeError("the worker was replaced while it was measured")
    return found


def summary(found: list[tuple[int, int]]) -> dict[str, Any]:
    """First, last, and the bytes that each question of the second half added."""
    later = found[len(found) // 2 :]
    grows = slope([asked for asked, _ in later], [held for _, held in later])
    return {
        "questions": found[-1][0],
        "loaded_bytes": found[0][1],
        "first_bytes": found[min(1, len(found) - 1)][1],
        "last_bytes": found[-1][1],
        "bytes_per_question": grows,
    }


def _held(supervisor: Supervisor) -> int:
    held = supervisor.state.rss_bytes
    if held is None:
        raise RuntimeError("the system does not tell what the worker holds")
    return held


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gguf", default=_LOAD["MODEL"], help="file, or package://name/file")
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--askers", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=16, help="of an answer")
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    _LOAD["leave_when_told"]()
    found = measure(_LOAD["model_file"](options.gguf), options)
    told = summary(found)
    if options.json:
        print(json.dumps(told | {"held": found}))
        return
    print("| questions | MiB |\n|---|---|")
    for asked, held in found:
        print(f"| {asked:,} | {held / _MIB:.1f} |")
    print(
        f"\nafter the first {options.every}: {told['first_bytes'] / _MIB:.1f} MiB, at the end "
        f"{told['last_bytes'] / _MIB:.1f} MiB, {told['bytes_per_question']:+.0f} bytes a question "
        "in the second half"
    )


if __name__ == "__main__":
    main()
