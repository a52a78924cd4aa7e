"""Comparing reports, and the parts a comparison and a warning are made of."""

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sfta.cli.compare import command
from sfta.evaluation.aggregate import METRICS
from sfta.evaluation.arms import Reply, append_replies, arm_of, ask_arm, read_replies
from sfta.evaluation.cases import Case
from sfta.evaluation.comparison import compare
from sfta.evaluation.leakage import find_leakage
from sfta.evaluation.oracles import Oracle, resolve_oracles
from sfta.evaluation.questions import (
    GivenDocument,
    OraclePage,
    Question,
    read_questions,
)
from sfta.evaluation.results import SCHEMA
from sfta_edge.retriever import Chunk


def arm(**values):
    """Metrics of 0.5 with intervals of 0.1 around them, unless given."""
    metrics = {metric.key: values.get(metric.key, 0.5) for metric in METRICS}
    intervals = {
        key: None if value is None else [value - 0.1, value + 0.1]
        for key, value in metrics.items()
    }
    return {"label": "Arm", "metrics": metrics, "intervals": intervals}


def report(**arms):
    settings = {"questions_sha256": "ab", "top_k": 4, "max_answer_tokens": 256}
    return {"schema": SCHEMA, "arms": arms, "settings": settings}


def change(first, second, metric):
    found = compare(report(raft_rag=arm(**first)), report(raft_rag=arm(**second)))
    return next(c for c in found.changes if c.metric == metric)


@pytest.mark.parametrize(
    ("before", "after", "clear", "better"),
    [
        (0.5, 0.8, True, True),
        (0.5, 0.6, False, True),
        (0.8, 0.5, True, False),
        (0.5, 0.5, False, None),
        (None, 0.5, False, None),
        (0.5, None, False, None),
    ],
)
def test_a_change_is_clear_where_the_intervals_do_not_overlap(before, after, clear, better):
    found = change({"token_f1": before}, {"token_f1": after}, "token_f1")
    assert (found.clear, found.better) == (clear, better)
    assert (found.difference is None) == (before is None or after is None)


def test_less_is_better_where_less_is_better():
    found = change({"over_refusal": 0.8}, {"over_refusal": 0.2}, "over_refusal")
    assert (found.difference, found.better, found.clear) == (-0.6, True, True)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_comparison_turned_round_says_the_opposite(one, other):
    there = change({"token_f1": one}, {"token_f1": other}, "token_f1")
    back = change({"token_f1": other}, {"token_f1": one}, "token_f1")
    assert there.difference == -back.difference
    assert there.clear == back.clear
    assert there.better is None or there.better is not back.better


def test_every_shared_arm_has_every_metric_and_the_others_are_named():
    first = report(base_rag=arm(), raft_rag=arm(), base_closed=arm())
    second = report(base_rag=arm(), raft_rag=arm(), raft_oracle=arm())
    found = compare(first, second)
    assert [c.arm for c in found.changes] == ["base_rag"] * len(METRICS) + ["raft_rag"] * len(
        METRICS
    )
    assert found.notes == (
        "only the first report has the arm base_closed",
        "only the second report has the arm raft_oracle",
    )


def written(folder, name, content):
    (folder / name).mkdir()
    (folder / name / "report.json").write_text(json.dumps(content))
    return str(folder / name)


def test_the_command_prints_a_table_with_opinions_where_they_are_clear(tmp_path):
    first = written(tmp_path, "a", report(raft_rag=arm(quote_validity=None)))
    second = written(tmp_path, "b", report(raft_rag=arm(token_f1=0.9, over_refusal=0.9)))
    result = CliRunner().invoke(command, [first, second])
    assert result.exit_code == 0, result.output
    lines = {line.split()[1]: line for line in result.stdout.splitlines() if line.strip()}
    assert lines["token_f1"].split()[2:] == ["0.5000", "0.9000", "0.4000", "better"]
    assert lines["over_refusal"].endswith("worse")
    assert lines["contains"].split()[2:] == ["0.5000", "0.5000", "0.0000"]
    assert lines["quote_validity"].split()[2:] == ["-", "0.5000", "-"]


def test_the_command_prints_json_for_programs(tmp_path):
    first = written(tmp_path, "a", report(raft_rag=arm()))
    second = written(tmp_path, "b", report(raft_rag=arm(token_f1=0.9)))
    result = CliRunner().invoke(command, [first, second, "--json"])
    changes = json.loads(result.stdout)["changes"]
    assert changes[0]["metric"] == "token_f1"
    assert changes[0]["difference"] == 0.4


def chunk(identifier, text, *, page=1, name="manual.pdf"):
    return Chunk(identifier, f"id of {name}", "Manual", page, "", text, 0, len(text), name)


CHUNKS = [
    chunk("c1", "The pressure is 7.5 bar."),
    chunk("c2", "The pressure of 7.5 bar is high."),
    chunk("c3", "Set 7.5 bar.", page=2),
    chunk("c4", "Set 75 bar.", page=2),
]


