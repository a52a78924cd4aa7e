"""Which part of a long list a request asks for, and which of its entries."""

from flask import request
from werkzeug.exceptions import BadRequest

NUMBERED = f"<int(max={(1 << 63) - 1}):identity>"
"""Part of a URL rule: the number of an entry. No database holds a larger one."""
_MOST_AT_ONCE = 200


def page_of() -> tuple[int | None, int]:
    """``before`` and ``limit`` of the request.

    Raises:
        BadRequest: one of them is no whole number.
    """
    numbers: list[int | None] = []
    for name in ("before", "limit"):
        text = request.args.get(name)
        if text is not None and not (text.isascii() and text.isdigit() and 0 < len(text) < 16):
            raise BadRequest(f"{name} must be a whole number, not {text!r}")
        numbers.append(int(text) if text else None)
    before, limit = numbers
    return before, min(50 if limit is None else limit, _MOST_AT_ONCE)
