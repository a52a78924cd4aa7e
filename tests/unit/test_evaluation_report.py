import base64
import csv
import itertools
import json
import random
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from sfta.core.config import build
from sfta.evaluation.arms import ARMS, Reply, append_replies, ask_arm, read_replies
from sfta.evaluation.cases import answer_in, given_chunk, make_cases, write_retrieval
from sfta.evaluation.clusters import clusters_of
from sfta.evaluation.comparison import compare, read_report
from sfta.evaluation.config import EvaluateConfig
from sfta.evaluation.judgement import judge
from sfta.evaluation.leakage import find_leakage
from sfta.evaluation.oracles import Oracle, resolve_oracles
from sfta.evaluation.outcome import ArmResult, Evaluation
from sfta.evaluation.questions import GivenDocument, OraclePage, Question
from sfta.evaluation.report import Timed, write_report
from sfta.evaluation.results import results
from sfta_edge.errors import ConfigError, IntegrityError
from sfta_edge.prompt import PromptContract
from sfta_edge.retriever import Chunk

REFUSAL = "The documents do not contain the answer."
CONTRACT = PromptContract(
    head="<s>",
    between="<u>",
    tail="<a>",
    end="</s>",
    system="Answer.",
    document="[{number}] {text}\n",
    question="Question: {question}",
    refusal=REFUSAL,
    answer_marker="Answer:",
    chat_template_sha256="0" * 64,
)
ATTACK = "<script>alert('x')</script><img src=http://evil.example/a.png onerror=alert(1)>"
PARTS = ("pump", "valve", "fan", "motor", "filter", "cooler")


def make_chunk(number):
    document, page = divmod(number, 10)
    text = (
        f"The {PARTS[number % 6]} of unit {number} runs at {number}.5 bar. "
        "Keep the door closed while the machine runs, and check the lamps once a week."
    )
    name = f"manual-{document}.pdf"
    return Chunk(
        f"c{number}", f"d{document}", "Manual", page + 1, "4 Use", text, 0, len(text), name
    )


CHUNKS = {chunk.id: chunk for chunk in map(make_chunk, range(200))}


def make_questions(answerable=90, unanswerable=30):
    asked = [
        Question(
            f"a{number:03}",
            f"At what pressure does unit {number} run?",
            (f"{number}.5 bar",),
            answerable=True,
            oracle_pages=(OraclePage(chunk.name, chunk.page),),
            kind="fact" if number % 2 else "table",
        )
        for number, chunk in zip(range(answerable), CHUNKS.values(), strict=False)
    ]
    return asked + [
        Question(f"u{number:03}", f"Who painted unit {number}?", (), False, kind="near_miss")
        for number in range(unanswerable)
    ]


def search(questions, depth):
    """Finds the oracle chunk at rank 1 or 2 for nine questions of ten."""
    found = []
    for question in questions:
        number = int(re.search(r"unit (\d+)", question)[1])
        rng = random.Random(question)
        others = rng.sample([c for c in CHUNKS.values() if c.id != f"c{number}"], depth)
        if number % 10 != 9 and "pressure" in question:
            others.insert(number % 2, CHUNKS[f"c{number}"])
        found.append(others[:depth])
    return found


def make_cases_for(questions):
    oracles = resolve_oracles(questions, CHUNKS.values())
    return make_cases(questions, oracles, CHUNKS, search, top_k=4, depth=10)


CASES = make_cases_for(make_questions())


def oracle_place(case):
    return next((n for n, c in enumerate(case.retrieved, 1) if c.id in case.oracle.ids), None)


def good(case):
    """Quotes the oracle chunk and answers, or refuses."""
    if not (place := oracle_place(case)):
        return REFUSAL
    sentence = case.retrieved[place - 1].text.partition(" bar.")[0] + " bar."
    return CONTRACT.completion([(place, sentence)], case.question.answers[0])


def weak(case):
    """Right on every third question, in its own words; never refuses."""
    number = int(case.question.id[1:])
    if number % 3 == 0 and case.question.answerable:
        return f"I think it is {case.question.answers[0]}."
    return "It is perhaps 3 bar or so."