def question(**known):
    return Question("q", "How much?", ("7.5 bar",), answerable=True, **known)


def test_oracle_ids_and_pages_add_up_without_repetition():
    asked = question(
        oracle_ids=("c3", "c1"),
        oracle_pages=(OraclePage("manual.pdf", 1), OraclePage("manual.pdf", 2)),
    )
    assert resolve_oracles([asked], CHUNKS)[0].ids == ("c3", "c1", "c2")


def test_another_number_on_an_oracle_page_is_not_the_answer():
    asked = question(oracle_pages=(OraclePage("manual.pdf", 2),))
    assert resolve_oracles([asked], CHUNKS)[0].ids == ("c3",)


def test_a_group_of_the_file_decides_the_cluster():
    asked = question(group="chapter", oracle_ids=("c1",))
    assert resolve_oracles([asked], CHUNKS)[0].group == "chapter"
    assert resolve_oracles([question(oracle_ids=("c1",))], CHUNKS)[0].group == "manual.pdf"


def test_documents_of_the_file_are_their_own_index():
    documents = (GivenDocument("d1", "T", "7.5 bar"), GivenDocument("d2", "T", "x"))
    asked = question(documents=documents, oracle_ids=("d1",))
    assert resolve_oracles([asked], []) == [Oracle(("d1",), "d1", "d1")]


def test_questions_with_documents_are_read_whole(tmp_path):
    row = {
        "id": "s1",
        "question": "Which ships?",
        "answers": ["Olympic", "Olympic class"],
        "answerable": True,
        "documents": [{"id": "d1", "title": "Liners", "text": "The Olympic class."}],
        "oracle_ids": ["d1"],
        "near_ids": ["d1"],
    }
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (found,) = read_questions(path)
    assert found.documents == (GivenDocument("d1", "Liners", "The Olympic class."),)
    assert found.answers == ("Olympic", "Olympic class")
    assert found.oracle_ids == ("d1",)


@given(
    st.lists(st.sampled_from(["a b c", "a b d", "e f g h", "a"]), max_size=4),
    st.floats(0.1, 1),
    st.floats(0.1, 1),
)
def test_a_stricter_threshold_never_finds_more_leaks(seen, one, other):
    asked = [Question("q", "a b c d", ("1",), answerable=True)]
    strict, loose = max(one, other), min(one, other)
    assert find_leakage(asked, seen, strict).ids <= find_leakage(asked, seen, loose).ids


def test_the_most_alike_training_question_is_the_one_that_is_shown():
    asked = [Question("q", "oil pressure of the main pump", ("1",), answerable=True)]
    seen = ["oil pressure of the main pump today", "oil pressure of the main pump now or today"]
    (match,) = find_leakage(asked, seen, 0.5).matches
    assert match.seen == "oil pressure of the main pump today"
    assert match.overlap == pytest.approx(5 / 6, abs=1e-3)
    assert not match.exact


def make_case(identifier):
    asked = Question(identifier, "?", ("1",), answerable=True)
    context = (chunk("c1", "x"),)
    return Case(asked, Oracle((), "g", "g"), context, context, context)


def replies_to(items):
    return [
        Reply(name, "text", tuple(c.id for c in chunks), False, 1, 1, 0.0)
        for name, _, chunks in items
    ]


def test_every_arm_has_a_store_of_its_own(tmp_path):
    cases = [make_case("q1")]
    for name in ("base_rag", "base_closed"):
        ask_arm(arm_of(name), cases, tmp_path / f"{name}.jsonl", replies_to)
    assert read_replies(tmp_path / "base_rag.jsonl")["q1"].given == ("c1",)
    assert read_replies(tmp_path / "base_closed.jsonl")["q1"].given == ()


def test_replies_to_questions_that_are_no_longer_asked_are_left_out(tmp_path):
    store = tmp_path / "a.jsonl"
    append_replies(store, [Reply("old", "x", (), False, 1, 1, 0.0)])
    replies = ask_arm(arm_of("base_rag"), [make_case("new")], store, replies_to)
    assert [reply.id for reply in replies] == ["new"]


def test_questions_are_asked_in_batches_that_are_saved_one_by_one(tmp_path):
    store, sizes = tmp_path / "a.jsonl", []

    def ask(items):
        sizes.append((len(items), len(read_replies(store))))
        return replies_to(items)

    ask_arm(arm_of("base_rag"), [make_case(f"q{n}") for n in range(70)], store, ask)
    assert sizes == [(32, 0), (32, 32), (6, 64)]


def test_a_store_that_holds_only_half_a_line_starts_anew(tmp_path):
    store = tmp_path / "a.jsonl"
    store.write_bytes(b'{"id": "q1", "compl')
    assert read_replies(store) == {}
    assert store.read_bytes() == b""
    assert len(ask_arm(arm_of("base_rag"), [make_case("q1")], store, replies_to)) == 1
