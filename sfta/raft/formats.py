"""Rows in the formats of other tools. Pure: a row and its chunks in, a record out.

Every function takes a row of a dataset and the chunks its context names, in that order. The
formats of the original RAFT script (ShishirPatil/gorilla, raft/format.py) keep its field names
and its document tags. A row without context is written as a plain question and answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sfta.raft.config import PromptConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.neutral import neutral
from sfta.raft.provenance import provenance_of, with_texts
from sfta_edge.citation import parse_answer
from sfta_edge.prompt import PromptContract

Row = Mapping[str, Any]
Chunks = Sequence[CorpusChunk]
Format = Callable[[Row, Chunks, PromptConfig], dict[str, Any]]


def chat(row: Row, chunks: Chunks, prompt: PromptConfig) -> dict[str, Any]:
    """Chat messages: system, user, assistant; without context no system text."""
    system = [{"role": "system", "content": prompt.system}] if chunks else []
    return {
        "messages": [
            *system,
            {"role": "user", "content": user_text(row, chunks, prompt)},
            {"role": "assistant", "content": _target(row, chunks, prompt)},
        ]
    }


def prompt_completion(row: Row, chunks: Chunks, prompt: PromptConfig) -> dict[str, Any]:
    """System and user text in one prompt, and the completion."""
    system = f"{prompt.system}\n\n" if chunks else ""
    return {
        "prompt": system + user_text(row, chunks, prompt),
        "completion": _target(row, chunks, prompt),
    }


def alpaca(row: Row, chunks: Chunks, prompt: PromptConfig) -> dict[str, Any]:
    """Instruction, input and output: the documents are the input."""
    asked = f"{prompt.system}\n{_question(row, prompt)}" if chunks else row["question"]
    return {
        "instruction": asked,
        "input": _documents(chunks, prompt).rstrip("\n"),
        "output": _target(row, chunks, prompt),
    }


def sharegpt(row: Row, chunks: Chunks, prompt: PromptConfig) -> dict[str, Any]:
    """Conversations with from and value."""
    system = [{"from": "system", "value": prompt.system}] if chunks else []
    return {
        "conversations": [
            *system,
            {"from": "human", "value": user_text(row, chunks, prompt)},
            {"from": "gpt", "value": _target(row, chunks, prompt)},
        ]
    }


def raft_hf(row: Row, chunks: Chunks, _prompt: PromptConfig) -> dict[str, Any]:
    """The record that the original RAFT script writes.

    `oracle_context` is empty where the oracle chunk is not in the context: a row does not
    know the text of a chunk it does not show.
    """
    return {
        "id": row["id"],
        "type": "general",
        "question": row["question"],
        "context": {
            "title": [[chunk.title for chunk in chunks]],
            "sentences": [[chunk.text for chunk in chunks]],
        },
        "oracle_context": _oracle_text(row, chunks),
        "cot_answer": _thought(row),
        "instruction": _tagged(row, chunks),
    }


def raft_completion(row: Row, chunks: Chunks, _prompt: PromptConfig) -> dict[str, Any]:
    """The original script's completion format."""
    return {"prompt": _tagged(row, chunks), "completion": _thought(row)}


def raft_chat(row: Row, chunks: Chunks, _prompt: PromptConfig) -> dict[str, Any]:
    """The original script's chat format, without a system prompt as is its default."""
    return {
        "messages": [
            {"role": "user", "content": _tagged(row, chunks)},
            {"role": "assistant", "content": _thought(row)},
        ]
    }


def raft_eval(row: Row, chunks: Chunks, _prompt: PromptConfig) -> dict[str, Any]:
    """The original script's evaluation format."""
    return {
        "question": row["question"],
        "gold_final_answer": row["answer"],
        "context": "".join(f"<DOCUMENT>{chunk.text}</DOCUMENT>\n" for chunk in chunks),
    }


def flat(row: Row, chunks: Chunks, prompt: PromptConfig) -> dict[str, Any]:
    """One flat record with counts of distractors."""
    distractors = sum(entry["role"] == "distractor" for entry in row["context"])
    return {
        "instruction": user_text(row, chunks, prompt),
        "output": _target(row, chunks, prompt),
        "oracle_context": _oracle_text(row, chunks),
        "num_distractors": distractors,
        "has_distractors": distractors > 0,
    }


def rows(row: Row, chunks: Chunks, _prompt: PromptConfig) -> dict[str, Any]:
    """SFTA's own row with the texts of its chunks: nothing else is needed to train on it."""
    return with_texts(row, chunks)


