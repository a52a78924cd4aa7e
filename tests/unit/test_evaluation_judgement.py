"""Every metric against a second implementation, made case by case from its definition."""

import itertools
import re
import string
from collections import Counter
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judged_arms import CONTRACT, REFUSAL
from judged_cases import TEXTS, make_case
from sfta.evaluation.aggregate import BY_KEY, columns, sums_of
from sfta.evaluation.baselines import BASELINES, judge_baseline
from sfta.evaluation.judgement import Tally, judge

quote_lines = st.tuples(
    st.integers(0, 5), st.sampled_from([*TEXTS, "pump runs", "invented", "7.5 bar"])
)
completions = st.one_of(
    st.just(REFUSAL),
    st.just("That is not mentioned in the documents."),
    st.sampled_from(["7.5 bar", "It is 7.5 bar.", "", "8 bar", "Answer:", "word " * 60]),
    st.tuples(
        st.lists(quote_lines, max_size=3), st.sampled_from(["7.5 bar", "8 bar", "500 hours"])
    ).map(lambda pair: CONTRACT.completion(*pair)),
)
contexts = st.lists(st.integers(0, 3), unique=True, max_size=3)
asked = st.tuples(st.none() | st.integers(0, 3), contexts, completions, st.booleans())


def reference(cases):
    """Metrics from the words of their definitions, with loops and conditions only."""
    rows = []
    for oracle, context, completion, cut in cases:
        text = completion.strip()
        refused_exactly = text == REFUSAL
        marker = re.search(r"^\s*Answer:(.*)", text, re.MULTILINE | re.DOTALL)
        answer = marker[1].strip() if marker else text
        refused = refused_exactly or "not mentioned" in answer
        quotes = re.findall(r'^\[(\d)\] "(.*)"$', text, re.MULTILINE)
        rows.append(
            {
                "answerable": oracle is not None,
                "held": oracle in context and oracle is not None,
                "oracle": oracle,
                "context": context,
                "answer": "" if refused else answer,
                "text": text,
                "refused": refused,
                "refused_exactly": refused_exactly,
                "formed": refused_exactly or (marker is not None and answer != ""),
                "quotes": [
                    (int(n), 1 <= int(n) <= len(context) and TEXTS[context[int(n) - 1]])
                    for n, _ in quotes
                ],
                "valid": [
                    1 <= int(n) <= len(context)
                    and spoken(q) in spoken(TEXTS[context[int(n) - 1]])
                    for n, q in quotes
                ],
                "cut": cut,
            }
        )
    return rows


def spoken(text):
    return text.strip(" .").lower()


def words(text):
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return [word for word in bare.split() if word not in ("a", "an", "the")]


def f1(row):
    said, right = words(row["answer"]), words("7.5 bar")
    both = sum((Counter(said) & Counter(right)).values())
    return 2 * both / (len(said) + len(right)) if said else 0.0


def rouge(row):
    said, right = words(row["answer"]), words("7.5 bar")
    shared = max(
        len(some)
        for size in range(len(right) + 1)
        for some in itertools.combinations(right, size)
        if all(word in said for word in some) and sorted(some, key=said.index) == list(some)
    )
    return 2 * shared / (len(said) + len(right)) if said else 0.0


def share(rows, part, whole=lambda row: True):
    counted = [row for row in rows if whole(row)]
    return sum(map(part, counted)) / len(counted) if counted else None


def harmonic(rows, said, right):
    hits = sum(said(row) and right(row) for row in rows)
    total = sum(map(said, rows)) + sum(map(right, rows))
    return 2 * hits / total if any(map(right, rows)) else None


def expected(rows):
    def held(row):
        return row["held"]

    def refused(row):
        return row["refused"]

    def answerable(row):
        return row["answerable"]

    def answered(row):
        return not row["refused"]

    quotes = [valid for row in rows for valid in row["valid"]]
    cited, right = 0, 0
    for row in rows:
        if row["answerable"]:
            places = {place or f"number {n}" for n, place in row["quotes"]}
            cited += len(places)
            right += TEXTS[row["oracle"]] in places
    refusing = harmonic(rows, refused, lambda row: not row["held"])
    answering = harmonic(rows, answered, held)
    return {
        "token_f1": share(rows, f1, answerable),
        "exact_match": share(
            rows, lambda r: words(r["answer"]) == words("7.5 bar"), answerable
        ),
        "contains": share(
            rows, lambda r: "7.5 bar" in r["text"] and not r["refused"], answerable
        ),
        "rouge_l": share(rows, rouge, answerable),
        "token_f1_in_form": share(rows, lambda r: f1(r) if r["formed"] else 0.0, answerable),
        "overall_f1": share(rows, lambda r: f1(r) if r["answerable"] else r["refused"]),
        "token_f1_in_context": share(rows, f1, held),
        "refusal_f1": refusing,
        "refusal_precision": share(rows, lambda r: not r["held"], refused),
        "refusal_recall": share(rows, refused, lambda r: not r["held"]),
        "f1_gr": None if refusing is None or answering is None else (refusing + answering) / 2,
        "refusal_f1_by_question": harmonic(rows, refused, lambda r: not r["answerable"]),
        "over_refusal": share(rows, refused, held),
        "over_refusal_by_question": share(rows, refused, answerable),
        "unsupported_answers": share(rows, answered, lambda r: not r["held"]),
        "quote_validity": sum(quotes) / len(quotes) if quotes else None,
        "supported_answers": share(
            rows, lambda r: bool(r["valid"]) and all(r["valid"]), answered
        ),
        "citation_precision": right / cited if cited else None,
        "citation_recall": share(
            rows, lambda r: any(place == TEXTS[r["oracle"]] for _, place in r["quotes"]), held
        ),
        "exact_refusals": share(rows, lambda r: r["refused_exactly"], refused),
        "format_failures": share(rows, lambda r: not r["formed"]),
        "truncated": share(rows, lambda r: r["cut"]),
    }


