"""Exact match and token F1 are those of the official SQuAD 2.0 script, and where they are not."""

import re
import string

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from judged_arms import CONTRACT, REFUSAL
from judged_cases import make_case
from sfta.evaluation.aggregate import BY_KEY, columns, sums_of
from sfta.evaluation.judgement import judge
from sfta.evaluation.metrics import exact_match, normalise_answer, token_f1

UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
"""Where the two differ: Chinese and Japanese, which the script takes for one long word."""

english = st.lists(
    st.sampled_from(
        [
            "the",
            "a",
            "an",
            "The",
            "pump",
            "Pump",
            "valve",
            "7.5",
            "75",
            "oil,",
            "-",
            "%",
            "I/O",
            "",
        ]
    ),
    max_size=7,
).map(" ".join)
foreign = st.lists(
    st.sampled_from(
        ["Straße", "l\u2019été", "Öl", "İzmir", "ΣΑΣ", "а", "насос", "±5 °C", "ﬁlter"]
    ),
    max_size=5,
).map(" ".join)
texts = english | foreign | st.text(max_size=30)
spaced = texts.filter(lambda text: not UNSPACED.search(text))


def normalise(text):
    """`normalize_answer`: each step as the script states it, made anew."""
    kept = [character for character in text.lower() if character not in string.punctuation]
    without_articles = re.sub(r"\b(a|an|the)\b", " ", "".join(kept))
    return " ".join(without_articles.split())


def exact(gold, prediction):
    return int(normalise(gold) == normalise(prediction))


def f1(gold, prediction):
    """`compute_f1`: shared tokens are crossed off one by one."""
    left, said = normalise(gold).split(), normalise(prediction).split()
    sizes = len(left), len(said)
    if 0 in sizes:
        return int(sizes == (0, 0))
    same = 0
    for token in said:
        if token in left:
            left.remove(token)
            same += 1
    if same == 0:
        return 0
    precision, recall = same / sizes[1], same / sizes[0]
    return 2 * precision * recall / (precision + recall)


def raw_scores(golds, prediction):
    """`get_raw_scores` for one question: what is no answer when spelt is none of the golds."""
    golds = [gold for gold in golds if normalise(gold)] or [""]
    return (
        max(exact(gold, prediction) for gold in golds),
        max(f1(gold, prediction) for gold in golds),
    )


@given(spaced)
def test_the_spelling_is_that_of_the_script(text):
    assert normalise_answer(text) == normalise(text)


@given(spaced, st.lists(spaced, max_size=4))
@settings(max_examples=300)
def test_both_scores_are_those_of_the_script_for_any_accepted_answers(prediction, golds):
    wanted_exact, wanted_f1 = raw_scores(golds, prediction)
    assert exact_match(prediction, golds) == wanted_exact
    assert token_f1(prediction, golds) == pytest.approx(wanted_f1)


@given(english, english)
def test_a_prediction_made_of_the_answer_is_scored_as_the_script_does(one, other):
    mixed = f"{one} {other}"
    assert token_f1(mixed, [one, other]) == pytest.approx(raw_scores([one, other], mixed)[1])


@pytest.mark.parametrize(
    ("prediction", "golds", "scores"),
    [
        ("", [], (1, 1)),
        ("the", [], (1, 1)),
        ("anything", [], (0, 0)),
        ("", ["a", "7 bar"], (0, 0)),
        ("", ["a", "the"], (1, 1)),
        ("the 7 bar", ["7 bar", "8 bar"], (1, 1)),
        ("7.5", ["75"], (1, 1)),
        ("about 7 bar", ["7 bar"], (0, 0.8)),
    ],
)
def test_the_script_and_ours_on_worked_examples(prediction, golds, scores):
    assert raw_scores(golds, prediction) == pytest.approx(scores)
    assert (exact_match(prediction, golds), token_f1(prediction, golds)) == pytest.approx(
        scores
    )


answers = spaced.filter(lambda text: bool(normalise(text)) and "\n" not in text.strip())
predictions = st.one_of(
    st.just(REFUSAL), answers.filter(lambda text: len("".join(text.splitlines())) == len(text))
)


@given(st.lists(st.tuples(st.lists(answers, max_size=3), predictions), min_size=1, max_size=5))
@settings(max_examples=200)
def test_a_whole_benchmark_gets_the_scores_of_the_script(asked):
    """With the refusal as the empty prediction, as SQuAD 2.0 has it."""
    tallies, wanted = [], []
    for number, (golds, prediction) in enumerate(asked):
        case = make_case(f"q{number}", oracle=0 if golds else None, context=[0], answers=golds)
        said = prediction if prediction == REFUSAL else CONTRACT.completion([], prediction)
        judged = judge(case, case.retrieved, said, CONTRACT)
        assume(judged.refused == (prediction == REFUSAL))
        tallies.append(judged.tally)
        wanted.append(raw_scores(golds, "" if judged.refused else judged.answer))
    sums = sums_of(columns(tallies).sum(axis=0))
    assert BY_KEY["overall_f1"].formula(sums) == pytest.approx(
        sum(score for _, score in wanted) / len(wanted)
    )
    known = [pair for pair, (golds, _) in zip(wanted, asked, strict=True) if golds]
    for key, place in (("exact_match", 0), ("token_f1", 1)):
        mean = sum(pair[place] for pair in known) / len(known) if known else float("nan")
        assert BY_KEY[key].formula(sums) == pytest.approx(mean, nan_ok=True)


def test_chinese_and_japanese_are_compared_by_characters_where_the_script_sees_one_word():
    assert f1("压力", "压力阀门") == 0
    assert token_f1("压力阀门", ["压力"]) == pytest.approx(2 / 3)
    assert exact("ポンプ", "ポンプ") == exact_match("ポンプ", ["ポンプ"]) == 1


def test_english_beside_chinese_is_spelt_as_the_script_does():
    assert normalise_answer("The 压力 of pump").split() == ["压", "力", "of", "pump"]
    assert normalise("The 压力 of pump").split() == ["压力", "of", "pump"]


def test_an_empty_answer_is_no_refusal_where_the_script_takes_it_for_one():
    """Saying nothing is a failure of form; a device that falls silent has not refused."""
    case = make_case("q", oracle=None, context=[0])
    silent = judge(case, case.retrieved, "", CONTRACT).tally
    assert raw_scores([], "") == (1, 1)
    assert (silent.overall, silent.ill_formed) == (0.0, 1.0)


def test_a_refusal_earns_nothing_where_the_script_finds_no_answer_among_the_accepted():
    """To the script, a question whose only answer is the letter A has none."""
    case = make_case("q", oracle=0, context=[0], answers=["A"])
    assert raw_scores(["A"], "") == (1, 1)
    assert judge(case, case.retrieved, REFUSAL, CONTRACT).tally.f1 == 0.0
    assert normalise("A") == ""
