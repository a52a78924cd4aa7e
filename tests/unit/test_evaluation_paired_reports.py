"""Two reports on the same questions: compared in pairs and shown question by question."""

import json
import shutil
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

from full_reports import shaky
from judged_arms import CASES, evaluation, good, read_lines, weak
from sfta.cli.compare import command
from sfta.evaluation.aggregate import METRICS
from sfta.evaluation.comparison import compare_reports
from sfta.evaluation.comparison_page import comparison_page
from sfta.evaluation.paired_answers import drawn, pair_answers
from sfta.evaluation.report import Timed, write_report
from sfta_edge.errors import ConfigError, IntegrityError


def slightly_worse(case):
    """Right like `good`, but for every ninth question."""
    return weak(case) if int(case.question.id[1:]) % 9 == 1 else good(case)


def made(folder, trained, base=weak, **changes):
    folder.mkdir()
    write_report(evaluation(trained, base, **changes), Timed(), folder)
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Reports of a good and of a slightly worse model, of other and of fewer questions."""
    root = tmp_path_factory.mktemp("reports")
    made(root / "good", good)
    made(root / "worse", slightly_worse)
    made(root / "fewer", good, cases=CASES[10:])
    made(root / "other base", good, shaky(0.5), others={"base_closed": weak})
    return root


def changes(found, arm="raft_rag"):
    return {change.metric: change for change in found.changes if change.arm == arm}


def edited(root, tmp_path, name, edit):
    """A copy of a report with every line of its answers changed."""
    folder = tmp_path / name
    shutil.copytree(root / name, folder)
    lines = [edit(line) for line in read_lines(folder / "answers.jsonl")]
    text = "".join(json.dumps(line) + "\n" for line in lines if line is not None)
    (folder / "answers.jsonl").write_text(text, "utf-8")
    return folder


def test_a_small_change_is_clear_only_because_the_questions_are_the_same(root):
    found = compare_reports(root / "good", root / "worse")
    assert found.paired == 120
    token_f1 = changes(found)["token_f1"]
    assert (token_f1.clear, token_f1.better) == (True, False)
    assert token_f1.interval[0] < token_f1.difference < token_f1.interval[1] < 0
    one, other = (
        json.loads((root / name / "report.json").read_text())["arms"]["raft_rag"]["intervals"]
        for name in ("good", "worse")
    )
    assert one["token_f1"][0] < other["token_f1"][1]  # the intervals alone show nothing


def test_values_are_those_of_the_two_reports(root):
    found = compare_reports(root / "good", root / "worse")
    for place, name in (("first", "good"), ("second", "worse")):
        report = json.loads((root / name / "report.json").read_text())
        for change in found.changes:
            assert (
                getattr(change, place) == report["arms"][change.arm]["metrics"][change.metric]
            )


def test_right_and_wrong_are_tested_question_by_question(root):
    found = compare_reports(root / "good", root / "worse")
    tests = {test.arm: test for test in found.right}
    assert (tests["base_rag"].only_first, tests["base_rag"].p_value) == (0, 1.0)
    assert tests["raft_rag"].only_second == 0
    assert 5 < tests["raft_rag"].only_first < 15
    assert tests["raft_rag"].p_value < 0.05


def test_a_comparison_turned_round_says_the_opposite(root):
    there = changes(compare_reports(root / "good", root / "worse"))
    back = changes(compare_reports(root / "worse", root / "good"))
    for metric in METRICS:
        one, other = there[metric.key], back[metric.key]
        assert one.difference == (None if other.difference is None else -other.difference)
        assert one.clear == other.clear


def test_a_report_compared_with_itself_has_no_change(root):
    found = compare_reports(root / "good", root / "good")
    assert found.notes == ()
    assert found.turned == ()
    assert not any(change.clear for change in found.changes)


def test_turned_questions_are_drawn_by_their_ids_and_bounded(root):
    every = compare_reports(root / "good", root / "worse", 500).turned
    few = compare_reports(root / "good", root / "worse", 3).turned
    assert len(few) == 3
    assert set(few) < set(every)
    assert all(not turn.better for turn in every)
    assert compare_reports(root / "good", root / "worse", 0).turned == ()
    back = compare_reports(root / "worse", root / "good", 3).turned
    assert [turn.id for turn in back] == [turn.id for turn in few]
    assert all(turn.better for turn in back)


def test_some_are_drawn_as_if_the_others_were_not_there():
    names = [f"q{number}" for number in range(40)]
    kept = drawn(names, 10, 3)
    assert kept == sorted(kept, key=names.index)
    assert drawn([name for name in names if name in kept], 10, 3) == kept
    assert drawn(names, 10, 4) != kept


def test_questions_that_only_one_report_asks_are_left_out_and_counted(root):
    found = compare_reports(root / "good", root / "fewer")
    assert found.paired == 110
    assert found.notes == ("10 questions are only in the first report",)
    assert changes(found)["token_f1"].difference == 0.0


def test_a_question_with_other_accepted_answers_is_another_question(root, tmp_path):
    def other_answer(line):
        return line | {"answers": ["1 bar"]} if line["id"] == "a000" else line

    found = compare_reports(root / "good", edited(root, tmp_path, "worse", other_answer))
    assert found.paired == 119
    assert "1 questions are only in the second report" in found.notes


@pytest.mark.parametrize("lost", ["file", "tally", "arm"])
def test_without_the_answers_of_both_the_intervals_are_compared(root, tmp_path, lost):
    def without(line):
        if lost == "arm" and line["arm"] == "raft_rag":
            return None
        return {key: value for key, value in line.items() if key != lost}

    folder = edited(root, tmp_path, "worse", without)
    if lost == "file":
        (folder / "answers.jsonl").unlink()
    found = compare_reports(root / "good", folder)
    assert found.paired == 0
    assert any("paired test" in note for note in found.notes)
    assert not changes(found)["token_f1"].clear


def test_a_tally_of_an_earlier_version_leaves_only_its_own_metrics_unmeasured(root, tmp_path):
    def older(line):
        return line | {"tally": {k: v for k, v in line["tally"].items() if k != "rouge"}}

    found = changes(compare_reports(root / "good", edited(root, tmp_path, "worse", older)))
    assert found["rouge_l"].second is None
    assert found["rouge_l"].difference is None
    assert found["token_f1"].clear


@pytest.mark.parametrize(
    "broken",
    [
        {"tally": {"f1": "1.0"}},
        {"tally": {"f1": float("nan")}},
        {"tally": [1.0]},
        {"right": "yes"},
        {"answers": "7 bar"},
        {"cluster": 3},
        {"completion": None},
    ],
)
def test_answers_that_are_not_what_we_write_are_refused_with_their_place(
    root, tmp_path, broken
):
    folder = edited(root, tmp_path, "worse", lambda line: line | broken)
    with pytest.raises(IntegrityError, match=r"answers\.jsonl, line 1: not a judged answer"):
        compare_reports(root / "good", folder)


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000])
def test_lines_that_are_no_objects_are_refused(root, tmp_path, text):
    shutil.copytree(root / "good", tmp_path / "r")
    (tmp_path / "r" / "answers.jsonl").write_text(text)
    with pytest.raises(IntegrityError, match="line 1: not"):
        pair_answers(root / "good", tmp_path / "r", ["raft_rag"])


def test_reports_without_a_common_arm_are_refused_before_their_answers_are_read(root, tmp_path):
    report = json.loads((root / "good" / "report.json").read_text()) | {"arms": {}}
    (tmp_path / "report.json").write_text(json.dumps(report))
    with pytest.raises(ConfigError, match="no arm in common"):
        compare_reports(root / "good", tmp_path)


def test_the_command_prints_intervals_and_right_and_wrong(root, tmp_path):
    page = tmp_path / "new folder" / "page.html"
    arguments = [str(root / "good"), str(root / "worse" / "report.json"), "--html", str(page)]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    (row,) = [line for line in lines if line[:2] == ["raft_rag", "token_f1"]]
    assert row[-1] == "worse"
    assert row[-3] == "to"
    assert "raft_rag: of 120 questions" in result.stdout
    assert result.stdout.endswith(f"page: {page}\n")
    assert page.is_file()


def test_the_command_prints_json_with_what_the_pairs_show(root, tmp_path):
    page = tmp_path / "page.html"
    arguments = [str(root / "good"), str(root / "worse"), "--json", "--examples", "2"]
    found = json.loads(CliRunner().invoke(command, [*arguments, "--html", str(page)]).stdout)
    assert found["paired"] == 120
    assert found["page"] == str(page)
    assert len(found["turned"]) == 2
    assert {"arm", "only_first", "only_second", "p_value"} == set(found["right"][0])
    assert found["changes"][0]["interval"] == [0.0, 0.0]


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "srcset", "href")]


def test_the_page_needs_nothing_else_and_trusts_no_text(root, tmp_path):
    attack = "<script>alert(1)</script>"

    def attacking(line):
        return line | {"completion": attack + line["completion"]}

    folder = edited(root, tmp_path, "worse", attacking)
    found = compare_reports(root / "good", folder, 5)
    text = comparison_page(root / "good", folder, found)
    page = Tags(text)
    assert "script" not in page.tags
    assert page.tags.count("table") == page.tags.count("caption")
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert "default-src 'none'" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert text.count('<section class="output">') == 10
    assert "Trained model + retrieval: worse in Token F1" in text
    assert comparison_page(root / "good", folder, found) == text


def test_a_page_without_pairs_says_so_and_shows_no_questions(root, tmp_path):
    folder = edited(root, tmp_path, "worse", lambda _: None)
    (folder / "answers.jsonl").unlink()
    text = comparison_page(root / "good", folder, compare_reports(root / "good", folder))
    assert "Not paired" in text
    assert "Questions that turned" not in text


def test_arms_that_changed_both_ways_are_summed_up(root):
    found = compare_reports(root / "good", root / "other base", 4)
    assert "only the second report has the arm base_closed" in found.notes
    text = comparison_page(root / "good", root / "other base", found)
    assert "Base model + retrieval: better in Token F1" in text
    assert "Trained model + retrieval: no clear change." in text
