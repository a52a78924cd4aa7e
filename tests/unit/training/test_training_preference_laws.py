"""Laws of pairs and triplets: a worse answer is worse, and a wrong chunk is wrong."""

from hypothesis import given
from hypothesis import strategies as st

from judged_arms import CONTRACT, REFUSAL
from sfta.training.pairs import OVER_REFUSAL, PairMaker
from sfta.training.triplets import answered_rows, make_triplets
from sfta_edge.citation import find_quote, mentions, parse_answer

WORDS = ("pump", "valve", "lamp", "motor", "belt", "gauge")
SENTENCES = tuple(f"The {word} is set to {place + 3} bar." for place, word in enumerate(WORDS))


@st.composite
def corpora(draw):
    """Chunks of some sentences, and rows about them."""
    chunks = {
        f"c{number}": " ".join(
            draw(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=3))
        )
        for number in range(draw(st.integers(2, 5)))
    }
    rows = []
    for number in range(draw(st.integers(1, 8))):
        shown = draw(
            st.lists(st.sampled_from(sorted(chunks)), min_size=1, max_size=3, unique=True)
        )
        rows.append(_row(f"r{number}", shown, chunks, refuses=draw(st.booleans())))
    return chunks, rows


def _row(name, shown, chunks, *, refuses):
    oracle = shown[0]
    quote = chunks[oracle].split(". ")[0].rstrip(".")
    answer = quote.split(" to ")[1]
    return {
        "id": name,
        "question": f"What is {name}?",
        "context": [{"chunk_id": chunk, "role": "distractor"} for chunk in shown],
        "quotes": [] if refuses else [{"chunk_id": oracle, "text": quote}],
        "answer": REFUSAL if refuses else answer,
        "completion": REFUSAL if refuses else CONTRACT.completion([(1, quote)], answer),
    }


@given(corpora(), st.floats(0, 1), st.integers(0, 9))
def test_a_worse_answer_is_another_one_in_the_form_that_is_taught(world, share, seed):
    chunks, rows = world
    maker = PairMaker(rows, chunks, CONTRACT, over_refusals=share, seed=seed)
    for row in rows:
        pair = maker.pair(row)
        if pair is None:
            continue
        assert pair.worse != row["completion"]
        said = parse_answer(
            pair.worse, answer_marker=CONTRACT.answer_marker, refusal=CONTRACT.refusal
        )
        assert said.refused is (pair.kind == OVER_REFUSAL)
        assert not (said.refused and row["completion"] == REFUSAL)
        for quote in said.quotes:
            name = row["context"][quote.number - 1]["chunk_id"]
            assert find_quote(quote.text, chunks[name]) is not None
            assert name not in {quoted["chunk_id"] for quoted in row["quotes"]}


@given(corpora(), st.integers(0, 9), st.randoms(use_true_random=False))
def test_a_pair_does_not_depend_on_the_order_of_the_rows(world, seed, rng):
    chunks, rows = world
    mixed = list(rows)
    rng.shuffle(mixed)
    makers = [
        PairMaker(order, chunks, CONTRACT, over_refusals=0.5, seed=seed)
        for order in (rows, mixed)
    ]
    assert [makers[0].pair(row) for row in rows] == [makers[1].pair(row) for row in rows]


@given(corpora(), st.integers(0, 3), st.randoms(use_true_random=False))
def test_a_wrong_chunk_holds_neither_quote_nor_answer_and_is_never_the_oracle(
    world, negatives, rng
):
    chunks, rows = world
    kept = answered_rows(rows)
    hits = [rng.sample(sorted(chunks), len(chunks)) for _ in kept]
    triplets = make_triplets(kept, hits, chunks, negatives=negatives)
    assert len(triplets) == sum(len(row["quotes"]) for row in kept)
    by_question = {row["question"]: row for row in kept}
    for triplet in triplets:
        row = by_question[triplet.question]
        assert len(triplet.negatives) <= negatives
        assert len(set(triplet.negatives)) == len(triplet.negatives)
        for name in triplet.negatives:
            assert name != triplet.oracle
            assert not mentions(chunks[name], row["answer"])
            assert not mentions(chunks[name], row["quotes"][0]["text"])


@given(corpora())
def test_every_answered_question_is_learnt_once(world):
    _, rows = world
    kept = answered_rows(rows + rows)
    asked = [row["question"] for row in kept]
    assert sorted(asked) == sorted({row["question"] for row in rows if row["quotes"]})
