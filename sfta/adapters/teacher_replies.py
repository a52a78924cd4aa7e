"""Replies of a teacher, kept by the content of the request: what is paid for is never lost."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sfta_edge.manifest import canonical_json, write_durably

Status = Literal["ok", "refused", "cut", "not_asked"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request."""

    status: Status
    """`refused`: the model or its content filter declined; `cut`: the reply was longer than
    allowed; `not_asked`: the token budget was spent before."""
    text: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False
    """Read from the folder instead of paid for now."""

    @property
    def tokens(self) -> int:
        """Prompt and reply together."""
        return self.prompt_tokens + self.completion_tokens


class ReplyFolder:
    """One file per request, named by the digest of its content. No key is ever part of it."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, made if it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def get(self, base_url: str, body: dict[str, Any]) -> Reply | None:
        """The reply to this very request; None if there is none, or no readable one."""
        try:
            data = json.loads(self._path(base_url, body).read_bytes())
            return replace(Reply(**data), cached=True)
        except (OSError, ValueError, TypeError):
            return None

    def put(self, base_url: str, body: dict[str, Any], reply: Reply) -> None:
        """Keep a reply; it is on disk when this returns."""
        write_durably(self._path(base_url, body), canonical_json(asdict(reply)))

    def _path(self, base_url: str, body: dict[str, Any]) -> Path:
        digest = hashlib.sha256(canonical_json([base_url, body])).hexdigest()
        return self._folder / f"{digest}.json"
