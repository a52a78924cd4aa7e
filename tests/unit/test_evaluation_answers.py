"""Answers are asked for once, judged by rule, and given the same context in every arm."""

from dataclasses import replace

import pytest

from judged_arms import CASES, CONTRACT, REFUSAL, oracle_place, read_lines
from sfta.core.config import build
from sfta.evaluation.arms import Reply, append_replies, arm_of, ask_arm, read_replies
from sfta.evaluation.cases import answer_in, given_chunk, make_cases, write_retrieval
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.judgement import judge
from sfta.evaluation.oracles import resolve_oracles
from sfta.evaluation.questions import GivenDocument, Question
from sfta_edge.errors import ConfigError


def test_a_quote_counts_only_in_the_chunk_it_names():
    case = next(case for case in CASES if oracle_place(case) == 1)
    text = case.retrieved[0].text.partition(" bar.")[0]
    right = judge(case, case.retrieved, CONTRACT.completion([(1, text)], "x"), CONTRACT)
    wrong = judge(case, case.retrieved, CONTRACT.completion([(2, text)], "x"), CONTRACT)
    nowhere = judge(
        case, case.retrieved, CONTRACT.completion([(9, text), (0, text)], "x"), CONTRACT
    )
    assert (right.tally.quotes_valid, right.tally.cited_oracle, right.tally.cited) == (1, 1, 1)
    assert (wrong.tally.quotes_valid, wrong.tally.cited_oracle, wrong.tally.cited) == (0, 0, 1)
    assert (nowhere.tally.quotes_valid, nowhere.tally.cited) == (0, 2)
    assert nowhere.quotes[0].chunk_id is None


def test_a_missing_marker_is_a_format_failure_and_the_whole_text_is_scored():
    case = CASES[1]
    judged = judge(case, case.retrieved, "It is 1.5 bar.", CONTRACT)
    assert judged.tally.ill_formed == 1.0
    assert judged.answer == "It is 1.5 bar."
    assert 0.0 < judged.tally.f1 < 1.0
    assert judged.right


def test_a_refusal_in_other_words_is_a_refusal_for_every_arm():
    case = CASES[-1]
    judged = judge(case, case.retrieved, "That is not mentioned in the documents.", CONTRACT)
    assert judged.refused
    assert judged.right
    assert judged.tally.overall == 1.0
    assert judged.tally.refused_exactly == 0.0
    assert judged.tally.ill_formed == 1.0


def test_a_refusal_earns_no_overlap_with_the_accepted_answer():
    case = replace(CASES[1], question=replace(CASES[1].question, answers=("documents",)))
    assert judge(case, case.retrieved, REFUSAL, CONTRACT).tally.f1 == 0.0


def test_the_answer_is_in_the_context_only_with_an_oracle_chunk():
    held = next(case for case in CASES if oracle_place(case))
    missed = next(c for c in CASES if c.question.answerable and not oracle_place(c))
    assert answer_in(held, held.retrieved)
    assert not answer_in(missed, missed.retrieved)
    assert not answer_in(held, ())
    assert not answer_in(CASES[-1], CASES[-1].retrieved)
    unknown = replace(held, oracle=replace(held.oracle, ids=()))
    assert answer_in(unknown, held.retrieved)


def test_documents_that_come_with_a_question_are_its_context_and_nothing_is_searched():
    documents = tuple(GivenDocument(f"x{n}", "T", f"Text {n}") for n in range(6))
    question = Question("q", "Which?", ("Text 5",), True, documents, oracle_ids=("x5",))

    def refuse_search(questions, depth):
        assert list(questions) == []
        return []

    (case,) = make_cases(
        [question], resolve_oracles([question], []), {}, refuse_search, top_k=4, depth=10
    )
    assert [chunk.id for chunk in case.retrieved] == [f"x{n}" for n in range(6)]
    assert case.oracle_chunks == (given_chunk(documents[5]),)
    assert not case.searched
    assert answer_in(case, case.retrieved)


