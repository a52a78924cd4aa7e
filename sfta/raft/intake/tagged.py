"""Rows of the original RAFT script (ShishirPatil/gorilla, raft/), in its four formats.

Documents stand between ``<DOCUMENT>`` tags before the question, quotes between
``##begin_quote##`` and ``##end_quote##``, the final answer after ``<ANSWER>:``. The script
does not check its quotes: one that stands in no chunk of the row stays in the text and is no
quote here.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sfta.raft.config import PromptConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.intake.exchange import Exchange, is_text, text_of
from sfta.raft.neutral import original
from sfta.raft.provenance import text_digest
from sfta_edge.citation import find_quote

_DOCUMENT = re.compile(r"<DOCUMENT>(.*?)</DOCUMENT>\n?", re.DOTALL)
_QUOTED = re.compile(r"##begin_quote##(.*?)##end_quote##", re.DOTALL)
_MARK = "<ANSWER>:"
_STOP = "<STOP>"  # the script's completion format ends with it
_NO_TITLE = "Document"


def raft_hf(record: Mapping[str, Any], problems: list[str]) -> list[Exchange]:
    """The script's own record."""
    question = text_of(record, "question", problems)
    answer = text_of(record, "cot_answer", problems)
    titles, texts = _contexts(record.get("context"), problems)
    oracle = record.get("oracle_context")
    if oracle is not None and not isinstance(oracle, str):
        problems.append("oracle_context: must be a text")
    if problems:
        return []
    chunks = tuple(plain_chunk(text, title) for text, title in zip(texts, titles, strict=True))
    shown = {text.strip() for text in (oracle or "").split("\n")} | {(oracle or "").strip()}
    roles = tuple("oracle" if c.text.strip() in shown else "" for c in chunks)
    return [Exchange(question, answer, chunks=chunks, roles=roles)]


def raft_eval(record: Mapping[str, Any], problems: list[str]) -> list[Exchange]:
    """The script's evaluation format: a question, the final answer and tagged documents."""
    question = text_of(record, "question", problems)
    answer = text_of(record, "gold_final_answer", problems)
    context = record.get("context", "")
    if not isinstance(context, str):
        problems.append("context: must be a text")
    return [] if problems else [untagged(Exchange(f"{context}{question}", answer))]


def untagged(exchange: Exchange) -> Exchange:
    """Documents in tags at the start of a question become its context."""
    place, texts = 0, []
    while found := _DOCUMENT.match(exchange.question, place):
        texts.append(found[1])
        place = found.end()
    question = exchange.question[place:]
    if not texts or not question.strip() or not all(is_text(text) for text in texts):
        return exchange
    chunks = tuple(plain_chunk(text, _NO_TITLE) for text in texts)
    return replace(exchange, question=question, chunks=chunks, roles=("",) * len(chunks))


def own_form(exchange: Exchange, prompt: PromptConfig) -> Exchange:
    """The exchange with an answer of the script in SFTA's form; any other is left as it is.

    Every quote that stands in a chunk becomes a line with the chunk's number.
    """
    text = exchange.answer.removesuffix(_STOP)
    reasons, marked, answer = text.rpartition(_MARK)
    if not marked:
        return exchange

    def line(quoted: re.Match[str]) -> str:
        quote = " ".join(quoted[1].split())
        number = _number_of(quote, exchange)
        return f'\n[{number}] "{quote}"\n' if number else f'"{quote}"'

    lines = [part.strip() for part in _QUOTED.sub(line, reasons).splitlines()]
    if not any(lines) and answer.strip() == prompt.refusal:
        return replace(exchange, answer=prompt.refusal)
    said = [part for part in lines if part]
    said.append(f"{prompt.answer_marker} {answer.strip()}")
    return replace(exchange, answer="\n".join(said))


def _number_of(quote: str, exchange: Exchange) -> int:
    """The chunk that holds a quote, from 1, an oracle chunk before others; 0 if none does."""
    pairs = enumerate(zip(exchange.chunks, exchange.roles, strict=True), 1)
    holders = [(role != "oracle", n) for n, (c, role) in pairs if find_quote(quote, c.text)]
    return min(holders)[1] if holders else 0


def plain_chunk(text: str, title: str, page: int = 1) -> CorpusChunk:
    """A passage that says nothing of where it comes from but its title."""
    digest = text_digest(original(f"{title}\n{text}"))
    return CorpusChunk(digest, digest, title, page, 0, len(original(text)), "", text)


def _contexts(value: object, problems: list[str]) -> tuple[list[str], list[str]]:
    """Titles and texts; the script nests both in a list of one."""
    if not isinstance(value, dict):
        problems.append("context: must be an object with title and sentences")
        return [], []
    texts, titles = _unnested(value.get("sentences")), _unnested(value.get("title"))
    if not all(is_text(text) for text in texts):
        problems.append("context.sentences: must be texts that are not empty")
        return [], []
    named = [str(title) if is_text(title) else _NO_TITLE for title in titles]
    return (named + [_NO_TITLE] * len(texts))[: len(texts)], [str(text) for text in texts]


def _unnested(value: object) -> list[object]:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        return list(value[0])
    return list(value) if isinstance(value, list) else [value]
