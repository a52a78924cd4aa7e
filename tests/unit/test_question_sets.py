"""`sfta questions import`: what is written, what is said, and documents that can be searched."""

import json
import logging

import pytest
from click.testing import CliRunner

import published_sets as sets
from published_sets import as_json, as_lines
from sfta.cli import questions as commands
from sfta.documents.media import media_type
from sfta.documents.plain import parse_plain
from sfta.evaluation.importing.formats import FORMATS
from sfta.evaluation.importing.imported import Passage
from sfta.evaluation.questions import read_questions
from sfta.stages.question_sets import document_text
from sfta_edge.errors import ConfigError

CORPUS = [
    {"id": "p1", "title": "Pumps", "text": "The pump weighs 3 kg."},
    {"id": "p2", "title": "Fans", "text": "The fan weighs 2 kg."},
    {"id": "p3", "title": "Never asked", "text": "Nobody asks about this."},
]
ASKED = [
    {"id": "a", "question": "How heavy is the pump?", "answers": ["3 kg"], "oracle_ids": ["p1"],
     "answerable": True, "long_answer": "It weighs 3 kg."},
    {"id": "b", "question": "What colour is the fan?", "answers": [], "oracle_ids": [],
     "near_ids": ["p2"], "answerable": False},
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    as_lines(tmp_path, CORPUS, "corpus.jsonl")
    as_lines(tmp_path, ASKED, "questions.jsonl")
    return tmp_path


def call(*arguments):
    result = CliRunner().invoke(commands.command, [*map(str, arguments)])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.stdout


def taken(*arguments):
    return json.loads(call("import", *arguments, "--json"))


def test_the_command_knows_the_formats_without_loading_their_readers():
    assert sorted(commands._FORMATS) == sorted(FORMATS)


def test_a_folder_of_questions_and_passages_is_recognised(folder):
    done = taken(folder, folder / "out/benchmark.jsonl")
    assert (done["format"], done["questions"], done["unanswerable"]) == ("corpus", 2, 1)
    asked, near = read_questions(folder / "out/benchmark.jsonl")
    assert asked.documents[0].text == "The pump weighs 3 kg."
    assert asked.oracle_ids == (asked.documents[0].id,)
    assert asked.reference == "It weighs 3 kg."
    assert [document.title for document in near.documents] == ["Fans"]


def test_a_corpus_may_lie_elsewhere(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "passages.jsonl"
    (folder / "corpus.jsonl").rename(other)
    questions, out = folder / "questions.jsonl", folder / "out.jsonl"
    assert taken(questions, out, "--corpus", other)["questions"] == 2
    with pytest.raises(ConfigError, match="there is no corpus with the passage 'p1'"):
        taken(questions, out)


def test_passages_that_the_corpus_lacks_or_doubles_are_named(folder):
    as_lines(folder, [CORPUS[0], CORPUS[0], {"id": "x", "text": ""}, 3], "corpus.jsonl")
    with pytest.raises(ConfigError) as caught:
        taken(folder, folder / "out.jsonl")
    for problem in (
        "line 2: id 'p1' is used twice",
        "line 3: 'text'",
        "line 4: is not an object",
    ):
        assert problem in str(caught.value)
    as_lines(folder, CORPUS[1:], "corpus.jsonl")
    with pytest.raises(ConfigError, match="the corpus does not hold the passage 'p1'"):
        taken(folder, folder / "out.jsonl")


def test_a_benchmark_file_is_not_imported_again(folder):
    taken(folder, folder / "benchmark.jsonl")
    with pytest.raises(ConfigError, match="the file is a benchmark file already"):
        taken(folder / "benchmark.jsonl", folder / "again.jsonl", "--from", "corpus")


def test_passages_become_documents_and_questions_name_their_page(folder):
    done = taken(folder, folder / "out.jsonl", "--documents", folder / "documents")
    files = {path.name: path.read_text("utf-8") for path in (folder / "documents").iterdir()}
    assert done["documents"] == len(files) == 3
    asked, near = read_questions(folder / "out.jsonl")
    (page,) = asked.oracle_pages
    assert page.page == 1
    assert files[page.document] == "Pumps\n=====\n\nThe pump weighs 3 kg.\n"
    assert (asked.documents, asked.oracle_ids, near.oracle_pages) == ((), (), ())


def test_a_folder_that_is_there_is_not_touched_and_nothing_is_written(folder):
    (folder / "documents").mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        taken(folder, folder / "out.jsonl", "--documents", folder / "documents")
    assert not (folder / "out.jsonl").exists()
    as_lines(folder, [{"id": "a"}], "questions.jsonl")
    with pytest.raises(ConfigError):
        taken(folder, folder / "out.jsonl", "--documents", folder / "new")
    assert not (folder / "new").exists()
    assert not (folder / "out.jsonl").exists()


def test_what_holds_only_beside_its_own_passages_is_not_asked_of_all_documents(tmp_path):
    source = as_lines(tmp_path, sets.RGB_FACT)
    done = taken(source, tmp_path / "out.jsonl", "--documents", tmp_path / "documents")
    reason = "it is about its own passages, and all documents are searched"
    assert done["left_out"] == {reason: 2}
    assert done["questions"] == 1
    texts = " ".join(path.read_text("utf-8") for path in (tmp_path / "documents").iterdir())
    assert "Apple won" not in texts


def test_several_documents_that_are_needed_are_each_an_oracle_page(tmp_path):
    source = as_json(tmp_path, sets.HOTPOTQA)
    done = taken(source, tmp_path / "out.jsonl", "--documents", tmp_path / "documents")
    (question,) = read_questions(tmp_path / "out.jsonl")
    assert len(question.oracle_pages) == 2
    assert not question.all_oracles
    assert list(done["remarks"].values()) == [1]


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Plain", "One sentence. And another one, a little longer than the first."),
        ("", "No title at all."),
        ("Lines", "BACKGROUND: first part.\nRESULTS: second part.\f\nthird after a page break"),
        ("# Markup *and* <b>", "It costs *nothing*, <b>really</b>; see `x` | y and [1]."),
        ("From: nobody", "To: somebody\nSubject: the weather\nDate: today"),
        ("Wide", "word " * 400),
    ],
)
def test_a_document_is_read_back_as_one_page_with_its_words(title, text):
    written = document_text(Passage(title, text))
    assert media_type(written.encode(), "x.txt") == "text/plain"
    (page,) = parse_plain(written).pages
    assert page.text.split() == (title + " " + text).split()
    assert parse_plain(written).title == title


