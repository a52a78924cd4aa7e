"""The prompt contract: segments that do not depend on each other, content that stays text."""

import json
from contextlib import suppress
from dataclasses import dataclass, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.citation import Quote, parse_answer
from sfta_edge.errors import IntegrityError
from sfta_edge.prompt import SCHEMA, Part, PromptContract, segment_ids


@dataclass(frozen=True)
class Chunk:
    text: str
    title: str = "Manual"
    page: int = 3
    heading: str = "4 Limits"


CONTRACT = PromptContract(
    head="<s>system\n",
    between="</s>\n<s>user\n",
    tail="</s>\n<s>assistant\n",
    end="</s>",
    system="Answer from the documents.",
    document="[{number}] {title}, page {page}, {heading}\n{text}\n\n",
    question="Question: {question}",
    refusal="The documents do not contain the answer.",
    answer_marker="Answer:",
    chat_template_sha256="0" * 64,
)
SPECIAL = 0x110000  # above every character
SPELLINGS = ("<s>", "</s>")


def tokenize(text, special):
    """One id per character; a special spelling is one id where it may be special."""
    ids, at = [], 0
    while at < len(text):
        found = next((s for s in SPELLINGS if special and text.startswith(s, at)), None)
        ids.append(SPECIAL + SPELLINGS.index(found) if found else ord(text[at]))
        at += len(found) if found else 1
    return ids


def spell(ids):
    return "".join(SPELLINGS[i - SPECIAL] if i >= SPECIAL else chr(i) for i in ids)


def specials(ids):
    return [SPELLINGS[i - SPECIAL] for i in ids if i >= SPECIAL]


def test_a_prompt_is_prefix_chunks_and_question():
    segments = CONTRACT.prompt_ids(
        [Chunk("Nine bar."), Chunk("Oil.", page=7)], "Why?", tokenize
    )
    assert [spell(ids) for ids in segments] == [
        "<s>system\nAnswer from the documents.</s>\n<s>user\n",
        "[1] Manual, page 3, 4 Limits\nNine bar.\n\n",
        "[2] Manual, page 7, 4 Limits\nOil.\n\n",
        "Question: Why?</s>\n<s>assistant\n",
    ]


def test_without_chunks_a_prompt_is_prefix_and_question():
    assert len(CONTRACT.segments([], "Why?")) == 2


def test_a_completion_ends_with_the_end_of_the_turn():
    ids = CONTRACT.completion_ids("Answer: 9 bar</s>", tokenize)
    assert spell(ids) == "Answer: 9 bar</s></s>"
    assert specials(ids) == ["</s>"]


texts = st.text(max_size=12) | st.sampled_from(["<s>", "</s>", "{text}", "{number}", "{", "}}"])
chunks = st.builds(Chunk, texts, texts, st.integers(0, 999), texts)


@given(st.lists(chunks, min_size=1, max_size=4), st.lists(chunks, max_size=3), texts, texts)
def test_the_tokens_of_a_chunk_do_not_depend_on_what_stands_around_it(
    some, more, question, other
):
    alone = CONTRACT.prompt_ids(some, question, tokenize)
    beside = CONTRACT.prompt_ids([*some, *more], other, tokenize)
    assert beside[: len(some) + 1] == alone[: len(some) + 1]
    for place, chunk in enumerate(some):
        neighbours = [Chunk("?")] * place
        assert (
            CONTRACT.prompt_ids([*neighbours, chunk], "", tokenize)[place + 1]
            == (alone[place + 1])
        )


@given(st.lists(chunks, max_size=3), texts, texts)
def test_content_never_becomes_a_special_token(some, question, system):
    contract = replace(CONTRACT, system=system)
    segments = contract.prompt_ids(some, question, tokenize)
    assert specials(segments[0]) == ["<s>", "</s>", "<s>"]
    assert all(specials(ids) == [] for ids in segments[1:-1])
    assert specials(segments[-1]) == ["</s>", "<s>"]


@given(texts, texts, texts)
def test_a_document_is_text_whatever_it_spells(title, heading, text):
    (_, body, _) = CONTRACT.segments([Chunk(text, title, 3, heading)], "Why?")
    assert body == (Part(f"[1] {title}, page 3, {heading}\n{text}\n\n"),)