def refuses(_):
    return REFUSAL


def copies_first_chunk(case):
    return CONTRACT.completion([], case.retrieved[0].text)


def forges_quotes(case):
    """Right answers and right refusals, with quotes that nobody wrote."""
    if not (place := oracle_place(case)):
        return REFUSAL
    return CONTRACT.completion([(place, "As everybody knows.")], case.question.answers[0])


def attacks(_):
    return f'[1] "{ATTACK}"\nAnswer: {ATTACK}'


def arm_result(name, system, cases):
    arm = ARMS[name]
    replies, judged = [], []
    for case in cases:
        context, text = arm.chunks(case), system(case)
        ids = tuple(chunk.id for chunk in context)
        replies.append(Reply(case.question.id, text, ids, False, 700, 30, 1500.0))
        judged.append(judge(case, context, text, CONTRACT))
    return ArmResult(arm, replies, judged)


def evaluation(trained, base=weak, *, cases=CASES, seen=(), **config):
    settings = EvaluateConfig(resamples=1000, **config)
    arms = [arm_result("raft_rag", trained, cases)]
    if base is not None:
        arms.insert(0, arm_result("base_rag", base, cases))
    conditions = {
        "name": "demo",
        "scheme": "Q8_0",
        "top_k": 4,
        "max_answer_tokens": 256,
        "resamples": 1000,
        "questions_sha256": "ab" * 32,
    }
    leakage = find_leakage([c.question for c in cases], seen, 0.9)
    return Evaluation(cases, arms, CONTRACT, leakage, settings, conditions, 7)


def read_lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def gate(report, name):
    return next(gate for gate in report["gates"] if gate["name"] == name)


def test_a_good_model_passes_and_the_verdict_says_that_training_helped():
    report = results(evaluation(good))
    assert report["passed"]
    assert report["verdict"].startswith("Fine-tuning helps: it answers and refuses better")
    assert report["verdict"].endswith("All gates are passed.")
    assert report["arms"]["raft_rag"]["metrics"]["token_f1"] == 0.9
    assert report["arms"]["raft_rag"]["metrics"]["token_f1_in_context"] == 1.0
    assert report["differences"]["token_f1"]["interval"][0] > 0
    assert report["mcnemar"]["p_value"] < 0.001
    assert report["settings"]["cluster"] == "page"
    assert len(report["warnings"]) == 1


def test_a_model_that_always_refuses_is_found_out():
    report = results(evaluation(refuses))
    assert not report["passed"]
    assert report["verdict"] == (
        "Do not ship: on 120 questions the trained model is not better "
        "than refusing every question."
    )
    metrics = report["arms"]["raft_rag"]["metrics"]
    assert (metrics["refusal_recall"], metrics["over_refusal"]) == (1.0, 1.0)
    assert metrics["token_f1"] == 0.0
    assert not gate(report, "beat_trivial")["passed"]


def test_a_model_that_copies_the_first_chunk_is_found_out():
    report = results(evaluation(copies_first_chunk))
    assert not report["passed"]
    assert report["verdict"].startswith("Do not ship")
    # The copy contains the answer half of the time; the other metrics do not fall for it.
    metrics = report["arms"]["raft_rag"]["metrics"]
    assert metrics["contains"] > 0.3
    assert metrics["token_f1"] < 0.3
    assert metrics["quote_validity"] is None
    assert gate(report, "min_quote_validity")["passed"] is False


def test_right_answers_with_forged_quotes_do_not_ship():
    report = results(evaluation(forges_quotes))
    assert report["arms"]["raft_rag"]["metrics"]["token_f1"] == 0.9
    assert report["arms"]["raft_rag"]["metrics"]["quote_validity"] == 0.0
    assert report["arms"]["raft_rag"]["metrics"]["supported_answers"] == 0.0
    assert [g["name"] for g in report["gates"] if not g["passed"]] == ["min_quote_validity"]
    assert report["verdict"].endswith(
        "It must not ship: min_quote_validity is 0.000, below 0.8."
    )


