"""A model asked many things at once, for the stages that need one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfta.raft.config import OpenAITeacher
from sfta.raft.row_config import JudgeConfig

if TYPE_CHECKING:
    from sfta.adapters.teacher_openai import Endpoint

Messages = Sequence[Mapping[str, str]]


def ask(
    teacher: OpenAITeacher | JudgeConfig,
    prompts: Sequence[Messages],
    schema: Mapping[str, Any] | None,
    cache: Path,
) -> tuple[list[str], dict[str, Any]]:
    """The text of each reply, empty where there is none, and what the asking came to.

    Raises:
        ToolError: the endpoint failed for good. Replies that have come in are kept.
    """
    # Loaded here: the HTTP client is not needed where rules write the questions.
    from sfta.adapters.teacher_openai import ask_all
    from sfta.adapters.teacher_replies import ReplyFolder

    replies, usage = ask_all(
        endpoint_of(teacher), prompts, ReplyFolder(cache.expanduser() / "replies"),
        schema=schema if teacher.json_schema else None,
    )  # fmt: skip
    return [reply.text for reply in replies], asdict(usage)


def endpoint_of(teacher: OpenAITeacher | JudgeConfig) -> "Endpoint":
    """The settings of a teacher or a judge as the adapter takes them."""
    from sfta.adapters.teacher_openai import Endpoint

    if isinstance(teacher, JudgeConfig):
        return Endpoint(
            base_url=teacher.base_url or "", model=teacher.model or "",
            api_key_env=teacher.api_key_env, temperature=0.0,
            max_output_tokens=teacher.max_output_tokens, concurrency=teacher.concurrency,
        )  # fmt: skip
    return Endpoint(
        base_url=teacher.base_url, model=teacher.model, api_key_env=teacher.api_key_env,
        temperature=teacher.temperature, max_output_tokens=teacher.max_output_tokens,
        concurrency=teacher.concurrency, attempts=teacher.attempts,
        timeout_seconds=teacher.timeout_seconds, max_total_tokens=teacher.max_total_tokens,
    )  # fmt: skip
