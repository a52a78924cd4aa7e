"""Other wordings in the benchmark file: read by name, and refused where they are no texts."""

import json

import pytest

from sfta.evaluation.questions import read_questions
from sfta.evaluation.wording import Wording, are_wordings, wordings_of
from sfta_edge.errors import ConfigError

ROW = {"id": "q1", "question": "How long?", "answers": ["3 m"], "answerable": True}


def written(folder, **more):
    path = folder / "questions.jsonl"
    path.write_text(json.dumps(ROW | more), "utf-8")
    return path


def test_wordings_are_read_by_name_and_in_their_order(tmp_path):
    path = written(
        tmp_path, variants={"paraphrase": ["What length?", "Length?"], "de": ["Wie?"]}
    )
    (question,) = read_questions(path)
    assert question.variants == (
        Wording("de", "Wie?"),
        Wording("paraphrase", "What length?"),
        Wording("paraphrase", "Length?"),
    )


@pytest.mark.parametrize("none", [{}, {"variants": {}}, {"variants": None}])
def test_a_question_needs_no_other_wording(tmp_path, none):
    (question,) = read_questions(written(tmp_path, **none))
    assert question.variants == ()


@pytest.mark.parametrize("value", ["Wie?", ["Wie?"], {"de": "Wie?"}, {"de": [""]}, {"de": [1]}])
def test_what_is_no_list_of_texts_by_name_is_refused(tmp_path, value):
    assert not are_wordings(value)
    with pytest.raises(ConfigError, match="'variants' must hold lists of texts by name"):
        read_questions(written(tmp_path, variants=value))


def test_a_misspelt_key_is_named(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'variants'"):
        read_questions(written(tmp_path, variant={"de": ["Wie?"]}))


def test_names_are_sorted_so_that_the_order_in_the_file_does_not_matter():
    assert wordings_of({"b": ["x"], "a": ["y"]}) == wordings_of({"a": ["y"], "b": ["x"]})


def test_unanswerable_questions_may_have_wordings_too(tmp_path):
    path = written(tmp_path, answers=[], answerable=False, variants={"de": ["Wie?"]})
    (question,) = read_questions(path)
    assert question.variants == (Wording("de", "Wie?"),)