def test_what_is_left_out_is_said_with_the_reason(tmp_path, caplog):
    source = as_lines(tmp_path, [*sets.NQ_OPEN, {**sets.NQ_OPEN[0], "answer": []}])
    caplog.set_level(logging.INFO, "sfta")
    stdout = call("import", source, tmp_path / "out.jsonl")
    assert "2 questions of nq: " in stdout
    assert "left out 1: no answer is given" in caplog.text
    assert stdout.splitlines()[-1].startswith("next: sfta questions review ")


def test_columns_that_are_not_read_are_said(tmp_path, caplog):
    source = tmp_path / "asked.csv"
    source.write_text("Frage,Antwort,Notiz\nWie?,so,x\nOb?,,y\n", "utf-8")
    columns = ("--columns", "question=Frage,answer=Antwort")
    stdout = call("import", source, tmp_path / "out.jsonl", *columns)
    assert "1 questions of table" in stdout
    assert "columns not read: Notiz" in caplog.text
    with pytest.raises(ConfigError, match="cannot read --columns"):
        call("import", source, tmp_path / "out.jsonl", "--columns", "Frage")


def test_a_mistake_ends_with_its_message_and_no_traceback(call_program, tmp_path):
    source = as_lines(tmp_path, [{"code": "x"}])
    code, stdout, stderr = call_program("questions", "import", source, tmp_path / "out.jsonl")
    assert (code, stdout) == (2, "")
    assert stderr.startswith("error: the questions are in no known format; their keys: code")
    assert "hint: Formats: squad" in stderr
    assert "Traceback" not in stderr
    code, _, stderr = call_program("questions", "review", source)
    assert code == 2
    assert "cannot be used as a benchmark" in stderr


def test_an_import_that_fails_leaves_the_file_before_as_it_was(tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text("before\n", "utf-8")
    with pytest.raises(ConfigError):
        taken(as_lines(tmp_path, [{"question": "", "answer": ["x"]}]), out)
    assert out.read_text("utf-8") == "before\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "set.jsonl"]


def test_a_question_set_may_be_imported_and_reviewed_in_turn(tmp_path):
    out, page = tmp_path / "out.jsonl", tmp_path / "page.html"
    for number, (records, write) in enumerate(
        [
            (sets.SQUAD, as_json),
            (sets.NQ_OPEN, as_lines),
            ([sets.NQ], as_lines),
            (sets.PUBMEDQA, as_json),
            (sets.HOTPOTQA, as_json),
            (sets.CLAPNQ, as_lines),
            (sets.RGB, as_lines),
            (sets.RGB_INTEGRATION, as_lines),
            (sets.RGB_FACT, as_lines),
        ]
    ):
        source = write(tmp_path, records, f"set-{number}.json")
        done = taken(source, out)
        assert json.loads(call("review", out, page, "--json"))["questions"] == done["questions"]
