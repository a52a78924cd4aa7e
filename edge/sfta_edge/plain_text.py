"""Text of models and documents as text alone: what cannot be seen is taken out.

Rules this module upholds:

- What is left has no control character but the line feed, no sequence that steers a terminal,
  and nothing that turns the direction of the text or hides in it.
- The characters that are left are those that were there, in their order.
- A text that grows is cleaned as the whole would be.

Markup stays what it is, letters: whoever draws an answer draws it as text, never as markup.
"""

import re
import unicodedata

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]{0,256}(?:\x07|\x1b\\|\x9c)"  # strings
    r"|\x1b[ -/]*[0-~]"
)
_UNFINISHED = re.compile(
    r"(?:(?:\x1b\[|\x9b)[0-?]*[ -/]*"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]{0,256}\x1b?"
    r"|\x1b[ -/]*|\r)\Z"
)
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_JOINERS = "\u200c\u200d"  # Persian, Hindi and emoji are spelt with them
_SELECTORS = range(0xE0100, 0xE01F0)  # 240 invisible characters that can carry any message


def plain_text(text: str) -> str:
    """The text without what is not seen; every line end is a line feed, every tab a space."""
    text = _LINE_ENDS.sub("\n", _ESCAPE.sub("", text)).replace("\t", " ")
    return "".join(_shown(char) for char in text)


class PlainStream:
    """Pieces in, plain pieces out; those joined are `plain_text` of all that came in."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be shown after this piece."""
        text = self._held + piece
        unfinished = _UNFINISHED.search(text)
        settled = unfinished.start() if unfinished else len(text)
        self._held = text[settled:]
        return plain_text(text[:settled])

    def finish(self) -> str:
        """What was held back."""
        held, self._held = self._held, ""
        return plain_text(held)


def _shown(char: str) -> str:
    if char == "\n" or char in _JOINERS:
        return char
    category = unicodedata.category(char)
    if category == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    return "" if category in ("Cc", "Cf") or ord(char) in _SELECTORS else char