@pytest.mark.parametrize(
    ("wrapper", "rendered"),
    [
        ("{number}:{text}", "1:T"),
        ("{text}{text}", "TT"),
        ("{{number}} {text}", "{1} T"),
        ("{unknown} {text}", "{unknown} T"),
        ("{text", "{text"),
        ("}{text}{", "}T{"),
        ("no fields", "no fields"),
        ("", ""),
    ],
)
def test_a_wrapper_fills_its_fields_and_keeps_other_braces(wrapper, rendered):
    contract = replace(CONTRACT, document=wrapper)
    assert contract.segments([Chunk("T")], "Why?")[1] == (Part(rendered),)


@pytest.mark.parametrize(
    ("question", "rendered"),
    [
        ("What is {question}?", "Question: What is {question}?"),
        ("  two\n\nlines\t", "Question: two lines"),
        ("\\1 %s {0}", "Question: \\1 %s {0}"),
        ("", "Question: "),
    ],
)
def test_a_question_is_one_line_of_text(question, rendered):
    assert CONTRACT.segments([], question)[-1][0] == Part(rendered)


def test_each_part_is_tokenized_alone():
    seen = []

    def record(text, special):
        seen.append((text, special))
        return [len(text)]

    assert segment_ids((Part("a", special=True), Part(""), Part("bc")), record) == [1, 2]
    assert seen == [("a", True), ("bc", False)]


def one_line(text):
    return text == text.strip() and len(text.splitlines()) == 1


lines = st.text(min_size=1).filter(one_line) | st.sampled_from(
    ['[1] "x"', 'say "9 bar"', '"', "Answer: 9", "[2]", CONTRACT.refusal]
)


@given(st.lists(st.tuples(st.integers(0, 9999), lines), max_size=4), lines)
def test_parsing_a_completion_gives_back_its_quotes_and_answer(quotes, answer):
    parsed = parse_answer(
        CONTRACT.completion(quotes, answer),
        answer_marker=CONTRACT.answer_marker,
        refusal=CONTRACT.refusal,
    )
    assert parsed.quotes == tuple(Quote(number, text) for number, text in quotes)
    assert parsed.answer == answer
    assert parsed.well_formed
    assert not parsed.refused


contracts = st.builds(PromptContract, **{f.name: st.text(max_size=9) for f in fields(CONTRACT)})


@given(contracts)
def test_bytes_round_trip(contract):
    raw = contract.to_bytes()
    assert PromptContract.from_bytes(raw) == contract
    assert PromptContract.from_bytes(raw).to_bytes() == raw


@given(contracts, contracts)
def test_a_digest_identifies_the_contract(a, b):
    assert (a.digest == b.digest) is (a == b)


def test_identity_does_not_change_between_versions():
    assert CONTRACT.digest == (
        "a413ac2559484106b7130987fbf89906a70712f9efd7b44f5cb35bfb12ccf433"
    )


@given(st.binary())
def test_any_bytes_parse_or_raise_one_error(raw):
    with suppress(IntegrityError):
        PromptContract.from_bytes(raw)


def written(**changes):
    return json.loads(CONTRACT.to_bytes()) | changes


@pytest.mark.parametrize(
    "data",
    [
        None,
        7,
        [],
        {},
        written(schema="sfta.prompt/9"),
        written(schema=None),
        written(system=None),
        written(system=7),
        written(refusal=["no"]),
        written(system="\ud800"),
        written(more="text"),
        {"schema": SCHEMA},
        {k: v for k, v in written().items() if k != "refusal"},
    ],
)
def test_what_is_no_contract_is_refused(data):
    with pytest.raises(IntegrityError, match="prompt contract"):
        PromptContract.from_bytes(json.dumps(data).encode())


def test_a_contract_nested_without_end_is_refused():
    with pytest.raises(IntegrityError, match="not readable"):
        PromptContract.from_bytes(b'{"schema":' * 100_000)


def test_a_contract_is_read_from_its_file(tmp_path):
    (tmp_path / "prompt.json").write_bytes(CONTRACT.to_bytes())
    assert PromptContract.read(tmp_path / "prompt.json") == CONTRACT
    with pytest.raises(IntegrityError, match="cannot read the prompt contract"):
        PromptContract.read(tmp_path / "missing.json")