def test_a_base_model_that_is_as_good_means_do_not_fine_tune():
    report = results(evaluation(good, good))
    assert report["verdict"].startswith(
        "Do not fine-tune: the base model with the same chunks is as good"
    )
    assert gate(report, "beat_baseline") == {
        "name": "beat_baseline",
        "value": 0.0,
        "bound": 0.0,
        "passed": False,
        "meaning": "lower end of the token F1 gained over the base model",
    }
    assert not report["passed"]


def test_a_base_model_that_is_better_is_called_better():
    verdict = results(evaluation(weak, good, min_refusal_f1=None))["verdict"]
    assert verdict.startswith(("Do not fine-tune: the base model answers", "Do not ship"))


def test_answering_more_and_refusing_less_is_named_as_such():
    def never_refuses(case):
        return CONTRACT.completion([], (case.question.answers or ("7 bar",))[0])

    def careful(case):
        return (
            REFUSAL if not oracle_place(case) or int(case.question.id[1:]) % 2 else good(case)
        )

    verdict = results(evaluation(never_refuses, careful))["verdict"]
    assert verdict.startswith("Fine-tuning helps answering and hurts refusing")


def test_without_the_base_arm_nothing_is_claimed_about_training_and_nothing_ships():
    report = results(evaluation(good, None))
    assert report["differences"] == {}
    assert report["mcnemar"] is None
    assert report["verdict"].startswith("The base model was not asked")
    assert [g["name"] for g in report["gates"] if not g["passed"]] == ["beat_baseline"]
    assert not report["passed"]


def test_a_gate_that_cannot_be_measured_is_not_passed():
    cases = [case for case in CASES if oracle_place(case)]
    report = results(evaluation(good, cases=cases))
    assert gate(report, "min_refusal_f1")["value"] is None
    assert not gate(report, "min_refusal_f1")["passed"]
    assert "min_refusal_f1 cannot be measured" in report["verdict"]


def test_gates_set_to_null_are_not_applied_but_those_of_comparison_always_are():
    config = dict.fromkeys(
        ["min_token_f1", "min_refusal_f1", "max_over_refusal", "min_quote_validity"]
    )
    report = results(evaluation(refuses, **config))
    assert [g["name"] for g in report["gates"]] == ["beat_baseline", "beat_trivial"]
    assert not report["passed"]


def test_over_refusal_has_an_upper_bound():
    def shy(case):
        return good(case) if int(case.question.id[1:]) % 2 else REFUSAL

    found = gate(results(evaluation(shy)), "max_over_refusal")
    assert found["value"] > 0.3
    assert not found["passed"]


def test_trivial_baselines_are_always_in_the_report():
    baselines = results(evaluation(good))["baselines"]
    assert list(baselines) == ["refuse_all", "echo_question", "top_chunk"]
    assert baselines["refuse_all"]["metrics"]["overall_f1"] == 0.25
    assert baselines["echo_question"]["metrics"]["exact_match"] == 0.0
    assert baselines["top_chunk"]["metrics"]["contains"] > 0.3


def test_retrieval_is_measured_on_the_frozen_ranking():
    figures = results(evaluation(good))["retrieval"]
    assert figures["n"] == 90
    assert figures["metrics"]["hit@4"] == 0.9
    assert figures["metrics"]["hit@1"] == 0.5
    assert figures["metrics"]["mrr@10"] == pytest.approx((0.5 * 90 + 0.5 * 36) / 90, abs=1e-6)
    assert figures["answer_in_context"] == 0.9


def test_slices_add_up_to_the_whole():
    report = results(evaluation(good, seen=["At what pressure does unit 3 run?"]))
    for dimension in ("kind", "place of the answer", "in training data"):
        parts = [part for part in report["slices"] if part["by"] == dimension]
        assert sum(part["n"] for part in parts) == 120
        total = sum(part["n"] * part["arms"]["raft_rag"]["value"] for part in parts) / 120
        assert total == pytest.approx(
            report["arms"]["raft_rag"]["metrics"]["overall_f1"], abs=1e-5
        )
    assert report["leakage"]["exact"] == 1
    assert any("1 test questions stand in the training data" in w for w in report["warnings"])


