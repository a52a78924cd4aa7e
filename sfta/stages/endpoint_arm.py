"""An arm behind an OpenAI-compatible endpoint: the LLM + RAG way, on the same chunks."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sfta.core.stage import Job
from sfta.evaluation.arms import Arm, Reply
from sfta.evaluation.asking import judged_arm
from sfta.evaluation.cases import Case
from sfta.evaluation.config import EndpointModel
from sfta.evaluation.costs import Spent
from sfta.evaluation.outcome import ArmResult
from sfta.evaluation.prompting import messages_of
from sfta.recipe import Recipe
from sfta.stages.asking import configured, reply_folder
from sfta_edge.prompt import PromptContract

if TYPE_CHECKING:
    from sfta.adapters.teacher_budget import Usage
    from sfta.adapters.teacher_openai import Endpoint
    from sfta.adapters.teacher_replies import Reply as Written

_ROOM = 2
"""An endpoint's tokens may be shorter, and what it thinks aloud counts too."""


def ask_endpoint(
    job: Job[Recipe],
    model: EndpointModel,
    arm: Arm,
    cases: Sequence[Case],
    contract: PromptContract,
) -> tuple[ArmResult, Spent]:
    """Replies to all cases, judged like those of any arm; each is paid for once.

    A question that the endpoint does not answer, because its filter blocks it or it does not fit,
    counts as answered with nothing, and the result says how many there are. As on the device,
    nothing is asked where the search has found nothing.

    Raises:
        SftaError: the endpoint failed for good. Replies that have come in are kept.
    """
    # Loaded here: the HTTP client is not needed where nothing is asked.
    from sfta.adapters.teacher_asking import Request, ask_all
    from sfta.adapters.teacher_openai import EndpointTeacher

    asked = [case for case in cases if arm.context == "closed" or arm.chunks(case)]
    requests = [
        Request(messages_of(contract, arm.chunks(case), case.question.question))
        for case in asked
    ]
    replies = {case.question.id: Reply(case.question.id, contract.refusal, (), False, 0, 0, 0.0)
               for case in cases}  # fmt: skip
    lost: Counter[str] = Counter()

    def use(place: int, written: "Written") -> None:
        case = asked[place]
        replies[case.question.id] = _reply(arm, case, written)
        if not written.text:
            lost[written.status] += 1

    usage = ask_all(
        EndpointTeacher(endpoint_of(job.recipe, arm.model, model)), requests,
        reply_folder(job.runtime.cache), use, total=len(requests), title=f"{arm.name}: answers",
    )  # fmt: skip
    said = ", ".join(f"{reason} {count}" for reason, count in sorted(lost.items()))
    remarks = [f"{sum(lost.values())} questions have no answer ({said})."] if lost else []
    ordered = [replies[case.question.id] for case in cases]
    return judged_arm(arm, cases, ordered, contract, remarks), _spent(model, usage)


def _spent(model: EndpointModel, usage: "Usage") -> Spent:
    from sfta.adapters.teacher_budget import Price

    if model.price is None:
        return Spent(usage.prompt_tokens, usage.completion_tokens)
    price = Price(model.price.prompt, model.price.completion, model.price.currency)
    money = round(price.of(usage.tokens), 6)
    return Spent(usage.prompt_tokens, usage.completion_tokens, money, price.currency)


def asking_problems(recipe: Recipe, name: str, model: EndpointModel) -> list[str]:
    """Whether the model can be asked at all; one sentence per problem."""
    from sfta.adapters.teacher_openai import problems

    return problems(endpoint_of(recipe, name, model))


def endpoint_of(recipe: Recipe, name: str, model: EndpointModel) -> "Endpoint":
    """Where the model is asked, and how: always for its most probable answer."""
    return configured(
        model, role=name, settings=f"evaluate.models.{name}", temperature=0.0,
        max_output_tokens=recipe.evaluate.max_answer_tokens * _ROOM,
    )  # fmt: skip


def _reply(arm: Arm, case: Case, written: "Written") -> Reply:
    return Reply(
        id=case.question.id,
        completion=written.text,
        given=tuple(chunk.id for chunk in arm.chunks(case)),
        truncated=written.status == "cut",
        prompt_tokens=written.prompt_tokens,
        answer_tokens=written.completion_tokens,
        milliseconds=0.0,
    )
