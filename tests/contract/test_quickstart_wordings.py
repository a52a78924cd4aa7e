"""Contract of the quickstart's other wordings: natural, about the same thing, and really German."""

import json
import re
from pathlib import Path

import pytest

from sfta.evaluation.metrics import contains, token_f1
from sfta.evaluation.questions import read_questions
from sfta.evaluation.robustness.wordings import is_language

FILE = Path(__file__).resolve().parents[2] / "configs" / "quickstart" / "questions.jsonl"
QUESTIONS = [question for question in read_questions(FILE) if question.variants]
PAIRS = [(question, wording) for question in QUESTIONS for wording in question.variants]
NAME = re.compile(r"\b[A-Z]{1,4}-\d+\b|\bSentra 5\b|\bF\d\b")
VALUE = re.compile(r"\d+(?:[.,]\d+)?(?= (?:mm|bar)\b)")
each_pair = pytest.mark.parametrize(
    ("question", "wording"), PAIRS, ids=[f"{q.id}-{w.name}" for q, w in PAIRS]
)


def words(text):
    return set(re.findall(r"\w+", text.lower()))


def test_enough_questions_have_both_sorts_of_wording():
    named = [{wording.name for wording in question.variants} for question in QUESTIONS]
    assert len(named) >= 40
    assert all(names == {"paraphrase", "de"} for names in named)


def test_only_answerable_questions_are_worded_anew():
    assert all(question.answerable for question in QUESTIONS)


@each_pair
def test_a_wording_is_a_question_in_other_words(question, wording):
    assert wording.text != question.question
    assert wording.text == " ".join(wording.text.split())
    assert wording.text[0].isupper()
    assert wording.text[-1] in "?."
    assert "?" in wording.text or wording.text.startswith("I need")
    assert words(wording.text) != words(question.question)


@each_pair
def test_a_wording_does_not_give_the_answer_away(question, wording):
    longer = [answer for answer in question.answers if not answer.isdigit()]
    assert not contains(wording.text, longer)


@each_pair
def test_what_a_wording_names_stands_in_the_question_as_well(question, wording):
    assert set(NAME.findall(wording.text)) <= set(NAME.findall(question.question))


@each_pair
def test_codes_of_the_question_stand_in_every_wording(question, wording):
    codes = re.findall(r"\b[EWS]-\d{3}\b|\bF\d\b", question.question)
    assert all(code in wording.text for code in codes)


@each_pair
def test_a_value_in_a_wording_is_that_of_the_question(question, wording):
    def values(text):
        return {found.replace(",", ".") for found in VALUE.findall(text)}

    assert values(wording.text) == values(question.question)


def test_german_wordings_are_german():
    classify = pytest.importorskip("sfta.documents.language").language_of
    german = "\n".join(w.text for _, w in PAIRS if is_language(w.name))
    english = "\n".join(w.text for _, w in PAIRS if not is_language(w.name))
    assert classify([german]) == "de"
    assert classify([english]) == "en"


def test_paraphrases_share_few_words_with_their_question():
    shared = [
        token_f1(wording.text, [question.question])
        for question, wording in PAIRS
        if wording.name == "paraphrase"
    ]
    assert sum(shared) / len(shared) < 0.65


def test_no_wording_is_used_twice():
    texts = [wording.text for _, wording in PAIRS]
    assert len(set(texts)) == len(texts)


def test_the_key_stands_last_so_that_a_line_begins_as_it_was():
    for line in FILE.read_text("utf-8").splitlines():
        row = json.loads(line)
        if "variants" in row:
            assert list(row)[-1] == "variants"
