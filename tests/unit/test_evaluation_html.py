"""The report page against everything untrusted that it shows: one test per way in."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from sfta.evaluation import plots
from sfta.evaluation.arms import Reply, arm_of
from sfta.evaluation.cases import Case
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.html import render_html
from sfta.evaluation.judgement import judge
from sfta.evaluation.leakage import find_leakage
from sfta.evaluation.oracles import Oracle
from sfta.evaluation.outcome import ArmResult, Evaluation
from sfta.evaluation.page import Pictures
from sfta.evaluation.questions import Question
from sfta.evaluation.results import results
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import Chunk

CONTRACT = PromptContract(
    head="",
    between="",
    tail="",
    end="",
    system="",
    document="{number}{text}",
    question="{question}",
    refusal="The documents do not contain the answer.",
    answer_marker="Answer:",
    chat_template_sha256="0" * 64,
)
PIXEL = b"\x89PNG fake"
ATTACKS = {
    "element": "<script>alert(1)</script>",
    "attribute": "\" onmouseover='alert(1)' x=\"",
    "comment": "--><img src=x onerror=alert(1)><!--",
    "style": "</style><script>alert(1)</script>",
    "template": "{{ 7 * 191 }}{% for x in (1, 2) %}looped{% endfor %}",
    "link": "<a href='javascript:alert(1)'>here</a>",
    "frame": "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "direction": "\u202egnp.exe\u202c",
}
PLACES = (
    "question",
    "answer",
    "kind",
    "title",
    "heading",
    "text",
    "completion",
    "quote",
    "leak",
    "name",
    "environment",
    "setting",
)


def make_evaluation(place, attack, examples=4):
    """Four questions, with the attack at one place of the first."""

    def at(name, usual):
        return attack if place == name else usual

    text = at("text", "The pump runs at 7 bar.")
    title, heading = at("title", "Manual"), at("heading", "1 Use")
    chunk = Chunk("c", "d", title, 1, heading, text, 0, len(text), "m.pdf")
    cases = []
    for number in range(4):
        asked = at("question", "At what pressure") if number == 0 else "How"
        question = Question(
            f"q{number}",
            f"{asked} does unit {number} run?",
            (at("answer", "7 bar"),),
            answerable=True,
            kind=at("kind", "fact") if number == 0 else "other",
        )
        cases.append(
            Case(question, Oracle(("c",), "m.pdf", "m.pdf 1"), (chunk,), (chunk,), (chunk,))
        )
    completion = at("completion", CONTRACT.completion([(1, at("quote", "The pump"))], "7 bar"))
    arms = []
    for name in ("base_rag", "raft_rag"):
        replies = [Reply(c.question.id, completion, ("c",), False, 9, 9, 1.0) for c in cases]
        judged = [judge(c, c.retrieved, completion, CONTRACT) for c in cases]
        arms.append(ArmResult(arm_of(name), replies, judged))
    seen = at("leak", "At what pressure does unit 0 run")
    leakage = find_leakage([replace(cases[0].question, question=seen)], [seen], 0.9)
    settings = {
        "name": at("name", "demo"),
        "scheme": "Q8_0",
        "top_k": 1,
        "resamples": 1000,
        "base_model": at("setting", "package://x"),
        "inputs": {"gguf": at("setting", "00")},
    }
    config = EvaluateConfig(resamples=1000, examples=examples)
    return Evaluation(cases, arms, CONTRACT, leakage, config, settings, 7)


def page_of(place="", attack="", examples=4):
    evaluation = make_evaluation(place, attack, examples)
    report = results(evaluation)
    processor = attack if place == "environment" else "CPU"
    timings = {"arms": {}, "environment": {"processor": processor}}
    pictures = Pictures({"metrics": PIXEL}, {"metrics": PIXEL})
    return render_html(evaluation, report, timings, pictures)


class Structure(HTMLParser):
    """Tags with the names of their attributes, in order."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple(name for name, _ in attrs)))
        if tag not in {"meta", "img", "source"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def harmless():
    return Structure(page_of())


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("place", PLACES)
def test_nothing_untrusted_changes_the_structure_of_the_page(place, attack, harmless):
    text = page_of(place, attack)
    found = Structure(text)
    assert found.open == []
    tags = {tag for tag, _ in found.found}
    assert tags == {tag for tag, _ in harmless.found} | (tags & {"ul", "li"})
    allowed = {attributes for _, attributes in harmless.found}
    assert {attributes for _, attributes in found.found} <= allowed
    assert str(7 * 191) not in text
    assert "loopedlooped" not in text


def test_what_was_attacked_with_is_still_shown_as_it_was_written():
    attack = ATTACKS["element"]
    for place in PLACES:
        shown = "".join(Structure(page_of(place, attack)).text)
        assert attack in shown, place


def test_a_well_formed_page_closes_what_it_opens(harmless):
    assert harmless.open == []
    assert [tag for tag, _ in harmless.found].count("h1") == 1


def test_the_page_has_no_script_and_no_event(harmless):
    names = {name for _, attributes in harmless.found for name in attributes}
    assert "script" not in {tag for tag, _ in harmless.found}
    assert not {name for name in names if name.startswith("on")}


def test_questions_for_the_page_are_drawn_by_their_ids_and_not_by_their_answers():
    shown = ["".join(Structure(page_of("completion", text, 2)).text) for text in ("7 bar", "x")]
    for number in range(4):
        needle = f"does unit {number} run?"
        assert (needle in shown[0]) == (needle in shown[1])
    assert sum(f"does unit {n} run?" in shown[0].split("Outputs")[-1] for n in range(4)) == 2


def test_without_examples_the_page_still_stands():
    assert "0 questions drawn" in page_of(examples=0)


def test_a_page_without_figures_is_whole():
    evaluation = make_evaluation("", "")
    text = render_html(
        evaluation, results(evaluation), {"arms": {}, "environment": {}}, Pictures({}, {})
    )
    assert "<figure>" not in text
    assert Structure(text).open == []


def test_a_figure_has_a_dark_and_a_light_form_and_words():
    text = page_of()
    assert text.count("<picture>") == text.count('prefers-color-scheme: dark)" srcset') == 1
    assert "Base model + retrieval: token F1" in text


def test_every_theme_has_the_same_figures():
    evaluation = make_evaluation("", "")
    report = results(evaluation)
    light, dark = (plots.figures(report, {}, plots.THEMES[name]) for name in ("light", "dark"))
    assert set(light) == set(dark)
    assert all(light[name] != dark[name] for name in light)
