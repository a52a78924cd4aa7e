"""All problems of an input file in one message."""

from collections.abc import Sequence

SHOWN = 20


def problem_list(what: str, problems: Sequence[str]) -> str:
    """What cannot be used and why, the first 20 problems spelled out and the rest counted."""
    shown = [f"  {problem}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        shown.append(f"  and {len(problems) - SHOWN} more")
    count = f"{len(problems)} problem" + ("s" if len(problems) > 1 else "")
    return f"{what}, {count}:\n" + "\n".join(shown)
