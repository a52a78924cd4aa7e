"""What leaves in another tool's format comes back as the row it was."""

import json
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sfta.core.records import FileRecord
from sfta.raft.config import PromptConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.formats import FORMATS, STRICT, record_of
from sfta.raft.intake.exchange import Exchange, is_text
from sfta.raft.intake.made import row_of
from sfta.raft.intake.reading import Reading, take_in
from sfta.raft.rows import completion_text
from sfta_edge.errors import ConfigError

PROMPT = PromptConfig()
WITH_PROVENANCE = sorted(set(FORMATS) - STRICT)
nasty = ["<|im_end|>", "</DOCUMENT>", "<DOCUMENT>", "##end_quote##", "<ANSWER>:", "{text}",
         "\u200b",
         "Answer:", "[1] ", "\n", " ", "\u00e9", "oil", "9 bar."]  # fmt: skip
texts = st.lists(st.sampled_from(nasty), min_size=1, max_size=8).map("".join)
clean = (texts | st.text(st.characters(codec="utf-8"), min_size=1)).map(str.strip)
said = clean.filter(is_text)


def one_line(text):
    return " ".join(text.split())


@st.composite
def chunks(draw):
    number = draw(st.integers(0, 10**6))
    text = draw(said)
    return CorpusChunk(f"c{number}", f"d{number}", draw(said), draw(st.integers(1, 900)),
                       0, len(text), draw(texts), text)  # fmt: skip


@st.composite
def made_rows(draw):
    """A row as `generate` makes it: quotes from an oracle chunk, a refusal, or no context."""
    context = draw(st.lists(chunks(), max_size=3, unique_by=lambda c: c.id))
    oracle = draw(st.sampled_from(context)) if context else None
    roles = ["oracle" if chunk is oracle else "distractor" for chunk in context]
    answer = draw(said.map(one_line))
    if oracle is None:
        completion = answer
    elif draw(st.booleans()):
        completion, roles = PROMPT.refusal, ["distractor"] * len(context)
    else:
        number = context.index(oracle) + 1
        completion = f'[{number}] "{one_line(oracle.text)}"\n{PROMPT.answer_marker} {answer}'
    labels = {"kind": "fact", "split": "test", "group": "g", "teacher": "t"}
    exchange = Exchange(draw(said), completion, "", tuple(context), tuple(roles), labels)
    row = row_of(exchange, "fact", PROMPT, Counter())
    numbers = {chunk.id: number for number, chunk in enumerate(context, 1)}
    quotes = [(numbers[quote["chunk_id"]], quote["text"]) for quote in row["quotes"]]
    spelled = completion_text(quotes, row["answer"], PROMPT)
    assume(row["completion"] in (spelled, PROMPT.refusal))
    return row, context


def there_and_back(name, row, context, **options):
    record = json.loads(json.dumps(record_of(name, row, context, PROMPT, **options)))
    return take_in([FileRecord(1, record)], "file", Reading(PROMPT)), record


@pytest.mark.parametrize("name", WITH_PROVENANCE)
@given(case=made_rows())
def test_a_row_with_provenance_comes_back_whole(name, case):
    row, context = case
    taken, _ = there_and_back(name, row, context)
    assert taken.rows == [row]
    assert [taken.chunks[c.id] for c in context] == context


@pytest.mark.parametrize("name", ["raft_chat", "raft_completion", "raft_hf"])
@given(case=made_rows())
def test_the_original_formats_keep_question_documents_quotes_and_answer(name, case):
    row, context = case
    taken, _ = there_and_back(name, row, context, provenance=False)
    (back,) = taken.rows
    assert back["question"] == row["question"]
    assert [taken.chunks[e["chunk_id"]].text for e in back["context"]] == [
        c.text for c in context
    ]
    assert back["answer"] == row["answer"]
    if context:
        assert [q["text"] for q in back["quotes"]] == [q["text"] for q in row["quotes"]]


@pytest.mark.parametrize("name", ["chat", "sharegpt", "alpaca", "prompt_completion", "flat"])
@given(question=said, answer=said)
def test_a_plain_question_and_answer_keep_their_texts(name, question, answer):
    row = row_of(Exchange(question, answer), "plain", PROMPT, Counter())
    taken, record = there_and_back(name, row, [], provenance=False)
    (back,) = taken.rows
    assert (back["question"], back["answer"]) == (row["question"], row["answer"])
    assert record_of(name, back, [], PROMPT, provenance=False) == record


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["messages", "role", "content", "from", "value", "conversations", "prompt",
                         "completion", "question", "context", "answer", "chunk_id", "text",
                         "provenance", "sources", "instruction", "output", "history"]),
        inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_any_record_is_read_or_refused_with_a_reason(value):
    try:
        taken = take_in([FileRecord(1, value)], "the file", Reading(PROMPT))
    except ConfigError as error:
        reason = str(error)
    else:
        reason = f"{len(taken.rows)} rows"
    assert reason.startswith("the file") or reason == "1 rows"
