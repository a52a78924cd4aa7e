"""Replies of a teacher, kept by the content of the request: what is paid for is never lost."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from sfta_edge.errors import SftaError
from sfta_edge.manifest import canonical_json, write_durably

Status = Literal["ok", "filtered", "refused", "too_long", "cut", "not_asked"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request."""

    status: Status
    """`filtered`: the endpoint's content filter blocked prompt or reply; `refused`: the model
    declined; `too_long`: the request does not fit into the model's context; `cut`: the reply was
    longer than allowed; `not_asked`: it did not fit into the budget."""
    text: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False
    """Read from the folder instead of paid for now."""


class ReplyFolder:
    """One file per request, named by the digest of its content. No key is ever part of it."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, made if it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def get(self, key: str) -> Reply | None:
        """The reply kept under a key; None if there is none, or no readable one."""
        try:
            data = json.loads((self._folder / f"{key}.json").read_bytes())
            reply = replace(Reply(**data), cached=True) if _is_whole(data) else None
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return reply

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply; it is on disk when this returns.

        Raises:
            SftaError: it cannot be written.
        """
        try:
            write_durably(self._folder / f"{key}.json", canonical_json(asdict(reply)))
        except OSError as error:
            raise SftaError(
                f"cannot keep a reply of the teacher in {self._folder}: {error.strerror}",
                hint="Free disk space, or give another folder with --cache, and run again.",
            ) from error


def reply_key(identity: Any) -> str:
    """The key of a request: the digest of all that decides its reply, as JSON."""
    return hashlib.sha256(canonical_json(identity)).hexdigest()


def _is_whole(data: dict[str, Any]) -> bool:
    counts = (data["prompt_tokens"], data["completion_tokens"])
    return (
        data["status"] in get_args(Status)
        and isinstance(data["text"], str)
        and all(isinstance(count, int) and count >= 0 for count in counts)
    )
