"""All arms of the evaluation on a public question set, side by side.

    python benchmarks/arms.py QUESTION_SET [--out runs/arms] [--rows 150]

A QUESTION_SET is a folder with ``corpus.jsonl`` and ``questions.jsonl``, see benchmarks/methods.py:
the same 200 questions are held out, and those among them without an answer cannot be answered. The
RAFT model goes on from configs/reading/adapter, the SFT model learns question and answer without
documents from the same rows. Prints a table and the verdict, and names the report.
"""

import argparse
import json
import logging
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sfta.core.stage import Runtime, run_stages, select
from sfta.recipe import Recipe
from sfta.stages.pipeline import stages_of

_METHODS = runpy.run_path(str(Path(__file__).with_name("methods.py")))
_ARMS = (
    *("base_closed", "sft_closed", "base_rag", "base_few_shot"),
    *("sft_rag", "raft_rag", "raft_oracle"),
)
_METRICS = (
    *("token_f1", "contains", "overall_f1", "refusal_f1", "f1_gr", "over_refusal"),
    *("citation_recall", "quote_validity"),
)


def recipe(out: Path, rows: int, *, sft: Path | None) -> Recipe:
    """The recipe of the RAFT model, or, without an SFT model to compare it with, of that one."""
    how = {"rows": "closed_book"} if sft is None else {"start_from": str(_METHODS["SKILL"])}
    settings = _METHODS["settings"]({"validations": 1, **how}, rows, (0.7, 0.3, 0.0))
    settings["evaluate"] |= {"max_answer_tokens": 96, "general_questions": False}
    if sft is not None:
        settings["evaluate"] |= {
            "arms": list(_ARMS),
            "models": {"sft": {"kind": "file", "path": str(sft), "label": "SFT"}},
        }
    made: Recipe = _METHODS["placed"](settings, out)
    return made


def measure(out: Path, rows: int, runtime: Runtime) -> Path:
    """Train both models, ask all arms; the folder of the report."""
    plain = recipe(out, rows, sft=None)
    sft = run_stages(select(stages_of(plain), "export"), plain, runtime)["gguf"].path
    compared = recipe(out, rows, sft=sft.resolve())
    return run_stages(select(stages_of(compared), "evaluate"), compared, runtime)["report"].path


def table(report: Mapping[str, Any]) -> str:
    """Markdown, with intervals; baselines below the arms."""
    systems = (*report["arms"].values(), *report["baselines"].values())
    lines = [
        ["", *_METRICS],
        ["---"] * (len(_METRICS) + 1),
        *([system["label"], *(_cell(system, key) for key in _METRICS)] for system in systems),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(arm: Mapping[str, Any], metric: str) -> str:
    value, interval = arm["metrics"][metric], arm["intervals"][metric]
    if value is None:
        return "-"
    low, high = interval or (value, value)
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Measure all arms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("questions", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, default=Path("runs/arms"))
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/sfta"))
    parser.add_argument("--rows", type=int, default=150)
    options = parser.parse_args()
    if options.questions is None:
        print("give a folder with corpus.jsonl and questions.jsonl")
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    out = options.out / options.questions.name
    _METHODS["prepare"](out, options.questions)
    runtime = Runtime(runs=out / "runs", cache=options.cache.expanduser())
    folder = measure(out, options.rows, runtime)
    report = json.loads((folder / "report.json").read_bytes())
    print(table(report))
    print(f"retrieval: {report['retrieval']['metrics']}")
    print(report["verdict"])
    print(f"report: {folder / 'report.html'}")


if __name__ == "__main__":
    main()
