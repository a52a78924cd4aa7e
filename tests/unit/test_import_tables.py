"""Tables of questions and answers, as people keep them: columns, signs, encodings, pages."""

import csv
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sfta.core.columns import read_columns
from sfta.documents.media import decode
from sfta.evaluation.importing.reading import Wanted, read_benchmark
from sfta_edge.errors import ConfigError


def table(folder, text, name="asked.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def imported(path, **wanted):
    return read_benchmark(path, Wanted(**wanted), decode)


def test_columns_are_known_by_their_usual_names(tmp_path):
    made = imported(table(tmp_path, "Question,Answer,remark\nHow heavy?,3 kg,old\n"))
    (line,) = made.lines
    assert (line["question"], line["answers"], line["answerable"]) == (
        "How heavy?",
        ["3 kg"],
        True,
    )
    assert made.columns == {"question": "Question", "answer": "Answer"}
    assert made.unread == ("remark",)


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_sign_between_cells_is_found(tmp_path, sign):
    text = (
        f'question{sign}answer\n"How heavy, in kg; or so?"{sign}3\nWhere?{sign}"here, there"\n'
    )
    made = imported(table(tmp_path, text))
    assert [line["answers"] for line in made.lines] == [["3"], ["here, there"]]


def test_excel_may_name_the_sign_in_the_first_line(tmp_path):
    made = imported(table(tmp_path, "\ufeffsep=;\r\nquestion;answer\r\nHow?;so\r\n"))
    assert made.lines[0]["answers"] == ["so"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_is_found(tmp_path, encoding):
    text = "Frage;Antwort\nWie groß wird die Düse?;sehr groß\n"
    given_ = {"question": "Frage", "answer": "Antwort"}
    made = imported(table(tmp_path, text, encoding=encoding), columns=given_)
    assert made.lines[0]["question"] == "Wie groß wird die Düse?"
    guessed = any("encoding" in remark for remark in made.notes.remarks)
    assert guessed is (encoding == "cp1252")


def test_a_column_that_is_not_there_is_named_with_the_nearest_one(tmp_path):
    path = table(tmp_path, "Frage,Antwort\na,b\n")
    with pytest.raises(ConfigError, match=r"no column 'Frag' for question .*mean 'Frage'"):
        imported(path, columns={"question": "Frag", "answer": "Antwort"})
    with pytest.raises(ConfigError, match="no column is recognised as the question") as caught:
        imported(path)
    assert "--columns" in caught.value.hint


def test_pages_of_the_readers_own_documents_are_oracles(tmp_path):
    text = "question,answer,document,page\nHow heavy?,3 kg,manual.pdf,4\nHow long?,2 m,,\n"
    first, second = imported(table(tmp_path, text)).lines
    assert first["oracle_pages"] == [{"document": "manual.pdf", "page": 4}]
    assert "documents" not in first
    assert "oracle_pages" not in second


@pytest.mark.parametrize("page", ["", "0", "iv", "-1", "1.5"])
def test_a_document_needs_a_page(tmp_path, page):
    text = f"question,answer,document,page\nHow heavy?,3 kg,manual.pdf,{page}\n"
    with pytest.raises(ConfigError, match=r"line 2: 'page' must be a page of 'manual\.pdf'"):
        imported(table(tmp_path, text))


def test_a_page_without_a_document_is_wrong(tmp_path):
    with pytest.raises(ConfigError, match="names page 3 of no document"):
        imported(table(tmp_path, "question,answer,document,page\na,b,,3\n"))


def test_a_context_goes_along_as_the_oracle(tmp_path):
    text = "question,answer,context,title\nHow heavy?,3 kg,The pump weighs 3 kg.,Manual\n"
    (line,) = imported(table(tmp_path, text)).lines
    (document,) = line["documents"]
    assert (document["title"], document["text"]) == ("Manual", "The pump weighs 3 kg.")
    assert line["oracle_ids"] == [document["id"]]


def test_a_cell_may_hold_several_answers(tmp_path):
    text = 'question,answer\na,3 kg | three kilos\nb,"[""x"", ""y""]"\nc,[sic] so\n'
    made = imported(table(tmp_path, text))
    assert [line["answers"] for line in made.lines] == [
        ["3 kg", "three kilos"],
        ["x", "y"],
        ["[sic] so"],
    ]


def test_questions_without_an_answer_are_unanswerable_only_if_the_table_says_so(tmp_path):
    text = "question,answer,answerable,document,page\na,,no,x.pdf,1\nb,,,,\nc,d,yes,,\n,d,,,\n"
    made = imported(table(tmp_path, text))
    assert [(line["question"], line["answerable"]) for line in made.lines] == [
        ("a", False),
        ("c", True),
    ]
    assert "oracle_pages" not in made.lines[0]
    assert made.notes.left_out == {"no answer is given": 1, "no question is given": 1}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a,b,no", "is not answerable but has an answer"),
        ("a,b,perhaps", "'answerable' must be yes or no"),
        ("a,b,yes,x", "has 4 cells, the head 3"),
    ],
)
def test_what_a_row_contradicts_is_an_error_with_its_line(tmp_path, row, problem):
    path = table(tmp_path, f'question,answer,answerable\n"two\nlines",b,yes\n{row}\n')
    with pytest.raises(ConfigError, match=f"line 4: .*{problem}"):
        imported(path)


def test_rows_may_be_shorter_than_the_head_and_empty_ones_are_passed_over(tmp_path):
    made = imported(table(tmp_path, "question,answer,kind,,\na,b\n,,,,\nc,d,x,,\n"))
    assert [line.get("kind") for line in made.lines] == [None, "x"]


def test_two_columns_of_one_name_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="two columns have the name 'answer'"):
        imported(table(tmp_path, "question,answer,answer\na,b,c\n"))


def test_a_quote_that_never_ends_and_a_cell_without_end_are_no_csv(tmp_path):
    path = table(tmp_path, 'question,answer\n"' + "x" * (2 << 20) + "\n")
    with pytest.raises(ConfigError, match="is no CSV"):
        imported(path)


def test_a_table_may_be_json_lines(tmp_path):
    rows = [
        {"Frage": "Wie viel?", "Antwort": 3.5, "Liste": ["a"]},
        {"Frage": "Wo?", "Antwort": "hier"},
    ]
    path = table(tmp_path, "\n".join(json.dumps(row) for row in rows), "asked.jsonl")
    made = imported(path, columns=read_columns("question=Frage,answer=Antwort"))
    assert [line["answers"] for line in made.lines] == [["3.5"], ["hier"]]


def test_further_columns_are_taken_along(tmp_path):
    head = "id,question,answer,kind,group,reference\n"
    (line,) = imported(table(tmp_path, f"{head}7,a,b,limit,pumps,It is b.\n")).lines
    assert (line["id"], line["kind"], line["group"], line["reference"]) == (
        "7",
        "limit",
        "pumps",
        "It is b.",
    )


CELL = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r["), min_size=1, max_size=12
)


@example([(" ", " ")])
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6))
def test_whatever_a_spreadsheet_writes_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("any") / "asked.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("question", "answer"), *rows])
    asked = [q.strip() for q, a in rows if q.strip() and any(p.strip() for p in a.split(" | "))]
    if asked:
        made = imported(path, format="table")
        assert [line["question"] for line in made.lines] == list(dict.fromkeys(asked))
    else:
        with pytest.raises(ConfigError, match="no question that can be asked"):
            imported(path, format="table")