def test_arms_differ_only_in_model_and_context():
    case = next(case for case in CASES if oracle_place(case) == 2)
    assert arm_of("base_closed").chunks(case) == ()
    assert arm_of("base_rag").chunks(case) == arm_of("raft_rag").chunks(case) == case.retrieved
    assert arm_of("raft_oracle").chunks(case) == (case.retrieved[1],)
    assert arm_of("raft_oracle").chunks(CASES[-1]) == CASES[-1].retrieved


def test_retrieval_is_frozen_to_a_file_in_the_order_of_the_questions(tmp_path):
    write_retrieval(tmp_path / "retrieval.jsonl", CASES)
    lines = read_lines(tmp_path / "retrieval.jsonl")
    assert [line["id"] for line in lines] == [case.question.id for case in CASES]
    assert lines[0]["given"] == lines[0]["ranked"][:4]
    assert lines[0]["answer_in_context"] is True
    assert lines[-1]["oracle_ids"] == []


class FakeModel:
    """Answers, counts, and may break down."""

    def __init__(self, fails_at=None):
        self.asked = []
        self.fails_at = fails_at

    def ask_many(self, batch):
        replies = []
        for identifier, _, chunks in batch:
            if len(self.asked) == self.fails_at:
                raise ConnectionError
            self.asked.append(identifier)
            ids = tuple(chunk.id for chunk in chunks)
            replies.append(Reply(identifier, f"to {identifier}", ids, False, 5, 3, 1.0))
        return replies


def test_no_question_is_asked_twice_after_an_interruption(tmp_path):
    store, broken, whole = tmp_path / "a.jsonl", FakeModel(fails_at=40), FakeModel()
    with pytest.raises(ConnectionError):
        ask_arm(arm_of("base_rag"), CASES, store, broken.ask_many)
    kept = set(read_replies(store))
    assert len(kept) == 32
    replies = ask_arm(arm_of("base_rag"), CASES, store, whole.ask_many)
    assert kept.isdisjoint(whole.asked)
    assert [reply.id for reply in replies] == [case.question.id for case in CASES]
    assert ask_arm(arm_of("base_rag"), CASES, store, FakeModel(fails_at=0).ask_many) == replies


def test_a_reply_that_was_cut_off_in_writing_is_asked_again(tmp_path):
    store, model = tmp_path / "a.jsonl", FakeModel()
    ask_arm(arm_of("base_rag"), CASES[:3], store, model.ask_many)
    whole = store.read_bytes()
    store.write_bytes(whole[:-5])
    again = FakeModel()
    ask_arm(arm_of("base_rag"), CASES[:3], store, again.ask_many)
    assert again.asked == ["a002"]
    assert store.read_bytes() == whole


def test_replies_survive_any_text(tmp_path):
    reply = Reply("q", 'a "b"\n\u2028\x85 ü', ("c",), True, 1, 2, 3.5)
    append_replies(tmp_path / "a.jsonl", [reply])
    assert read_replies(tmp_path / "a.jsonl") == {"q": reply}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"arms": []}, "at least 1 item"),
        ({"arms": ["base_rag"]}, "arms must name raft_rag"),
        ({"arms": ["raft_rag"]}, "arms must name base_rag"),
        ({"arms": ["raft_rag", "raft_rag", "base_rag"]}, "must not name an arm twice"),
        ({"arms": ["llm"]}, "string should match pattern"),
        ({"arms": ["base_rag", "raft_rag", "llm_rag"]}, "there is no model 'llm'"),
        (
            {"models": {"sft": {"kind": "file", "path": "x"}}},
            "no arm asks 'sft'; add sft_rag to arms",
        ),
        ({"models": {"raft": {"kind": "file", "path": "x"}}}, "the recipe's own model"),
        (
            {
                "models": {
                    "llm": {"kind": "openai", "base_url": "http://k:v@h/v1", "model": "m"}
                }
            },
            "api_key_env",
        ),
        ({"min_token_f1": 1.5}, "less than or equal to 1"),
        ({"resamples": 10}, "greater than or equal to 1000"),
        ({"min_f1": 0.5}, "did you mean"),
        ({"beat_baseline": False}, "beat_baseline: unknown key"),
        ({"beat_trivial": False}, "beat_trivial: unknown key"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, problem):
    with pytest.raises(ConfigError) as caught:
        build(EvaluateConfig, settings, name="recipe")
    assert problem in str(caught.value)
