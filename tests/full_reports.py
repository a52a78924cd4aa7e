"""A report with everything a report can have, for pages that are looked at."""

import random
from dataclasses import replace

from judged_arms import CASES, evaluation, good, weak
from sfta.evaluation.costs import Spent
from sfta.evaluation.report import Timed

ARMS = ["base_rag", "raft_rag", "base_closed", "base_few_shot", "base_oracle", "raft_closed",
        "raft_oracle", "sft_rag", "llm_rag", "llm_closed"]  # fmt: skip
_LONG = (
    "A customer's own model with a name that is far too long for any table, release candidate"
)
_ATTACK = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
)


def shaky(share):
    """Answers a share of the questions well, rambles on others, and is weak on the rest."""

    def system(case):
        draw = random.Random(f"{case.question.id}{share}")
        if draw.random() < share:
            return good(case)
        if draw.random() < 0.4:
            return f"Well {_ATTACK} {'it-runs-at-a-very-high-pressure-' * 9} " * draw.randint(
                1, 4
            )
        return weak(case)

    return system


def facts(value, spread=0.05):
    return {"value": value, "interval": [value - spread, value + spread]}


def cosine(names):
    floors = {"shuffled": 0.41, "refusal": 0.22, "no_idea": 0.19}
    arm = {"cosine": facts(0.7), "floors": floors, "above_floor": facts(0.5), "empty": 1}
    return {"n": 90, "shuffled_n": 90, "arms": dict.fromkeys(names, arm),
            "difference": facts(0.2)}  # fmt: skip


def perplexity(names):
    keys = ("perplexity", "answer_perplexity", "bits_per_byte")
    arm = {"n": 90, "too_long": 0, **{key: facts(4.2) for key in keys}}
    arms = dict.fromkeys(names, arm) | {"llm_rag": {"problem": "an endpoint tells no losses"}}
    return {"arms": arms, "difference": facts(-1.5)}


def judge(names):
    keys = ("correct", "partly", "agrees_with_contains")
    arm = {**{key: facts(0.6) for key in keys}, "supported": None}
    arm |= {"answerable": 40, "answers": 38, "unreadable": 2}
    return {"usable": True, "self_test": {"share": 0.95, "supported_share": 0.6},
            "questions": 40, "supported_is_trusted": False, "arms": dict.fromkeys(names, arm),
            "difference": facts(0.3)}  # fmt: skip


def forgetting():
    part = {"questions": 100, "right_before": 60, "right_after": 57, "difference": -0.03,
            "interval": [-0.08, 0.02]}  # fmt: skip
    return {**part, "kinds": {"arithmetic": part, "common_sense": part}, "exact_before": 40,
            "exact_after": 41, "refused_before": 0, "refused_after": 3, "right_before_only": 5,
            "right_after_only": 2, "p_value": 0.45, "lost": False,
            "sentence": "Nothing measurable was forgotten."}  # fmt: skip


def full_evaluation(count=10, trained=good, **config):
    """An evaluation of so many arms, with hostile texts and every secondary figure."""
    names = ARMS[:count]
    others = {name: shaky(0.1 + 0.1 * place) for place, name in enumerate(names[2:])}
    question = replace(CASES[0].question, question=f"What is {_ATTACK}?", kind="<b>bold</b>")
    cases = [replace(CASES[0], question=question), *CASES[1:]]
    found = evaluation(trained, weak, cases=cases, others=others, **config)
    arms = [
        replace(result, arm=replace(result.arm, label=_LONG))
        if result.arm.name == "sft_rag"
        else result
        for result in found.arms
    ]
    further = {"cosine": cosine(names), "perplexity": perplexity(names),
               "judge": judge(names), "forgetting": forgetting()}  # fmt: skip
    return replace(found, arms=arms, further=further)


def timed(count=10):
    """Times of some answers, and what the endpoint took."""
    names = [name for name in ARMS[:count] if not name.startswith("llm")]
    milliseconds = {
        name: [500.0 + 300 * place + 40 * turn for turn in range(8)]
        for place, name in enumerate(names)
    }
    spent = {"llm_rag": Spent(90_000, 4_000, 0.31, "EUR"), "llm_closed": Spent(9_000, 4_000)}
    machine = {"processor": "Test CPU", "threads": "2"}
    return Timed(milliseconds, machine, spent=spent if count == len(ARMS) else {})
