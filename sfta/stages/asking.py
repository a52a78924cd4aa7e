"""Models behind endpoints as `generate` asks them: the teacher, and the judge of its questions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfta.core.endpoint import EndpointConfig
from sfta.raft.row_config import JudgeConfig
from sfta.raft.teacher_config import OpenAITeacher

if TYPE_CHECKING:
    from sfta.adapters.teacher_asking import Messages
    from sfta.adapters.teacher_budget import Usage
    from sfta.adapters.teacher_openai import Endpoint
    from sfta.adapters.teacher_replies import ReplyFolder


def ask_judge(
    judge: JudgeConfig, prompts: Sequence["Messages"], schema: Mapping[str, Any], cache: Path
) -> tuple[list[str], dict[str, Any]]:
    """The text of each reply, empty where there is none, and what the asking came to.

    Raises:
        SftaError: the endpoint failed for good. Replies that have come in are kept.
    """
    # Loaded here: the HTTP client is not needed where nothing is asked.
    from sfta.adapters.teacher_asking import Request, ask_all
    from sfta.adapters.teacher_openai import EndpointTeacher

    held_to, texts = schema if judge.json_schema else None, [""] * len(prompts)
    usage = ask_all(
        EndpointTeacher(endpoint_of(judge)),
        (Request(prompt, held_to) for prompt in prompts),
        reply_folder(cache),
        lambda place, reply: texts.__setitem__(place, reply.text),
        total=len(prompts),
        title="asking the judge",
    )
    return texts, lasting(usage)


def lasting(usage: "Usage") -> dict[str, Any]:
    """What is the same for the same replies, however often the run was interrupted."""
    names = ("requests", "repeated", "filtered", "refused", "too_long", "cut", "not_asked",
             "prompt_tokens", "completion_tokens", "stopped_by")  # fmt: skip
    return {name: getattr(usage, name) for name in names}


def endpoint_of(model: OpenAITeacher | JudgeConfig) -> "Endpoint":
    """The settings of a teacher or of a judge as the adapter takes them."""
    from sfta.adapters.teacher_openai import Endpoint

    if isinstance(model, JudgeConfig):
        return Endpoint(
            base_url=model.base_url or "", model=model.model or "", role="judge",
            settings="generate.judge", api_key_env=model.api_key_env, temperature=0.0,
            max_output_tokens=model.max_output_tokens, concurrency=model.concurrency,
        )  # fmt: skip
    return configured(
        model, temperature=model.temperature, max_output_tokens=model.max_output_tokens
    )


def configured(model: EndpointConfig, **how: Any) -> "Endpoint":
    """The endpoint of a recipe's settings; `how` holds what these do not say."""
    from sfta.adapters.teacher_openai import Endpoint

    return Endpoint(
        base_url=model.base_url, model=model.model, api_version=model.api_version,
        api_key_env=model.api_key_env, azure_identity=model.identity == "azure",
        concurrency=model.concurrency, attempts=model.attempts,
        timeout_seconds=model.timeout_seconds,
        requests_per_minute=model.requests_per_minute,
        tokens_per_minute=model.tokens_per_minute, **how,
    )  # fmt: skip


def reply_folder(cache: Path) -> "ReplyFolder":
    """Replies that all recipes share."""
    from sfta.adapters.teacher_replies import ReplyFolder

    return ReplyFolder(cache.expanduser() / "replies")


def endpoint_problems(model: OpenAITeacher | JudgeConfig) -> list[str]:
    """Whether a model can be asked at all; one sentence per problem."""
    from sfta.adapters.teacher_openai import problems

    return problems(endpoint_of(model))
