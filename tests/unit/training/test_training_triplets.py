"""What an embedder learns from: no chunk that may hold the answer stands among the wrong ones."""

from sfta.training.triplets import Triplet, answered_rows, make_triplets

TEXTS = {
    "c1": "The pump turns at 9 bar.",
    "c2": "The valve opens at 9 bar, and the pump turns.",
    "c3": "The lamp is red.",
    "c4": "The motor stops at 12 bar.",
}


def row(
    name, question="How fast?", chunks=("c1",), answer="9 bar", text="The pump turns at 9 bar"
):
    quotes = [{"chunk_id": chunk, "text": text} for chunk in chunks]
    return {"id": name, "question": question, "answer": answer, "quotes": quotes}


def test_the_best_hits_that_do_not_hold_the_answer_are_wrong():
    (triplet,) = make_triplets([row("r1")], [["c2", "c1", "c4", "c3"]], TEXTS, negatives=1)
    assert triplet == Triplet("How fast?", "c1", ("c4",))


def test_a_question_with_two_oracles_learns_both_and_too_few_hits_are_no_mistake():
    rows = [row("r1", chunks=("c1", "c3"), answer="red", text="red")]
    found = make_triplets(rows, [["c3", "c1", "c4"]], TEXTS, negatives=5)
    assert [(t.oracle, t.negatives) for t in found] == [("c1", ("c4",)), ("c3", ("c4",))]


def test_refusals_teach_nothing_and_a_repeated_question_teaches_once():
    rows = [row("r3", chunks=()), row("r2"), row("r1"), row("r4", question="Why?")]
    assert [kept["id"] for kept in answered_rows(rows)] == ["r1", "r4"]
