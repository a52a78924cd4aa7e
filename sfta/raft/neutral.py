"""Text of documents in other tools' formats: no spelling in it is a special token or a tag.

SFTA itself tokenizes documents as plain text. Other trainers paste them into a chat template
and tokenize the result, where a document that spells ``<|im_end|>`` would end the turn. Such
spellings get a zero-width space (U+200B) after their first character. The quote check does not
see it, a reader neither, and it is taken out again when a file is read:
``original(neutral(text)) == text`` for every text.
"""

import re

_GAP = "\u200b"
_MARKS = r"s|/s|bos|eos|pad|unk|mask|cls|sep|image|audio|video|img"
_TURNS = r"/?start_of_\w{1,24}|/?end_of_\w{1,24}|/?think|/?tools?|/?tool_\w{1,24}"
_SPARE = r"extra_id_\d{1,4}|unused_?\d{1,4}|reserved_\w{1,40}"
_RAFT = r"/?DOCUMENT|STOP|ANSWER"
_BRACKETED = "INST|/INST|PAD|CLS|SEP|MASK|UNK|BOS|EOS|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS"
_REST = (
    r"[|\uff5c][^|\uff5c<>\[#\s]{1,64}[|\uff5c]>"  # ChatML, Llama 3, Phi, Command R, DeepSeek
    rf"|(?:{_MARKS}|{_TURNS}|{_SPARE}|{_RAFT})>"  # Llama 2, Gemma, Qwen, T5
    r"|</?SYS>>"
    rf"|#(?:begin|end)_quote##|(?:{_BRACKETED})\]"
)
_SPELLING = re.compile(rf"[<\[#](?={_GAP}*(?:{_REST}))", re.IGNORECASE)
_NEUTRAL = re.compile(rf"([<\[#]){_GAP}(?={_GAP}*(?:{_REST}))", re.IGNORECASE)


def neutral(text: str) -> str:
    """The text with every special spelling taken apart."""
    return _SPELLING.sub(lambda first: first[0] + _GAP, text)


def original(text: str) -> str:
    """The text before `neutral`."""
    return _NEUTRAL.sub(r"\1", text)
