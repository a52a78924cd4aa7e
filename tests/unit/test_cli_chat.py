"""`sfta chat`: questions from the command line or from a pipe, answers with their quotes."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from fakes import CompletionServer, completion, serving
from sfta.adapters.teacher_openai import Endpoint
from sfta.cli import chat
from sfta.evaluation.prompting import told
from sfta.stages import trial, trial_endpoint
from sfta.stages.trial_endpoint import EndpointAsked, messages_of
from sfta_edge.errors import ConfigError, ToolError
from sfta_edge.reply import Answer, Citation
from spelled_prompts import CONTRACT
from word_retriever import pump_knowledge, word_retriever

__all__ = ["pump_knowledge", "word_retriever"]
RECIPE = "name: pumps\ningest: {sources: [manuals]}\nmodel: {base: models/x}\n"
CHUNK = SimpleNamespace(title="Manual", page=4, heading="2 Oil", text="Change the oil yearly.")


class Scripted:
    """Answers with the question's own words."""

    def __init__(self):
        self.asked = []

    def ask(self, question):
        self.asked.append(question)
        if question == "broken":
            raise ConfigError("the question does not fit")
        citation = Citation(1, CHUNK.text, verified=True, title=CHUNK.title, page=CHUNK.page)
        return Answer(
            question, question.upper(), refused=False, well_formed=True,
            citations=(citation,), completion="", finish_reason="stop",
            hits=(SimpleNamespace(chunk=CHUNK),),
        )  # fmt: skip


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """The command with a scripted model; what it was opened with is kept."""
    found = SimpleNamespace(model=Scripted(), calls=[], folder=tmp_path)
    (tmp_path / "recipe.yaml").write_text(RECIPE, "utf-8")

    @contextmanager
    def opening(recipe, runtime, *rest):
        found.calls.append((recipe, runtime, *rest))
        yield found.model

    monkeypatch.setattr(trial, "open_trial", opening)
    monkeypatch.setattr(trial_endpoint, "open_endpoint", opening)
    return found


def call(opened, *arguments, typed=""):
    command = [str(opened.folder / "recipe.yaml"), *map(str, arguments)]
    return CliRunner().invoke(chat.command, command, input=typed)


def test_one_question_is_answered_with_its_quote_and_page(opened):
    done = call(opened, "how often?")
    assert done.exit_code == 0
    assert done.stdout == 'HOW OFTEN?\n\nManual, page 4\n  "Change the oil yearly."\n'
    assert opened.calls[0][2:] == ("trained",)


def test_what_the_model_was_given_is_shown_when_asked_for(opened):
    done = call(opened, "how often?", "--context")
    assert done.stdout.startswith("[1] Manual, page 4, 2 Oil\nChange the oil yearly.\n\nHOW")


def test_lines_are_asked_one_after_the_other(opened):
    done = call(opened, typed="first?\n\n  second?\n")
    assert opened.model.asked == ["first?", "second?"]
    assert done.stdout.count("Manual, page 4") == 2


def test_a_line_that_begins_with_a_plus_is_asked_with_the_question_before_it(opened):
    call(opened, typed="Which oil?\n+ And how much?\n+Of which make?\nWhich pump?\n+\n")
    assert opened.model.asked == [
        "Which oil?",
        "Which oil? And how much?",
        "Which oil? And how much? Of which make?",
        "Which pump?",
        "Which pump?",
    ]


def test_a_plus_without_a_question_before_it_is_a_question(opened):
    call(opened, typed="+\n+ Which oil?\n")
    assert opened.model.asked == ["Which oil?"]


def test_a_question_that_fails_does_not_end_the_others(opened):
    done = call(opened, typed="broken\nnext?\n")
    assert done.exit_code == 0
    assert "error: the question does not fit" in done.stderr
    assert "NEXT?" in done.stdout


def test_a_single_question_that_fails_ends_the_command(opened):
    assert isinstance(call(opened, "broken").exception, ConfigError)


def test_json_is_one_object_for_each_question(opened):
    done = call(opened, "--json", typed="first?\nsecond?\n")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["question"] for a in answers] == ["first?", "second?"]
    assert answers[0]["citations"][0]["verified"]


def test_documents_given_on_the_spot_take_the_place_of_the_recipes(opened):
    (opened.folder / "new.pdf").write_bytes(b"%PDF-")
    call(opened, "how often?", "--documents", opened.folder / "new.pdf")
    recipe = opened.calls[0][0]
    assert recipe.ingest.sources == ["new.pdf"]


def test_an_endpoint_takes_the_place_of_the_model(opened):
    call(opened, "why?", "--endpoint", "http://127.0.0.1:1/v1", "big", "--api-key-env", "KEY")
    assert opened.calls[0][2:] == ("http://127.0.0.1:1/v1", "big", "KEY")


def test_a_key_without_an_endpoint_is_a_mistake(opened):
    assert isinstance(call(opened, "why?", "--api-key-env", "KEY").exception, ConfigError)


def asked(server, retriever, question="What does fault E-114 mean?"):
    with serving(server) as url:
        return EndpointAsked(Endpoint(url, "big"), retriever, told(CONTRACT), 2).ask(question)


def test_an_endpoint_is_given_the_chunks_and_told_the_form_of_an_answer(word_retriever):
    server = CompletionServer()
    asked(server, word_retriever)
    system, user = server.seen[0]["messages"]
    assert system["content"].startswith(CONTRACT.system)
    assert CONTRACT.refusal in system["content"]
    assert "Fault E-114: the discharge temperature" in user["content"]
    assert user["content"].endswith("Question: What does fault E-114 mean?")
    assert "</s>" not in user["content"], "the chat template of the small model is not shown"


def test_the_quotes_of_an_endpoint_are_checked_like_any_other(word_retriever):
    written = '[1] "Stop the machine."\n[2] "Made up."\nAnswer: stop'
    answer = asked(CompletionServer(lambda *_: completion(written)), word_retriever)
    assert answer.answer == "stop"
    assert [citation.verified for citation in answer.citations] == [True, False]
    assert answer.citations[0].page == 1
    assert answer.citations[0].boxes


def test_a_refusal_of_an_endpoint_is_one(word_retriever):
    server = CompletionServer(lambda *_: completion(CONTRACT.refusal))
    assert asked(server, word_retriever).refused


def test_an_endpoint_that_blocks_the_question_is_said(word_retriever):
    server = CompletionServer(lambda *_: completion("", reason="content_filter"))
    with pytest.raises(ToolError, match="no answer: filtered"):
        asked(server, word_retriever)


def test_an_empty_question_is_not_sent(word_retriever):
    server = CompletionServer()
    with pytest.raises(ConfigError, match="empty"):
        asked(server, word_retriever, "  ")
    assert server.seen == []


def test_the_chat_has_the_chunks_in_the_order_they_were_found(word_retriever):
    chunks = [hit.chunk for hit in word_retriever.search("oil pressure fault", 3)]
    text = messages_of(CONTRACT, chunks, "why?")[1]["content"]
    places = [text.index(chunk.text) for chunk in chunks]
    assert places == sorted(places)
