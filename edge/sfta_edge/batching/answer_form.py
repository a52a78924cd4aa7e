"""The answer form as a grammar: what a model may write about k chunks.

Quote lines with the numbers of chunks that are there, then the marked answer; or the refusal
sentence and nothing else. `citation.parse_answer` reads all that this grammar allows, and finds
it well formed. Whether a quote is true is the quote check's to say.
"""

from sfta_edge.errors import ConfigError
from sfta_edge.prompt import PromptContract

_MOST_QUOTES = 8
_CONTROLS = (
    r"\x00-\x08\x0B-\x1F\x7F-\x9F\u2028\u2029"  # and with them all ends of lines but one
)
_SPACES = r" \t\n\xA0\u1680\u2000-\u200F\u202F\u205F\u3000\uFEFF"
_TEXT = {
    "first": f"[^{_SPACES}{_CONTROLS}]",
    "same-line": rf"[^\n{_CONTROLS}]",
    "text": f"[^{_CONTROLS}]",
}


def answer_grammar(
    contract: PromptContract, chunks: int, *, most_quotes: int = _MOST_QUOTES
) -> str:
    """GBNF of an answer from `chunks` chunks, numbered from 1.

    Raises:
        ConfigError: there is no chunk, or no room for a quote.
    """
    if chunks < 1 or most_quotes < 1:
        raise ConfigError("an answer needs at least one chunk and room for one quote")
    rules = {
        "root": f"refusal | quote{{1,{most_quotes}}} answer",
        "refusal": _literal(contract.refusal),
        "quote": r'"[" number "] \"" first same-line* "\"\n"',
        "number": " | ".join(_literal(str(number)) for number in range(1, chunks + 1)),
        "answer": f'{_literal(contract.answer_marker)} " " first text*',
    }
    return _spelled({**rules, **_TEXT})


def final_answer_grammar() -> str:
    """GBNF of what follows an answer marker that is there already: a text that is not empty."""
    return _spelled({"root": '" " first text*', **_TEXT})


def _spelled(rules: dict[str, str]) -> str:
    return "".join(f"{name} ::= {rule}\n" for name, rule in rules.items())


def _literal(text: str) -> str:
    r"""A text as GBNF spells it; it knows ``\n``, ``\r``, ``\t``, quotes and backslashes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    for char, name in (("\n", "n"), ("\r", "r"), ("\t", "t")):
        escaped = escaped.replace(char, f"\\{name}")
    return f'"{escaped}"'
