"""The page of questions: everything inside, nothing foreign becomes markup, lines as they are."""

import json
import re

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from read_html import (
    ATTACKS,
    Reader,
    assert_loads_nothing,
    assert_policy_names_digests,
    data_of,
)
from sfta.cli import questions as commands
from sfta.evaluation.review import page
from sfta.evaluation.review.page import question_page
from sfta_edge.errors import ConfigError

GOOD = {"id": "q1", "question": "How much?", "answers": ["7 bar"], "answerable": True}


def written(folder, *rows, name="asked.jsonl"):
    path = folder / name
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_the_page_loads_nothing_from_outside(tmp_path):
    assert_loads_nothing(question_page(written(tmp_path, GOOD)).html)


def test_the_policy_names_the_digests_of_the_pages_own_script_and_style(tmp_path):
    assert_policy_names_digests(question_page(written(tmp_path, GOOD)).html)


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_of_questions_is_only_data(tmp_path, attack):
    harmless = [tag for tag, _ in Reader(question_page(written(tmp_path, GOOD)).html).tags]
    documents = [{"id": "d", "title": attack, "text": attack}]
    row = {
        **GOOD,
        "question": attack,
        "answers": [attack],
        "kind": attack,
        "documents": documents,
    }
    html = question_page(written(tmp_path, row)).html
    assert [tag for tag, _ in Reader(html).tags] == harmless
    assert json.loads(data_of(html)["lines"][0])["question"] == attack
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", html)[0]


def test_the_name_of_a_file_is_only_text(tmp_path):
    html = question_page(written(tmp_path, GOOD, name="<b>{{ 7 * 7 }}.jsonl")).html
    assert "<h1>Questions of &lt;b&gt;{{ 7 * 7 }}.jsonl</h1>" in html


@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), min_size=1, max_size=4
    )
)
def test_lines_are_embedded_as_they_are(tmp_path_factory, texts):
    rows = [
        json.dumps({**GOOD, "id": str(number), "question": f"x{text}"}, ensure_ascii=False)
        for number, text in enumerate(texts)
    ]
    path = written(tmp_path_factory.mktemp("any"), *rows, "", "")
    data = data_of(question_page(path).html)
    assert "\n".join(data["lines"]) == path.read_bytes().decode()
    assert [row["line"] for row in data["rows"]] == list(range(len(rows)))


def test_values_that_the_page_does_not_edit_are_spelled_for_it(tmp_path):
    row = {**GOOD, "example_id": -(2**63), "score": 0.1, "near_ids": ["x"], "kind": "limit"}
    (found,) = data_of(question_page(written(tmp_path, row)).html)["rows"]
    assert found["own"] == {
        "example_id": "-9223372036854775808",
        "score": "0.1",
        "near_ids": '["x"]',
    }


def test_two_files_keep_their_changes_apart(tmp_path):
    first = data_of(question_page(written(tmp_path, GOOD)).html)
    second = data_of(question_page(written(tmp_path, {**GOOD, "id": "q2"})).html)
    assert first["digest"] != second["digest"]


def test_what_a_script_cannot_read_or_evaluate_refuses_is_named(tmp_path, monkeypatch):
    line = '{"id": "q1", "question": "a", "answers": ["b"], "answerable": true, "x": NaN}'
    with pytest.raises(ConfigError, match=r"line 1: .*JSON compliant"):
        question_page(written(tmp_path, line))
    with pytest.raises(ConfigError, match="'answers' is missing"):
        question_page(written(tmp_path, '{"id": "q1"}'))
    with pytest.raises(ConfigError, match="there is no benchmark file"):
        question_page(tmp_path / "absent.jsonl")
    monkeypatch.setattr(page, "LARGEST_FILE", 10)
    with pytest.raises(ConfigError, match="holds more than"):
        question_page(written(tmp_path, GOOD))


def test_the_command_writes_the_page_where_it_is_told_or_beside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, GOOD)
    result = CliRunner().invoke(commands.command, ["review", str(path)], catch_exceptions=False)
    assert "1 questions: review-asked.html" in result.stdout
    assert "open review-asked.html in a browser" in result.stdout
    out = tmp_path / "pages/one.html"
    result = CliRunner().invoke(commands.command, ["review", str(path), str(out), "--json"])
    assert json.loads(result.stdout) == {
        "page": str(out),
        "questions": 1,
        "bytes": out.stat().st_size,
    }