@given(st.lists(asked, min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_every_metric_agrees_with_its_definition(cases):
    tallies = []
    for number, (oracle, context, completion, cut) in enumerate(cases):
        case = make_case(f"q{number}", oracle=oracle, context=context)
        judged = judge(case, case.retrieved, completion, CONTRACT, truncated=cut)
        tallies.append(judged.tally)
    sums = sums_of(columns(tallies).sum(axis=0))
    wanted = expected(reference(cases))
    assert set(wanted) == set(BY_KEY)
    for key, value in wanted.items():
        found = float(BY_KEY[key].formula(sums))
        assert found == pytest.approx(float("nan") if value is None else value, nan_ok=True), (
            key
        )


@given(st.text(max_size=80), contexts, st.none() | st.integers(0, 3))
def test_any_output_can_be_judged(completion, context, oracle):
    case = make_case("q", oracle=oracle, context=context)
    tally = judge(case, case.retrieved, completion, CONTRACT).tally
    for column in fields(Tally):
        value = getattr(tally, column.name)
        assert value >= 0.0
        assert value <= 1.0 or column.name in ("quotes", "quotes_valid", "cited")
    assert tally.quotes_valid <= tally.quotes
    assert tally.cited_oracle <= tally.cited
    assert tally.held <= tally.answerable


@given(completions, contexts)
def test_an_unanswerable_question_earns_points_by_refusing_only(completion, context):
    case = make_case("q", oracle=None, context=context)
    judged = judge(case, case.retrieved, completion, CONTRACT)
    assert judged.tally.overall == float(judged.refused)
    assert judged.right == judged.refused
    assert judged.tally.f1 == judged.tally.exact == judged.tally.contains == 0.0


def test_quoting_one_chunk_twice_is_one_citation():
    case = make_case("q", oracle=0, context=[0, 1])
    twice = CONTRACT.completion([(1, TEXTS[0]), (1, "pump runs"), (2, TEXTS[1])], "7.5 bar")
    tally = judge(case, case.retrieved, twice, CONTRACT).tally
    assert (tally.quotes, tally.quotes_valid) == (3.0, 3.0)
    assert (tally.cited, tally.cited_oracle) == (2.0, 1.0)


def test_a_quote_of_a_number_is_no_quote_of_another_number():
    case = make_case("q", oracle=0, context=[0])
    wrong = CONTRACT.completion([(1, "The pump runs at 7 bar")], "7 bar")
    assert judge(case, case.retrieved, wrong, CONTRACT).tally.quotes_valid == 0.0


def test_quotes_after_the_answer_do_not_count():
    case = make_case("q", oracle=0, context=[0])
    late = f'Answer: 7.5 bar\n[1] "{TEXTS[0]}"'
    judged = judge(case, case.retrieved, late, CONTRACT)
    assert judged.quotes == ()
    assert judged.tally.f1 < 1.0


def test_the_best_accepted_answer_counts():
    case = make_case("q", oracle=0, context=[0], answers=["7.5 bar", "750 kPa"])
    for answer in case.question.answers:
        completion = CONTRACT.completion([], answer)
        assert judge(case, case.retrieved, completion, CONTRACT).tally.exact == 1.0


def test_baselines_are_judged_like_models():
    cases = [
        make_case("q0", oracle=0, context=[0, 1]),
        make_case("q1", oracle=0, context=[1]),
        make_case("q2", oracle=None, context=[]),
    ]
    refusing, echo, top, yes = (judge_baseline(b, cases, CONTRACT) for b in BASELINES.values())
    assert [judged.refused for judged in refusing] == [True] * 3
    assert [judged.right for judged in echo] == [False] * 3
    assert echo[0].answer == "At what pressure?"
    assert [judged.right for judged in top] == [True, False, True]
    assert top[0].answer == TEXTS[0]
    assert [judged.answer for judged in yes] == ["Yes"] * 3
    assert [judged.right for judged in yes] == [False] * 3
