"""The OpenAI form: which text is the question, which part of the text is the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.citation import parse_answer
from sfta_edge.errors import ConfigError
from sfta_edge.openai_form import FinalText, completion, question_of, unused_messages
from sfta_edge.reply import Answer, Citation

MARKER = "Answer:"


def message(role, content):
    return {"role": role, "content": content}


def test_the_last_message_of_the_user_is_the_question():
    body = {
        "messages": [
            message("system", "Be a pirate."),
            message("user", "first"),
            message("assistant", "well"),
            message("user", "second"),
            message("assistant", "Sure:"),
        ]
    }
    assert question_of(body) == "second"


def test_text_parts_are_joined():
    parts = [{"type": "text", "text": "How"}, {"type": "text", "text": "often?"}]
    assert question_of({"messages": [message("user", parts)]}) == "How\noften?"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": "hello"},
        {"messages": ["hello"]},
        {"messages": [message("system", "x")]},
        {"messages": [message("user", None)]},
        {"messages": [message("user", 5)]},
        {"messages": [message("user", [])]},
        {"messages": [message("user", [{"type": "image_url", "image_url": {}}])]},
        {"messages": [message("user", "x")], "n": 2},
    ],
)
def test_what_holds_no_question_is_refused(body):
    with pytest.raises(ConfigError):
        question_of(body)


def answered(text):
    parsed = parse_answer(text, answer_marker=MARKER, refusal="No.")
    return parsed.answer


@given(
    st.one_of(
        st.text(max_size=60),
        st.builds(
            lambda quotes, answer: f"{quotes}\nAnswer: {answer}",
            st.text(alphabet='ab[1] "\n', max_size=30),
            st.text(alphabet="ab \n.:", max_size=30),
        ),
    ),
    st.lists(st.integers(0, 80), max_size=8),
)
def test_the_pieces_shown_are_the_answer(text, cuts):
    text = text.replace("\r", "")
    if set(text) & set("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"):
        return  # other line ends than \n do not come from a tokenizer's line
    shown, at, pieces = FinalText(MARKER), 0, []
    for cut in [*sorted(cuts), len(text)]:
        pieces.append(shown.feed(text[at:cut]))
        at = max(at, cut)
    answer = answered(text)
    assert "".join([*pieces, shown.rest(answer)]) == answer


def test_quotes_are_not_shown():
    shown = FinalText(MARKER)
    assert shown.feed('[1] "every 2000 hours"\nAns') == ""
    assert shown.feed("wer: every") == "every"
    assert shown.feed(" 2000") == " 2000"


def test_a_refusal_is_shown_at_the_end():
    shown = FinalText(MARKER)
    assert shown.feed("Not in the documents.") == ""
    assert shown.rest("Not in the documents.") == "Not in the documents."


def test_an_answer_keeps_its_citations_beside_the_form():
    citation = Citation(1, "every 2000 hours", verified=True, chunk_id="oil")
    answer = Answer("q", "every 2000 hours", False, True, (citation,), "c", "length")
    made = completion(answer, "manuals", {"name": "manuals", "counter": 3})
    assert made["choices"][0]["message"] == {"role": "assistant", "content": "every 2000 hours"}
    assert made["choices"][0]["finish_reason"] == "length"
    assert made["citations"][0]["chunk_id"] == "oil"
    assert made["sfta"]["supported"] is True
    assert made["sfta"]["bundle"]["counter"] == 3
    assert "answer" not in made["sfta"]


def test_messages_that_were_not_used_are_counted():
    messages = [message("system", "x"), message("user", "first"), message("user", "second")]
    assert unused_messages({"messages": messages}) == 2
    assert unused_messages({"messages": [message("user", "only")]}) == 0
    assert unused_messages({}) == 0
    answer = Answer("q", "a", False, True, (), "c", "stop")
    assert completion(answer, "m", {}, unused=2)["sfta"]["unused_messages"] == 2


def test_an_answer_that_turned_out_to_be_another_is_said_in_full():
    shown = FinalText(MARKER)
    assert shown.feed("Answer: every 20") == "every 20"
    assert shown.rest("Change the oil.") == "\n\nChange the oil."
