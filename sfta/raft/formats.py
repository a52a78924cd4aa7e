"""Rows in the formats of other tools. Pure: a row and its chunks in, a record out.

Every function takes a row of a dataset and the chunks its context names, in that order. The
formats of the original RAFT script (ShishirPatil/gorilla, raft/format.py) keep its field names
and its document tags.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sfta.raft.config import PromptConfig
from sfta_edge.prompt import PromptChunk, PromptContract

Row = Mapping[str, Any]
Chunks = Sequence[PromptChunk]
Format = Callable[[Row, Chunks, PromptConfig], dict[str, Any]]


def chat(row: Row, chunks: Chunks, prompt: PromptConfig) -> dict[str, Any]:
    """Chat messages: system, user, assistant."""
    return {
        "messages": [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": user_text(row, chunks, prompt)},
            {"role": "assistant", "content": row["completion"]},
        ]
    }


def prompt_completion(row: Row, chunks: Chunks, prompt: PromptConfig) -> dict[str, Any]:
    """System and user text in one prompt, and the completion."""
    text = f"{prompt.system}\n\n{user_text(row, chunks, prompt)}"
    return {"prompt": text, "completion": row["completion"]}


def alpaca(row: Row, chunks: Chunks, prompt: PromptConfig) -> dict[str, Any]:
    """Instruction, input and output: the documents are the input."""
    return {
        "instruction": f"{prompt.system}\n{_question(row, prompt)}",
        "input": _documents(chunks, prompt).rstrip("\n"),
        "output": row["completion"],
    }


def sharegpt(row: Row, chunks: Chunks, prompt: PromptConfig) -> dict[str, Any]:
    """Conversations with from and value."""
    return {
        "conversations": [
            {"from": "system", "value": prompt.system},
            {"from": "human", "value": user_text(row, chunks, prompt)},
            {"from": "gpt", "value": row["completion"]},
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
        "output": row["completion"],
        "oracle_context": _oracle_text(row, chunks),
        "num_distractors": distractors,
        "has_distractors": distractors > 0,
    }


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
}
"""By the name a person gives."""


def user_text(row: Row, chunks: Chunks, prompt: PromptConfig) -> str:
    """Documents and question as the model reads them, without template literals."""
    return _documents(chunks, prompt) + _question(row, prompt)


def _segments(row: Row, chunks: Chunks, prompt: PromptConfig) -> list[str]:
    """What the prompt contract renders, segment by segment."""
    contract = PromptContract(
        head="", between="", tail="", end="", system="", document=prompt.document,
        question=prompt.question, refusal=prompt.refusal, answer_marker=prompt.answer_marker,
        chat_template_sha256="",
    )  # fmt: skip
    segments = contract.segments(chunks, str(row["question"]))
    return ["".join(part.text for part in segment) for segment in segments]


def _documents(chunks: Chunks, prompt: PromptConfig) -> str:
    return "".join(_segments({"question": ""}, chunks, prompt)[1:-1])


def _question(row: Row, prompt: PromptConfig) -> str:
    return _segments(row, [], prompt)[-1]


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
