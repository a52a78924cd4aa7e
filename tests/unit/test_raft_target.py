"""Questions chosen for being like those that will be asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sfta.raft.candidate import Candidate
from sfta.raft.target import FAR, in_turn, nearest_to_target

TOPICS = ["oil", "noise", "torque", "price"]


def embed(texts):
    """A direction for each topic a text names."""
    rows = np.array([[float(topic in text) for topic in TOPICS] + [0.1] for text in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def asked(topic, count, *, answer="3 kg"):
    quote = f"{topic} {answer}" if answer else ""
    return [
        Candidate(f"Question {n} on {topic}?", "written", f"c{n}", quote=quote, answer=answer)
        for n in range(count)
    ]


def choose(candidates, target, keep):
    (kept, lost), note = nearest_to_target(candidates, target, embed, keep)
    assert sorted([*kept, *(item.candidate for item in lost)], key=lambda c: c.id) == sorted(
        candidates, key=lambda c: c.id
    )
    assert {item.reason for item in lost} <= {FAR}
    return kept, note


def test_what_nobody_asks_about_goes_first():
    candidates = [*asked("price", 10), *asked("oil", 5), *asked("noise", 5)]
    kept, note = choose(candidates, ["Which oil?", "How much noise?"], 0.5)
    assert {c.question.split()[-1] for c in kept} == {"oil?", "noise?"}
    assert (note["kept"], note["of"], note["questions"]) == (10, 20, 2)
    assert note["mean_cosine_of_kept"] > note["mean_cosine_of_all"]


def test_a_common_topic_of_the_documents_does_not_take_all_places():
    candidates = [*asked("oil", 30), *asked("torque", 3)]
    kept, _ = choose(candidates, ["Which oil?", "What torque?"], 6 / 33)
    assert sum("torque" in c.question for c in kept) == 3


def test_questions_without_an_answer_are_chosen_apart():
    candidates = [*asked("oil", 10), *asked("price", 10, answer="")]
    kept, _ = choose(candidates, ["Which oil?"], 0.5)
    assert sum(c.answerable for c in kept) == 5


def test_what_the_documents_do_not_hold_is_named():
    _, note = choose(asked("oil", 4), ["Which oil?", "What noise?"], 1.0)
    assert note["least_covered"][0]["question"] == "What noise?"
    assert note["nearest_kept"]["lowest"] < 0.1


def test_nothing_to_choose_from_is_no_error():
    kept, note = choose([], ["Which oil?"], 0.5)
    assert (kept, note) == ([], {"questions": 1, "kept": 0})


@given(
    arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 9)),
           elements=st.floats(-1, 1)),
    st.data(),
)  # fmt: skip
def test_every_count_gives_that_many_columns_and_more_keeps_those_of_fewer(likeness, data):
    count = data.draw(st.integers(0, likeness.shape[1]))
    taken = in_turn(likeness, count)
    assert len(set(taken)) == len(taken) == count
    assert in_turn(likeness, likeness.shape[1])[:count] == taken


@pytest.mark.parametrize("keep", [0.25, 1.0])
def test_the_share_is_kept_to(keep):
    kept, _ = choose(asked("oil", 8), ["Which oil?"], keep)
    assert len(kept) == 8 * keep
