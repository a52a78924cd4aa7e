"""What may be said about fine-tuning, and about the other systems that were asked.

An interval that holds zero shows no difference. It shows that there is none worth having only if
it is narrow as well; else the questions are too few to say either.
"""

from collections.abc import Mapping, Sequence

from sfta.evaluation.config import TRAINED
from sfta.evaluation.rivals import BASE_WORDS, Rival
from sfta.evaluation.statistics import Estimate

WORTH_HAVING = 0.1
"""A gain that nobody would want to miss. If an interval with zero ends above it, "as good" would
say too much."""

Gained = Mapping[str, Estimate]


def hardest_base(gained: Gained | None, rivals: Sequence[Rival]) -> tuple[str, Gained | None]:
    """The form of the base model that training beats by least: what it is called, and by what."""
    forms = {} if gained is None else {BASE_WORDS["rag"]: gained}
    forms |= {BASE_WORDS[rival.context]: rival.gained for rival in rivals if rival.is_base}
    if not forms:
        return "the base model", None

    def least(words: str) -> float:
        """What cannot be measured is beaten by least."""
        low = forms[words]["token_f1"].low
        return -2.0 if low is None else low

    hardest = min(forms, key=least)
    return hardest, forms[hardest]


def about_fine_tuning(gained: Gained | None, rivals: Sequence[Rival], questions: int) -> str:
    """One sentence, compared with the hardest form of the base model."""
    base, against = hardest_base(gained, rivals)
    if against is None:
        return "The base model was not asked, so nothing is known about the gain of training."
    answers, refusals = against["token_f1"], against["refusal_f1"]
    if _sign(answers) == 0 and may_gain(answers):
        return (
            f"Not decided: {questions} questions cannot tell whether fine-tuning answers better "
            f"than {base}: {_measured(answers)}.{_REFUSES[_sign(refusals)]}"
        )
    opinion = {
        (1, 1): f"Fine-tuning helps: it answers and refuses better than {base}",
        (1, 0): f"Fine-tuning helps: it answers better than {base}",
        (1, -1): f"Fine-tuning helps answering and hurts refusing, compared with {base}",
        (0, 1): f"Fine-tuning helps refusing only; {base} answers as well",
        (0, 0): f"Do not fine-tune: {base} is as good",
        (0, -1): f"Do not fine-tune: it hurts refusing, and {base} answers as well",
        (-1, 1): f"Fine-tuning trades answers for refusals, compared with {base}",
        (-1, 0): f"Do not fine-tune: {base} answers better",
        (-1, -1): f"Do not fine-tune: {base} answers and refuses better",
    }[_sign(answers), _sign(refusals)]
    return f"{opinion}, as far as {questions} questions can tell: {_measured(answers)}."


def about_others(rivals: Sequence[Rival]) -> str:
    """A sentence on other models and one on the trained model without documents, if asked."""
    said = [f"{rival.label} {_standing(rival)}" for rival in rivals if rival.is_other]
    text = f" Beside it: {'; '.join(said)}." if said else ""
    closed = [r for r in rivals if r.model == TRAINED and r.context == "closed"]
    if any(
        _sign(r.gained["token_f1"]) < 1 and not may_gain(r.gained["token_f1"]) for r in closed
    ):
        text += " Without documents it answers as well: it recites what it has learnt."
    return text


def may_gain(gained: Estimate) -> bool:
    """Whether the interval leaves room for a gain that is worth having, or nothing is known."""
    return gained.high is None or gained.high > WORTH_HAVING


_REFUSES = {1: " It refuses better.", 0: "", -1: " It refuses worse."}


def _standing(rival: Rival) -> str:
    """From the other's side, so that more is better for it."""
    gained = rival.gained["token_f1"]
    said = "answers as well"
    if _sign(gained):
        said = "answers worse" if _sign(gained) > 0 else "answers better"
    elif may_gain(gained):
        said = "cannot be told from it"
    more = "not measurable" if gained.value is None else f"{0.0 - gained.value:+.3f}"
    return f"{said} (token F1 {more})"


def _measured(gained: Estimate) -> str:
    if gained.value is None or gained.low is None or gained.high is None:
        return "token F1 not measurable"
    return (
        f"token F1 {gained.value:+.3f} (95 % interval {gained.low:+.3f} to {gained.high:+.3f})"
    )


def _sign(gained: Estimate) -> int:
    """1 or -1 where the interval leaves out zero, 0 where it does not."""
    if gained.low is None or gained.high is None:
        return 0
    return int(gained.low > 0) - int(gained.high < 0)
