"""From candidates to rows: shares, pairs, completions, and every record accounted for."""

from collections import Counter

from made_rows import BY_ID, made
from sfta.raft.candidate import Candidate
from sfta.raft.config import (
    ContextConfig,
    PromptConfig,
)
from sfta.raft.contexts import holds_answer
from sfta.raft.rows import row_id
from sfta_edge.citation import find_quote, parse_answer


def test_there_are_as_many_rows_as_asked_for_and_a_quarter_refuses(made_rows):
    refused = [row for row in made_rows if not row["quotes"]]
    assert len(made_rows) == 120
    assert len(refused) == 30
    assert {row["completion"] for row in refused} == {PromptConfig().refusal}


def test_a_completion_parses_back_into_its_quotes_and_answer(made_rows):
    prompt = PromptConfig()
    for row in made_rows:
        parsed = parse_answer(
            row["completion"], answer_marker=prompt.answer_marker, refusal=prompt.refusal
        )
        assert parsed.well_formed
        assert parsed.refused is (not row["quotes"])
        assert parsed.answer == row["answer"]
        for quote, held in zip(parsed.quotes, row["quotes"], strict=True):
            assert quote.text == held["text"]
            assert row["context"][quote.number - 1]["chunk_id"] == held["chunk_id"]


def test_quotes_carry_their_place_in_the_oracle_chunk(made_rows):
    for row in made_rows:
        for quote in row["quotes"]:
            text = BY_ID[quote["chunk_id"]].text
            assert find_quote(quote["text"], text[quote["start"] : quote["end"]])
            roles = {entry["chunk_id"]: entry["role"] for entry in row["context"]}
            assert roles[quote["chunk_id"]] == "oracle"


def test_the_oracle_is_marked_once_or_never_and_no_distractor_holds_the_answer(made_rows):
    for row in made_rows:
        roles = [entry["role"] for entry in row["context"]]
        assert len(roles) == 4
        assert roles.count("oracle") == row["oracle_present"]
        if row["quotes"]:
            asked = Candidate(row["question"], row["kind"], row["quotes"][0]["chunk_id"],
                              row["quotes"][0]["text"], row["answer"])  # fmt: skip
            holders = [e["role"] for e in row["context"]
                       if holds_answer(BY_ID[e["chunk_id"]], asked)]  # fmt: skip
            assert holders == ["oracle"]


def test_ids_are_unique_and_come_from_the_content(made_rows):
    assert len({row["id"] for row in made_rows}) == len(made_rows)
    assert all(row["id"] == row_id(row) for row in made_rows)
    assert made_rows == sorted(made_rows, key=lambda row: row["id"])


def test_half_of_the_rows_without_oracle_repeat_an_answered_question(made_rows):
    answered = {row["question"] for row in made_rows if row["quotes"]}
    removed = [
        r for r in made_rows if not r["quotes"] and not r["kind"].startswith("near_miss")
    ]
    paired = [row for row in removed if row["question"] in answered]
    assert len(removed) > 8
    assert len(paired) == round(len(removed) / 2)


def test_pairs_stay_in_one_split(made_rows):
    splits = {}
    for row in made_rows:
        splits.setdefault(row["question"], set()).add(row["split"])
    assert all(len(found) == 1 for found in splits.values())


def test_the_same_inputs_give_the_same_rows(made_rows):
    assert made(max_rows=120)[0] == made_rows


def test_every_candidate_ends_as_a_row_or_with_a_reason():
    built, funnel, candidates = made(max_rows=60)
    asked = {(row["question"], row["kind"]) for row in built}
    assert funnel.entered == len(candidates)
    assert len(asked) + len(funnel.rejected) == len(candidates)
    assert all(item.reason for item in funnel.rejected)


def test_without_a_limit_all_usable_questions_become_rows():
    built, funnel, _ = made()
    assert len({row["question"] for row in built if row["quotes"]}) > 150
    assert "not needed" not in {
        item.reason for item in funnel.rejected if item.candidate.answerable
    }


def test_the_papers_policy_answers_without_oracle_and_quotes_nothing():
    built, _, _ = made(max_rows=100, context=ContextConfig(without_oracle="answer"))
    removed = [r for r in built if not r["oracle_present"] and not r["kind"].startswith("near")]
    assert removed
    for row in removed:
        assert row["quotes"] == []
        assert row["completion"] == f"Answer: {row['answer']}"
        assert row["answer"] != PromptConfig().refusal


def test_rows_may_share_contexts_and_stay_true():
    built, funnel, _ = made(max_rows=120, context=ContextConfig(rows_per_context=4))
    contexts = Counter(tuple(e["chunk_id"] for e in row["context"]) for row in built)
    assert len(contexts) < 100
    assert funnel.notes["contexts"] == len(contexts)
    assert len([n for n in contexts.values() if n > 1]) > 10
    assert all(row["oracle_present"] == bool(row["quotes"]) for row in built)


def test_the_funnel_names_wordings_retriever_and_plan():
    _, funnel, _ = made(max_rows=60)
    assert funnel.notes["wordings"]["used"] > 10
    assert funnel.notes["retriever"]["questions"] > 40
    assert funnel.notes["plan"]["with_oracle"] == 45
    assert [name for name, _ in funnel.steps][:4] == [
        "checked alone", "in one split", "unambiguous", "without duplicates"]  # fmt: skip