FORMATS: dict[str, Format] = {
    "chat": chat,
    "prompt_completion": prompt_completion,
    "alpaca": alpaca,
    "sharegpt": sharegpt,
    "raft_hf": raft_hf,
    "raft_completion": raft_completion,
    "raft_chat": raft_chat,
    "raft_eval": raft_eval,
    "flat": flat,
    "rows": rows,
}
"""By the name a person gives."""

STRICT = frozenset({"raft_completion", "raft_chat", "raft_eval"})
"""Formats that services read which refuse keys they do not know: no provenance."""
OWN = "rows"


def record_of(
    name: str, row: Row, chunks: Chunks, prompt: PromptConfig, *, provenance: bool = True
) -> dict[str, Any]:
    """One record of a format: special spellings taken apart, provenance added where allowed."""
    if name == OWN:
        return rows(row, chunks, prompt)
    chunks = [_neutral_chunk(chunk) for chunk in chunks]
    row = _neutral_row(row)
    record = FORMATS[name](row, chunks, prompt)
    if provenance and name not in STRICT:
        spans = [] if name == "raft_hf" else text_spans(name, chunks, prompt)
        record["provenance"] = provenance_of(row, chunks, spans)
    return record


def text_spans(name: str, chunks: Chunks, prompt: PromptConfig) -> list[tuple[int, int]]:
    """Where the text of each chunk stands in the field that holds the documents."""
    before = f"{prompt.system}\n\n" if name == "prompt_completion" and chunks else ""
    place, spans = len(before), []
    opening = prompt.document.partition("{text}")[0]
    for number, chunk in enumerate(chunks, 1):
        start = place + len(_rendered(opening, number, chunks))
        spans.append((start, start + len(chunk.text)))
        place += len(_rendered(prompt.document, number, chunks))
    return spans


def user_text(row: Row, chunks: Chunks, prompt: PromptConfig) -> str:
    """Documents and question as the model reads them, without template literals."""
    if not chunks:
        return str(row["question"])
    return _documents(chunks, prompt) + _question(row, prompt)


def _segments(question: str, chunks: Chunks, prompt: PromptConfig) -> list[str]:
    """What the prompt contract renders, segment by segment."""
    contract = PromptContract(
        head="", between="", tail="", end="", system="", document=prompt.document,
        question=prompt.question, refusal=prompt.refusal, answer_marker=prompt.answer_marker,
        chat_template_sha256="",
    )  # fmt: skip
    segments = contract.segments(chunks, question)
    return ["".join(part.text for part in segment) for segment in segments]


def _documents(chunks: Chunks, prompt: PromptConfig) -> str:
    return "".join(_segments("", chunks, prompt)[1:-1])


def _question(row: Row, prompt: PromptConfig) -> str:
    return _segments(str(row["question"]), [], prompt)[-1]


def _rendered(document: str, number: int, chunks: Chunks) -> str:
    """One chunk under another wrapper; `number` counts from 1."""
    wrapped = PromptConfig.model_construct(document=document)
    return _segments("", chunks, wrapped)[number]


def _target(row: Row, chunks: Chunks, prompt: PromptConfig) -> str:
    """The completion; of a plain answer without documents the answer alone."""
    answer, completion = str(row["answer"]), str(row["completion"])
    if chunks or completion != f"{prompt.answer_marker} {answer}":
        return completion
    # An answer that looks like a whole completion would be read back as one.
    parsed = parse_answer(answer, answer_marker=prompt.answer_marker, refusal=prompt.refusal)
    return completion if parsed.well_formed else answer


def _oracle_text(row: Row, chunks: Chunks) -> str:
    roles = [entry["role"] for entry in row["context"]]
    return "\n".join(c.text for c, role in zip(chunks, roles, strict=True) if role == "oracle")


def _tagged(row: Row, chunks: Chunks) -> str:
    documents = "".join(f"<DOCUMENT>{chunk.text}</DOCUMENT>\n" for chunk in chunks)
    return f"{documents}{row['question']}"


def _thought(row: Row) -> str:
    """Quotes and final answer with the original script's marks."""
    reasons = [f"##begin_quote##{quote['text']}##end_quote##" for quote in row["quotes"]]
    return "\n".join([*reasons, f"<ANSWER>: {row['answer']}"])


def _neutral_chunk(chunk: CorpusChunk) -> CorpusChunk:
    return replace(
        chunk,
        title=neutral(chunk.title),
        heading=neutral(chunk.heading),
        text=neutral(chunk.text),
    )


def _neutral_row(row: Row) -> dict[str, Any]:
    texts = {name: neutral(row[name]) for name in ("question", "answer", "completion")}
    quotes = [{**quote, "text": neutral(quote["text"])} for quote in row["quotes"]]
    return {**row, **texts, "quotes": quotes}
