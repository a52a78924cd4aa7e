"""Flags text that speaks to a model instead of a reader.

A document is data. Whoever writes "ignore all previous instructions" into one wants a model to
take it for more, in training as in answering. The patterns are those of published attacks
(OWASP LLM01, Greshake et al., arXiv 2302.12173). A flag is a reason to look, not a verdict: a
text about such attacks is flagged too. What is worded in another way is not found.
"""

import base64
import binascii
import re
from collections.abc import Iterator

from sfta.documents.document import Flag

_RULES = r"(?:instruction|prompt|direction|rule|command|guideline)s?"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "override",
        re.compile(
            r"\b(?:ignore|disregard|forget|override|bypass|do not follow|don't follow)\b"
            r"(?:\s{1,3}[\w'-]{1,12}){0,4}?\s{1,3}"
            r"(?:previous|prior|above|earlier|preceding|foregoing|original|system|initial"
            r"|all(?:\s{1,3}of)?\s{1,3}(?:the|your|my))\s{1,3}(?:[\w'-]{1,12}\s{1,3}){0,2}?"
            + _RULES
            + r"\b",
            re.IGNORECASE,
        ),
    ),
    (
        "override",
        re.compile(
            r"\b(?:ignorier\w*|vergiss|vergessen sie|missachte\w*)\s{1,3}"
            r"(?:[\wäöüß]{1,12}\s{1,3}){0,3}?"
            r"(?:vorherige|vorige|bisherige|obige|früheren?|vorangehende)\w*\s{1,3}"
            r"(?:anweisung|instruktion|regel|vorgabe|befehl|eingabe)\w*"
            r"|\b(?:ignore[zr]?|oublie[zr]?)\s{1,3}(?:[\wéè']{1,12}\s{1,3}){0,3}?"
            r"(?:instruction|consigne|règle|directive)s?\s{1,3}"
            r"(?:précédente|antérieure|ci-dessus)s?"
            r"|\b(?:ignora|ignore|olvida|olvide)\s{1,3}(?:[\wáéó]{1,12}\s{1,3}){0,3}?"
            r"(?:instrucciones|reglas|órdenes|indicaciones)\s{1,3}(?:anteriores|previas)",
            re.IGNORECASE,
        ),
    ),
    (
        "persona",
        re.compile(
            r"\bas an? (?:ai|artificial intelligence|large language model|language model)\b"
            r"|\byou are (?:now |no longer )?(?:an? )?(?:ai|chatgpt|gpt-?\d|llama"
            r"|dan|jailbroken|language model|helpful (?:ai )?assistant)\b"
            r"|\b(?:act|behave|respond|pretend) as (?:if you (?:are|were) )?(?:an? )?"
            r"(?:ai|dan|jailbroken|unrestricted|uncensored)\b"
            r"|\b(?:developer|jailbreak|god|dan) mode (?:enabled|activated|on)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "system_prompt",
        re.compile(
            r"\b(?:reveal|print|repeat|show|output|leak|disclose|summari[sz]e)\b"
            r"(?:\s{1,3}[\w'-]{1,12}){0,4}?\s{1,3}(?:system|hidden|initial|secret) "
            r"(?:prompt|instructions?)\b"
            r"|\b(?:new|updated|important|additional) (?:system )?instructions? (?:for|to) "
            r"(?:the |an? |any )?(?:ai|assistant|chatbot|llm|language model|model)s?\b"
            r"|\b(?:do not|don't|never) (?:tell|inform|mention|reveal)(?:\s{1,3}[\w'-]{1,12}){0,4}?"
            r"\s{1,3}(?:the )?user\b",
            re.IGNORECASE,
        ),
    ),
    (
        "chat_template",
        re.compile(
            r"<\|[A-Za-z][\w ]{1,30}\|>|<｜[^<>｜\n]{1,30}｜>|\[/?INST\]|<</?SYS>>"
            r"|</?(?:start|end)_of_turn>|<\|?(?:end|start)of(?:text|turn)\|?>"
            r"|^#{2,4} ?(?:system|instruction|response|human|assistant|user)s? ?:",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    (
        "role_marker",
        re.compile(
            r"^\W{0,3}(?:SYSTEM|ASSISTANT|Assistant|Human)\W{0,2}:[ \t]{1,3}(?=\S)"
            r"|^[ \t]{0,8}[\[(<](?:system|assistant)(?: (?:message|prompt|note))?[\])>]",
            re.MULTILINE,
        ),
    ),
)
_BASE64 = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{100,}={0,2}(?![\w+/=-])")
_PRINTABLE_SHARE = 0.9
_SAMPLE_CHARACTERS = 4096


def instructions(text: str) -> list[Flag]:
    """Stretches that read as commands to a model, in order; overlapping ones are one."""
    found = sorted([*_matches(text), *_encoded(text)], key=lambda flag: (flag.start, -flag.end))
    flags: list[Flag] = []
    for flag in found:
        if not flags or flag.start >= flags[-1].end:
            flags.append(flag)
    return flags


def _matches(text: str) -> Iterator[Flag]:
    for reason, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield Flag(reason, match.start(), match.end())


def _encoded(text: str) -> Iterator[Flag]:
    """Long base64 that decodes to text; keys, pictures and digests decode to noise."""
    for match in _BASE64.finditer(text):
        sample = match[0].rstrip("=")[:_SAMPLE_CHARACTERS].replace("-", "+").replace("_", "/")
        try:
            decoded = base64.b64decode(sample[: len(sample) // 4 * 4], validate=True)
        except binascii.Error:
            continue
        printable = sum(32 <= byte < 127 or byte in b"\t\n\r" for byte in decoded)
        if printable >= _PRINTABLE_SHARE * len(decoded):
            yield Flag("encoded_text", match.start(), match.end())
