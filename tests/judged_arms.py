"""Cases of a small benchmark, and models that answer them well, weakly or by fraud."""

import json
import random
import re

from sfta.evaluation.arms import Reply, arm_of
from sfta.evaluation.cases import make_cases
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.judgement import judge
from sfta.evaluation.leakage import find_leakage
from sfta.evaluation.oracles import resolve_oracles
from sfta.evaluation.outcome import ArmResult, Evaluation
from sfta.evaluation.questions import OraclePage, Question
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import Chunk

REFUSAL = "The documents do not contain the answer."
CONTRACT = PromptContract(
    head="<s>",
    between="<u>",
    tail="<a>",
    end="</s>",
    system="Answer.",
    document="[{number}] {text}\n",
    question="Question: {question}",
    refusal=REFUSAL,
    answer_marker="Answer:",
    chat_template_sha256="0" * 64,
)
PARTS = ("pump", "valve", "fan", "motor", "filter", "cooler")


def make_chunk(number):
    document, page = divmod(number, 10)
    text = (
        f"The {PARTS[number % 6]} of unit {number} runs at {number}.5 bar. "
        "Keep the door closed while the machine runs, and check the lamps once a week."
    )
    name = f"manual-{document}.pdf"
    return Chunk(
        f"c{number}", f"d{document}", "Manual", page + 1, "4 Use", text, 0, len(text), name
    )


CHUNKS = {chunk.id: chunk for chunk in map(make_chunk, range(200))}


def make_questions(answerable=90, unanswerable=30):
    asked = [
        Question(
            f"a{number:03}",
            f"At what pressure does unit {number} run?",
            (f"{number}.5 bar",),
            answerable=True,
            oracle_pages=(OraclePage(chunk.name, chunk.page),),
            kind="fact" if number % 2 else "table",
        )
        for number, chunk in zip(range(answerable), CHUNKS.values(), strict=False)
    ]
    return asked + [
        Question(f"u{number:03}", f"Who painted unit {number}?", (), False, kind="near_miss")
        for number in range(unanswerable)
    ]


def search(questions, depth):
    """Finds the oracle chunk at rank 1 or 2 for nine questions of ten."""
    found = []
    for question in questions:
        number = int(re.search(r"unit (\d+)", question)[1])
        rng = random.Random(question)
        others = rng.sample([c for c in CHUNKS.values() if c.id != f"c{number}"], depth)
        if number % 10 != 9 and "pressure" in question:
            others.insert(number % 2, CHUNKS[f"c{number}"])
        found.append(others[:depth])
    return found


def make_cases_for(questions):
    oracles = resolve_oracles(questions, CHUNKS.values())
    return make_cases(questions, oracles, CHUNKS, search, top_k=4, depth=10)


CASES = make_cases_for(make_questions())


def oracle_place(case):
    return next((n for n, c in enumerate(case.retrieved, 1) if c.id in case.oracle.ids), None)


def good(case):
    """Quotes the oracle chunk and answers, or refuses."""
    if not (place := oracle_place(case)):
        return REFUSAL
    sentence = case.retrieved[place - 1].text.partition(" bar.")[0] + " bar."
    return CONTRACT.completion([(place, sentence)], case.question.answers[0])


def weak(case):
    """Right on every third question, in its own words; never refuses."""
    number = int(case.question.id[1:])
    if number % 3 == 0 and case.question.answerable:
        return f"I think it is {case.question.answers[0]}."
    return "It is perhaps 3 bar or so."


def arm_result(name, system, cases):
    arm = arm_of(name)
    replies, judged = [], []
    for case in cases:
        context, text = arm.chunks(case), system(case)
        ids = tuple(chunk.id for chunk in context)
        replies.append(Reply(case.question.id, text, ids, False, 700, 30, 1500.0))
        judged.append(judge(case, context, text, CONTRACT))
    return ArmResult(arm, replies, judged)


def evaluation(trained, base=weak, *, cases=CASES, seen=(), others=None, **config):
    """Two arms, and `others` by the names of their arms."""
    settings = EvaluateConfig(resamples=1000, **config)
    arms = [arm_result("raft_rag", trained, cases)]
    if base is not None:
        arms.insert(0, arm_result("base_rag", base, cases))
    arms += [arm_result(name, system, cases) for name, system in (others or {}).items()]
    conditions = {
        "name": "demo",
        "scheme": "Q8_0",
        "top_k": 4,
        "max_answer_tokens": 256,
        "resamples": 1000,
        "questions_sha256": "ab" * 32,
    }
    leakage = find_leakage([c.question for c in cases], seen, 0.9)
    return Evaluation(cases, arms, CONTRACT, leakage, settings, conditions, 7)


def read_lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
