"""Stage robustness: gguf, index, dataset, report -> what disturbs the model, and how much.

Beside the line: the report asks the questions as they are, this one with more documents, wrong,
contradicting or hostile ones, in other words and in other languages.
"""

import json
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfta.core.stage import Job, Metrics, Runtime, Stage
from sfta.evaluation.cases import Case
from sfta.evaluation.config import CANDIDATE
from sfta.evaluation.oracles import read_chunks
from sfta.evaluation.questions import Question, draw_evenly
from sfta.evaluation.robustness.config import ProbeName
from sfta.evaluation.robustness.contradictions import contradictions
from sfta.evaluation.robustness.documents import (
    every_position,
    more_distractors,
    wrong_documents,
)
from sfta.evaluation.robustness.findings import Asked
from sfta.evaluation.robustness.injections import injections
from sfta.evaluation.robustness.page import render_page
from sfta.evaluation.robustness.record import Conditions, make_record
from sfta.evaluation.robustness.subjects import Subject, make_subjects
from sfta.evaluation.robustness.table import table
from sfta.evaluation.robustness.variants import Probe, Variant
from sfta.evaluation.robustness.wordings import languages, paraphrases, searched, typos
from sfta.evaluation.themes import THEMES
from sfta.raft.wording import reworded
from sfta.recipe import Recipe
from sfta.stages.benchmark import (
    asked_content,
    asked_problems,
    chunks_beside,
    questions_asked,
    searched_cases,
)
from sfta.stages.index import KNOWLEDGE
from sfta.stages.robust_answers import arm_problems, ask_variants, model_contents
from sfta_edge.errors import ConfigError
from sfta_edge.manifest import canonical_json, write_durably
from sfta_edge.prompt import PROMPT_FILE, PromptContract
from sfta_edge.retriever import Chunk

RECORD, TABLE, PAGE, ANSWERS = (
    "robustness.json",
    "robustness.csv",
    "robustness.html",
    "answers.jsonl",
)
log = logging.getLogger("sfta")


def run(job: Job[Recipe]) -> Metrics:
    """Vary the questions, ask every variant, compare, and write what came out.

    Raises:
        ConfigError: no question can be varied.
    """
    probing = _make_probing(job)
    probes = [probing.probe(name) for name in job.recipe.robustness.probes]
    variants = [v for p in probes for c in p.conditions for v in c.variants]
    # Attacks stand in two conditions: their family, and all together.
    once = list({v.case.question.id: v for v in variants}.values())
    cases = [variant.case for variant in once]
    asked: dict[str, Asked] = {
        arm: Asked(once, ask_variants(job, arm, cases)) for arm in job.recipe.robustness.arms
    }
    report = json.loads(job.inputs["report"].file("report.json").read_bytes())
    settings = Conditions(
        job.recipe.name, job.recipe.seed, job.recipe.evaluate, report["settings"]
    )
    record = make_record(probing.subjects, probes, asked, settings)
    _write(job, record, asked)
    for probe in record["probes"]:
        for said in probe["sentences"].get(CANDIDATE, ()):
            log.info("%s: %s", probe["name"], said)
    return _metrics(record)


@dataclass(frozen=True, slots=True)
class _Probing:
    """What every probe is made from."""

    job: Job[Recipe]
    subjects: Sequence[Subject]
    every: Sequence[Question]
    """All questions of the benchmark."""
    chunks: Mapping[str, Chunk]
    """Of the index."""

    def probe(self, name: ProbeName) -> Probe:
        """The variants of one sort."""
        config, seed, subjects = self.job.recipe.robustness, self.job.recipe.seed, self.subjects
        corpus, top_k = list(self.chunks.values()), self.job.recipe.retrieval.top_k
        beside = max(1, top_k - 1)
        contract = PromptContract.read(self.job.inputs["gguf"].file(PROMPT_FILE))
        match name:
            case "distractors":
                return more_distractors(subjects, corpus, seed, config.distractors)
            case "position":
                return every_position(subjects, corpus, seed, config.position_chunks)
            case "wrong_documents":
                return wrong_documents(subjects, corpus, seed, top_k)
            case "contradictions":
                return contradictions(subjects, self.every, seed)
            case "paraphrase":
                made = paraphrases(subjects, seed, _reword)
                return searched(name, subjects, made, self.search)
            case "typos":
                return searched(name, subjects, typos(subjects, seed), self.search)
            case "injections":
                return injections(subjects, corpus, seed, beside, contract)
            case "languages":
                return searched(name, subjects, languages(subjects), self.search)

    def search(self, questions: Sequence[Question]) -> list[Case]:
        """What the search finds for other wordings."""
        if not questions:
            return []
        index = self.job.inputs["index"].path
        return searched_cases(index, questions, self.chunks, self.job.recipe)


