"""Records of a robustness whose answers are given by a function."""

from fake_engines import CONTRACT
from robust_world import make_subjects_of
from sfta.evaluation.arms import Reply, arm_of
from sfta.evaluation.asking import judged_arm
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.robustness.findings import Asked
from sfta.evaluation.robustness.record import Conditions, make_record

ARM = "raft_rag"
SUBJECTS = make_subjects_of(*range(20))
REPORT = dict.fromkeys(
    ("base_model", "scheme", "top_k", "max_answer_tokens", "context_tokens",
     "refusal_threshold", "choose_quotes", "weights"), 0,
)  # fmt: skip


def says(variant, answer):
    """An answer with a quote of the oracle chunk, if it is there."""
    for number, chunk in enumerate(variant.case.retrieved, 1):
        if chunk.id == f"c{variant.origin[1:]}":
            sentence = chunk.text.partition(".")[0] + "."
            return CONTRACT.completion([(number, sentence)], answer)
    return CONTRACT.completion([], answer)


def right(variant):
    return says(variant, variant.case.question.answers[0])


def record_of(probes, answer, subjects=SUBJECTS, given=None):
    """What comes out if every variant is answered by a function."""
    variants = [v for p in probes for c in p.conditions for v in c.variants]
    variants = list({v.case.question.id: v for v in variants}.values())
    arm = arm_of(ARM)
    replies = [
        Reply(
            v.case.question.id,
            answer(v),
            tuple(c.id for c in v.case.retrieved)[:given],
            False, 9, 9, 0.0,
        )
        for v in variants
    ]  # fmt: skip
    asked = {
        ARM: Asked(variants, judged_arm(arm, [v.case for v in variants], replies, CONTRACT))
    }
    config = EvaluateConfig(resamples=1000)
    return make_record(subjects, probes, asked, Conditions("demo", 7, config, REPORT))
