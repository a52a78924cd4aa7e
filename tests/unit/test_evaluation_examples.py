"""Examples before a question: from training rows, short, in the form of an answer."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judged_arms import CHUNKS, CONTRACT, REFUSAL
from sfta.evaluation.examples import Example, draw_examples
from sfta.evaluation.prompting import closed, messages_of, told, with_examples


def row(name, *, answered, context=("c1", "c2", "c3"), quoted=2):
    chunk = CHUNKS[context[quoted - 1]]
    sentence = chunk.text.partition(". ")[0] + "."
    completion = f'[{quoted}] "{sentence}"\nAnswer: {name}' if answered else REFUSAL
    return {
        "id": name,
        "question": f"Question {name}?",
        "context": [{"chunk_id": c, "role": "distractor"} for c in context],
        "completion": completion,
    }


ROWS = [row(f"a{n}", answered=True) for n in range(20)] + [
    row(f"r{n}", answered=False) for n in range(5)
]


def draw(rows=ROWS, count=3, seed=7):
    return draw_examples(rows, CHUNKS, REFUSAL, count, seed)


def test_one_of_several_examples_is_a_refusal_and_it_is_not_the_last():
    assert [e.completion == REFUSAL for e in draw()] == [False, True, False]


def test_a_single_example_is_an_answer():
    (example,) = draw(count=1)
    assert example.completion != REFUSAL


def test_without_refusals_all_examples_are_answers():
    found = draw(ROWS[:20])
    assert len(found) == 3
    assert all(example.completion != REFUSAL for example in found)


def test_an_answer_shows_the_chunk_that_it_quotes_under_its_new_number():
    example = draw(count=1)[0]
    assert [chunk.id for chunk in example.chunks] == ["c2"]
    assert example.completion.startswith('[1] "')
    assert example.completion.split('"')[1] in example.chunks[0].text


def test_two_quotes_keep_their_order_and_text():
    asked = row("both", answered=True)
    asked["completion"] = '[3] "x [2] "\n[1] "y"\nAnswer: z'
    (example,) = draw([asked], count=1)
    assert [chunk.id for chunk in example.chunks] == ["c1", "c3"]
    assert example.completion == '[2] "x [2] "\n[1] "y"\nAnswer: z'


@pytest.mark.parametrize(
    "odd",
    [
        row("gone", answered=True, context=("c1", "nowhere", "c3"), quoted=1),
        {**row("none", answered=True), "context": []},
        {**row("beyond", answered=True), "completion": '[9] "x"\nAnswer: y'},
        {**row("zero", answered=True), "completion": '[0] "x"\nAnswer: y'},
        {**row("bare", answered=True), "completion": "Answer: y"},
    ],
    ids=lambda odd: odd["id"],
)
def test_rows_that_cannot_be_shown_are_passed_over(odd):
    assert draw([odd], count=1) == []


def test_short_rows_are_preferred():
    long = row("long", answered=True)
    chunks = {**CHUNKS, "c2": replace(CHUNKS["c2"], text="word " * 900)}
    others = [row(f"s{n}", answered=True, quoted=1) for n in range(4)]
    found = draw_examples([long, *others], chunks, REFUSAL, 3, 7)
    assert all(len(chunk.text) < 900 for example in found for chunk in example.chunks)


@given(order=st.permutations(ROWS), seed=st.integers(0, 99), count=st.integers(1, 8))
def test_the_draw_depends_on_the_rows_and_the_seed_only(order, seed, count):
    assert draw(order, count, seed) == draw(ROWS, count, seed)
    assert len(draw(order, count, seed)) == count


def test_examples_stand_between_the_system_text_and_the_question():
    contract = with_examples(CONTRACT, draw())
    prefix = contract.segments([], "Now?")[0]
    texts = [part.text for part in prefix]
    assert texts[0] == CONTRACT.head
    assert texts[1].startswith(CONTRACT.system)
    assert texts[1].count("Question: Question ") == 3
    assert not prefix[1].special, "an example never becomes a special token"


def test_an_example_is_spelt_as_a_question_is():
    example = Example((CHUNKS["c1"],), "Why?", "Answer: so")
    system = with_examples(CONTRACT, [example]).system
    assert f"[1] {CHUNKS['c1'].text}\nQuestion: Why?\nAnswer: so" in system


def test_a_model_that_was_not_trained_is_told_the_form_and_the_refusal():
    system = told(CONTRACT).system
    assert system.startswith(CONTRACT.system)
    assert CONTRACT.refusal in system
    assert CONTRACT.answer_marker in system


def test_without_documents_nothing_is_said_of_them():
    assert closed(CONTRACT, "Be brief.").system == "Be brief."


def test_a_chat_holds_the_texts_without_the_template():
    system, user = messages_of(CONTRACT, [CHUNKS["c1"]], "Why?")
    assert system == {"role": "system", "content": "Answer."}
    assert user["content"] == f"[1] {CHUNKS['c1'].text}\nQuestion: Why?"
