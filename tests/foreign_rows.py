"""Rows in the formats of others."""

import pytest

from sfta.core.records import FileRecord
from sfta.raft.config import PromptConfig
from sfta.raft.intake.reading import Reading, take_in
from sfta_edge.errors import ConfigError

PROMPT = PromptConfig()
CHAT = {
    "messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
}
SHAREGPT = {
    "conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]
}
HF = {
    "id": "seed_task_0",
    "type": "general",
    "question": "How heavy is the pump?",
    "context": {"title": [["placeholder_title"] * 2],
                "sentences": [["The fan weighs 2 kg.", "The pump weighs 3 kg. It is blue."]]},
    "oracle_context": "The pump weighs 3 kg. It is blue.",
    "cot_answer": "##Reason: The text says ##begin_quote##The pump weighs 3 kg.##end_quote## so it "
    "is light.\n<ANSWER>: 3 kg",
    "instruction": "<DOCUMENT>...",
}  # fmt: skip
OWN = {
    "question": "How heavy is the pump?",
    "context": [{"chunk_id": "c1", "role": "oracle", "title": "Manual", "page": 3,
                 "heading": "2 Data", "text": "The pump weighs 3 kg."}],
    "completion": '[1] "The pump weighs 3 kg."\nAnswer: 3 kg',
}  # fmt: skip


def read(*records, **options):
    numbered = [FileRecord(number, record) for number, record in enumerate(records, 1)]
    return take_in(numbered, "rows.jsonl", Reading(PROMPT, **options))


def problems(*records, **options):
    with pytest.raises(ConfigError) as caught:
        read(*records, **options)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]