def _make_probing(job: Job[Recipe]) -> _Probing:
    chunks = {chunk.id: chunk for chunk in read_chunks(job.inputs["index"].file(KNOWLEDGE))}
    every = questions_asked(job, chunks_beside(job.inputs["dataset"], chunks))
    usable = [q for q in every if q.answerable and (q.oracle_ids or q.oracle_pages)]
    drawn = draw_evenly(usable, job.recipe.robustness.questions, job.recipe.seed)
    if not drawn:
        raise ConfigError(
            "no question can be varied: none is answerable and names its oracle",
            hint="Give oracle_ids or oracle_pages in the benchmark file.",
        )
    cases = searched_cases(job.inputs["index"].path, drawn, chunks, job.recipe)
    subjects = make_subjects(cases, chunks)
    log.info("robustness: %d of %d usable questions", len(subjects), len(usable))
    return _Probing(job, subjects, every, chunks)


def _reword(question: str, drawn: bytes) -> str:
    rng = random.Random(drawn)
    return reworded(question, rng, share=1.0, aliases={})


def _write(job: Job[Recipe], record: Mapping[str, Any], asked: Mapping[str, Asked]) -> None:
    # Loaded here because matplotlib takes seconds.
    from sfta.evaluation.robustness.curves import picture

    pictures = {
        appearance: {
            probe["name"]: picture(probe, record["arms"], theme) for probe in record["probes"]
        }
        for appearance, theme in THEMES.items()
    }
    for name, png in pictures["light"].items():
        write_durably(job.out / f"{name}.png", png)
    page = render_page(record, pictures["light"], pictures["dark"])
    write_durably(job.out / PAGE, page.encode())
    write_durably(job.out / TABLE, table(record["probes"]))
    lines = [
        canonical_json(_line(arm, variant, place, one))
        for arm, one in asked.items()
        for place, variant in enumerate(one.variants)
    ]
    write_durably(job.out / ANSWERS, b"".join(line + b"\n" for line in lines))
    write_durably(job.out / RECORD, canonical_json(record))


def _line(arm: str, variant: Variant, place: int, asked: Asked) -> dict[str, Any]:
    """One answer, with what was asked."""
    reply, judged = asked.result.replies[place], asked.result.judgements[place]
    question = variant.case.question
    return {
        "arm": arm,
        "id": question.id,
        "origin": variant.origin,
        "question": question.question,
        "answers": list(question.answers),
        "planted": list(variant.planted),
        "attack": variant.attack,
        "place": variant.place,
        "context": [{"id": c.id, "text": c.text} for c in variant.case.retrieved],
        "given": list(reply.given),
        "completion": reply.completion,
        "refused": judged.refused,
    }


def _metrics(record: Mapping[str, Any]) -> Metrics:
    """Token F1 of each probe's last condition, and how many attacks had their effect."""
    shown: Metrics = {"questions": record["questions"], "variants": record["asked"]}
    for probe in record["probes"]:
        found = probe["conditions"][-1]["arms"].get(CANDIDATE)
        key = "attack_success" if probe["name"] == "injections" else "token_f1"
        if found is not None and key in found["figures"]:
            shown[probe["name"]] = {key: found["figures"][key]}
    return shown


def _external(recipe: Recipe, runtime: Runtime) -> dict[str, str]:
    return model_contents(recipe, runtime) | asked_content(recipe)


def _check(recipe: Recipe, runtime: Runtime) -> list[str]:
    return arm_problems(recipe, runtime) + asked_problems(recipe)


STAGE = Stage(
    name="robustness",
    needs=("gguf", "index", "dataset", "report"),
    makes="robustness",
    # The last three say what another recipe's model is made of, and what any model is told.
    sections=(
        *("name", "seed", "retrieval", "model", "export", "evaluate", "robustness"),
        *("prompt", "dataset", "preference"),
    ),
    run=run,
    revision=3,
    external=_external,
    check=_check,
)