def test_small_and_lopsided_benchmarks_carry_a_warning():
    cases = [case for case in CASES if case.question.answerable][:20]
    warnings = " ".join(results(evaluation(good, cases=cases))["warnings"])
    assert "Only 20 questions" in warnings
    assert "Too few documents to resample, so pages are" in warnings
    assert "No question is unanswerable" in warnings
    fixed = " ".join(results(evaluation(good, cases=cases, cluster="document"))["warnings"])
    assert "The answers lie in only 2 documents" in fixed


def test_clusters_follow_the_configuration():
    counts = {
        level: len(set(clusters_of(CASES, level).names))
        for level in ("document", "page", "question")
    }
    assert counts == {"document": 9 + 30, "page": 120, "question": 120}


def test_automatic_clusters_are_the_coarsest_that_are_enough():
    def case(document, page, number):
        oracle = Oracle(("c1",), document, f"{document} page {page}")
        asked = Question(f"q{number}", "?", ("x",), answerable=True)
        return replace(CASES[0], question=asked, oracle=oracle)

    spread = [case(f"d{n}", 1, n) for n in range(15)]
    pages = [case("d", n // 2, n) for n in range(30)]
    crowded = [case("d", 1, n) for n in range(30)]
    levels = [clusters_of(cases, "auto").level for cases in (spread, pages, crowded)]
    assert levels == ["document", "page", "question"]
    assert clusters_of(crowded, "document").answered == 1


def test_prompts_that_did_not_fit_carry_a_warning():
    asked = evaluation(good)
    trained = asked.arms[1]
    replies = [replace(trained.replies[0], given=("c1",)), *trained.replies[1:]]
    cut = replace(asked, arms=[asked.arms[0], replace(trained, replies=replies)])
    assert "for 1 questions not all chunks fit" in results(cut)["warnings"][-1]


def test_a_quote_counts_only_in_the_chunk_it_names():
    case = next(case for case in CASES if oracle_place(case) == 1)
    text = case.retrieved[0].text.partition(" bar.")[0]
    right = judge(case, case.retrieved, CONTRACT.completion([(1, text)], "x"), CONTRACT)
    wrong = judge(case, case.retrieved, CONTRACT.completion([(2, text)], "x"), CONTRACT)
    nowhere = judge(
        case, case.retrieved, CONTRACT.completion([(9, text), (0, text)], "x"), CONTRACT
    )
    assert (right.tally.quotes_valid, right.tally.cited_oracle, right.tally.cited) == (1, 1, 1)
    assert (wrong.tally.quotes_valid, wrong.tally.cited_oracle, wrong.tally.cited) == (0, 0, 1)
    assert (nowhere.tally.quotes_valid, nowhere.tally.cited) == (0, 2)
    assert nowhere.quotes[0].chunk_id is None


def test_a_missing_marker_is_a_format_failure_and_the_whole_text_is_scored():
    case = CASES[1]
    judged = judge(case, case.retrieved, "It is 1.5 bar.", CONTRACT)
    assert judged.tally.ill_formed == 1.0
    assert judged.answer == "It is 1.5 bar."
    assert 0.0 < judged.tally.f1 < 1.0
    assert judged.right


def test_a_refusal_in_other_words_is_a_refusal_for_every_arm():
    case = CASES[-1]
    judged = judge(case, case.retrieved, "That is not mentioned in the documents.", CONTRACT)
    assert judged.refused
    assert judged.right
    assert judged.tally.overall == 1.0
    assert judged.tally.refused_exactly == 0.0
    assert judged.tally.ill_formed == 1.0


def test_a_refusal_earns_no_overlap_with_the_accepted_answer():
    case = replace(CASES[1], question=replace(CASES[1].question, answers=("documents",)))
    assert judge(case, case.retrieved, REFUSAL, CONTRACT).tally.f1 == 0.0


def test_the_answer_is_in_the_context_only_with_an_oracle_chunk():
    held = next(case for case in CASES if oracle_place(case))
    missed = next(c for c in CASES if c.question.answerable and not oracle_place(c))
    assert answer_in(held, held.retrieved)
    assert not answer_in(missed, missed.retrieved)
    assert not answer_in(held, ())
    assert not answer_in(CASES[-1], CASES[-1].retrieved)
    unknown = replace(held, oracle=replace(held.oracle, ids=()))
    assert answer_in(unknown, held.retrieved)


def test_documents_that_come_with_a_question_are_its_context_and_nothing_is_searched():
    documents = tuple(GivenDocument(f"x{n}", "T", f"Text {n}") for n in range(6))
    question = Question("q", "Which?", ("Text 5",), True, documents, oracle_ids=("x5",))

    def refuse_search(questions, depth):
        assert list(questions) == []
        return []

    (case,) = make_cases(
        [question], resolve_oracles([question], []), {}, refuse_search, top_k=4, depth=10
    )
    assert [chunk.id for chunk in case.retrieved] == [f"x{n}" for n in range(6)]
    assert case.oracle_chunks == (given_chunk(documents[5]),)
    assert not case.searched
    assert answer_in(case, case.retrieved)


def test_arms_differ_only_in_model_and_context():
    case = next(case for case in CASES if oracle_place(case) == 2)
    assert ARMS["base_closed"].chunks(case) == ()
    assert ARMS["base_rag"].chunks(case) == ARMS["raft_rag"].chunks(case) == case.retrieved
    assert ARMS["raft_oracle"].chunks(case) == (case.retrieved[1],)
    assert ARMS["raft_oracle"].chunks(CASES[-1]) == CASES[-1].retrieved
    assert set(ARMS) == set(EvaluateConfig.model_fields["arms"].annotation.__args__[0].__args__)


def test_retrieval_is_frozen_to_a_file_in_the_order_of_the_questions(tmp_path):
    write_retrieval(tmp_path / "retrieval.jsonl", CASES)
    lines = read_lines(tmp_path / "retrieval.jsonl")
    assert [line["id"] for line in lines] == [case.question.id for case in CASES]
    assert lines[0]["given"] == lines[0]["ranked"][:4]
    assert lines[0]["answer_in_context"] is True
    assert lines[-1]["oracle_ids"] == []


class FakeModel:
    """Answers, counts, and may break down."""

    def __init__(self, fails_at=None):
        self.asked = []
        self.fails_at = fails_at

    def ask_many(self, batch):
        replies = []
        for identifier, _, chunks in batch:
            if len(self.asked) == self.fails_at:
                raise ConnectionError
            self.asked.append(identifier)
            ids = tuple(chunk.id for chunk in chunks)
            replies.append(Reply(identifier, f"to {identifier}", ids, False, 5, 3, 1.0))
        return replies


def test_no_question_is_asked_twice_after_an_interruption(tmp_path):
    store, broken, whole = tmp_path / "a.jsonl", FakeModel(fails_at=40), FakeModel()
    with pytest.raises(ConnectionError):
        ask_arm(ARMS["base_rag"], CASES, store, broken.ask_many)
    kept = set(read_replies(store))
    assert len(kept) == 32
    replies = ask_arm(ARMS["base_rag"], CASES, store, whole.ask_many)
    assert kept.isdisjoint(whole.asked)
    assert [reply.id for reply in replies] == [case.question.id for case in CASES]
    assert ask_arm(ARMS["base_rag"], CASES, store, FakeModel(fails_at=0).ask_many) == replies


def test_a_reply_that_was_cut_off_in_writing_is_asked_again(tmp_path):
    store, model = tmp_path / "a.jsonl", FakeModel()
    ask_arm(ARMS["base_rag"], CASES[:3], store, model.ask_many)
    whole = store.read_bytes()
    store.write_bytes(whole[:-5])
    again = FakeModel()
    ask_arm(ARMS["base_rag"], CASES[:3], store, again.ask_many)
    assert again.asked == ["a002"]
    assert store.read_bytes() == whole


def test_replies_survive_any_text(tmp_path):
    reply = Reply("q", 'a "b"\n\u2028\x85 ü', ("c",), True, 1, 2, 3.5)
    append_replies(tmp_path / "a.jsonl", [reply])
    assert read_replies(tmp_path / "a.jsonl") == {"q": reply}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"arms": []}, "at least 1 item"),
        ({"arms": ["base_rag"]}, "arms must name raft_rag"),
        ({"arms": ["raft_rag"]}, "arms must name base_rag"),
        ({"arms": ["raft_rag", "raft_rag", "base_rag"]}, "must not name an arm twice"),
        ({"arms": ["llm"]}, "input should be"),
        ({"min_token_f1": 1.5}, "less than or equal to 1"),
        ({"resamples": 10}, "greater than or equal to 1000"),
        ({"min_f1": 0.5}, "did you mean"),
        ({"beat_baseline": False}, "beat_baseline: unknown key"),
        ({"beat_trivial": False}, "beat_trivial: unknown key"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, problem):
    with pytest.raises(ConfigError) as caught:
        build(EvaluateConfig, settings, name="recipe")
    assert problem in str(caught.value)


