"""How a device answers: as the report says that it was measured."""

from typing import Any

from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.settings import AnswerSettings


def answer_facts(report: dict[str, Any], candidates: int) -> dict[str, Any]:
    """How the device answers: as it was measured.

    Raises:
        IntegrityError: the report does not say how, or the device could not do it.
    """
    settings = report["settings"]
    try:
        facts = {
            "top_k": settings["top_k"],
            "candidates": candidates,
            "max_tokens": settings["max_answer_tokens"],
            "context_tokens": settings["context_tokens"],
            "refusal_threshold": settings["refusal_threshold"],
            "choose_quotes": settings["choose_quotes"],
            "weights": settings["weights"],
        }
        AnswerSettings.from_facts(facts)
    except (KeyError, ConfigError) as error:
        raise IntegrityError(
            f"the report does not say how the device is to answer: {error}"
        ) from error
    return facts