TIMED = Timed({"base_rag": [1500.0, 900.0], "raft_rag": [800.0, 700.0]}, {"cpu": "Test CPU"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report of an arm that attacks its reader."""
    out = tmp_path_factory.mktemp("report")
    question = replace(CASES[0].question, question=f"What is {ATTACK}?", kind="<b>bold</b>")
    cases = [replace(CASES[0], question=question), *CASES[1:]]
    write_report(evaluation(attacks, good, cases=cases, examples=120), TIMED, out)
    return out


def test_a_report_has_all_its_files(folder):
    assert {path.name for path in folder.iterdir()} == {
        "report.html",
        "report.json",
        "timings.json",
        "metrics.csv",
        "answers.jsonl",
        "metrics.png",
        "differences.png",
        "slices.png",
        "latency.png",
    }


def test_the_same_answers_give_the_same_bytes_whatever_the_time_it_took(folder, tmp_path):
    other = Timed({"base_rag": [1.0], "raft_rag": [2.0]}, {"cpu": "another"})
    first, second = tmp_path / "1", tmp_path / "2"
    for out, timed in ((first, TIMED), (second, other)):
        out.mkdir()
        write_report(evaluation(good), timed, out)
    differing = {
        path.name
        for path in first.iterdir()
        if path.read_bytes() != (second / path.name).read_bytes()
    }
    assert differing == {"timings.json", "report.html", "latency.png"}


class Page(HTMLParser):
    """Collects tags, their addresses and headings."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.images, self.ids = [], [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.ids.add(values.get("id"))
        self.addresses += [
            values[name] for name in ("src", "href", "srcset", "action") if name in values
        ]
        assert not [name for name in values if name.startswith("on")]
        if tag == "img":
            self.images.append(values)


def test_the_page_asks_for_nothing_outside_itself(folder):
    text = (folder / "report.html").read_text("utf-8")
    page = Page(text)
    assert page.addresses
    inside = [a for a in page.addresses if a.startswith("data:image/png;base64,")]
    anchors = [a for a in page.addresses if a.startswith("#")]
    assert len(inside) + len(anchors) == len(page.addresses)
    assert {anchor[1:] for anchor in anchors} <= page.ids
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    for address in inside:
        assert base64.b64decode(address.partition(",")[2]).startswith(b"\x89PNG")


def test_outputs_and_questions_cannot_become_markup(folder):
    text = (folder / "report.html").read_text("utf-8")
    page = Page(text)
    assert "script" not in page.tags
    assert "<b>bold</b>" not in text
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text
    assert all(image["src"].startswith("data:") for image in page.images)


def test_the_page_can_be_read_without_seeing_and_on_paper(folder):
    text = (folder / "report.html").read_text("utf-8")
    page = Page(text)
    assert '<html lang="en">' in text
    assert page.images
    assert all(image["alt"] for image in page.images)
    assert page.tags.count("table") == page.tags.count("caption")
    assert 'scope="col"' in text
    assert 'scope="row"' in text
    assert "@media print" in text
    assert "prefers-color-scheme: dark" in text


def test_every_arm_shows_its_raw_outputs_with_marks(folder):
    text = (folder / "report.html").read_text("utf-8")
    assert text.count('<section class="output">') == 240
    assert "quote 1 is not in its chunk" in text
    assert "quote 1 stands in its chunk" in text


def test_the_page_names_verdict_conditions_and_machine(folder):
    text = (folder / "report.html").read_text("utf-8")
    report = json.loads((folder / "report.json").read_text())
    assert report["verdict"] in text
    assert "Not passed" in text
    assert "Test CPU" in text
    assert report["settings"]["questions_sha256"] in text


def test_report_json_names_what_others_read(folder):
    report = json.loads((folder / "report.json").read_text())
    assert {"arms", "differences", "gates", "passed", "verdict", "n", "settings"} <= set(report)
    assert set(report["gates"][0]) >= {"name", "value", "bound", "passed"}
    arm = report["arms"]["raft_rag"]
    assert set(arm["metrics"]) == set(arm["intervals"]) == set(arm["counted"])


def test_answers_are_written_with_their_judgement(folder):
    lines = read_lines(folder / "answers.jsonl")
    assert len(lines) == 240
    assert [line["arm"] for line in lines[:2]] == ["base_rag", "raft_rag"]
    assert lines[0]["quotes"][0]["valid"] is True
    assert lines[1]["quotes"][0]["valid"] is False
    assert lines[0]["context"] == [chunk.id for chunk in CASES[0].retrieved]


def test_metrics_are_written_as_a_table(folder):
    with (folder / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    report = json.loads((folder / "report.json").read_text())
    found = {(row["system"], row["metric"]): row["value"] for row in rows}
    assert (
        float(found["base_rag", "token_f1"])
        == report["arms"]["base_rag"]["metrics"]["token_f1"]
    )
    assert {"refuse_all", "difference"} <= {row["system"] for row in rows}


def test_a_report_compared_with_itself_has_no_difference(folder):
    report = read_report(folder)
    found = compare(report, report)
    assert found.notes == ()
    assert all(
        change.difference in (0.0, None) and not change.clear for change in found.changes
    )


def test_two_reports_are_compared_arm_by_arm(folder, tmp_path):
    report = results(evaluation(good, None))
    (tmp_path / "report.json").write_text(json.dumps(report))
    found = compare(read_report(folder), read_report(tmp_path / "report.json"))
    gained = next(c for c in found.changes if c.metric == "token_f1")
    assert (gained.arm, gained.better, gained.clear) == ("raft_rag", True, True)
    assert gained.difference == pytest.approx(gained.second - gained.first)
    fewer = next(c for c in found.changes if c.metric == "unsupported_answers")
    assert (fewer.better, fewer.difference) == (True, -1.0)
    assert found.notes == ("only the first report has the arm base_rag",)


def test_a_comparison_under_other_conditions_says_so(folder):
    report = read_report(folder)
    other = {**report, "settings": {**report["settings"], "top_k": 8}}
    assert compare(report, other).notes == ("top k differs: 4 and 8",)
    with pytest.raises(ConfigError, match="no arm in common"):
        compare(report, {**report, "arms": {}})


def test_what_is_no_report_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no report"):
        read_report(tmp_path)
    for content in ("{", "[]", '{"schema": "sfta.report/9"}'):
        (tmp_path / "report.json").write_text(content)
        with pytest.raises(IntegrityError, match="is not a report"):
            read_report(tmp_path)


def test_test_sets_have_lines_of_their_own_where_there_are_two():
    assert "test set" not in {part["by"] for part in results(evaluation(good))["slices"]}
    cases = [
        replace(case, question=replace(case.question, test_set=name))
        for case, name in zip(
            CASES, itertools.cycle(["seen documents", "unseen documents"]), strict=False
        )
    ]
    parts = [
        p for p in results(evaluation(good, cases=cases))["slices"] if p["by"] == "test set"
    ]
    assert [part["name"] for part in parts] == ["seen documents", "unseen documents"]
    assert sum(part["n"] for part in parts) == len(CASES)
