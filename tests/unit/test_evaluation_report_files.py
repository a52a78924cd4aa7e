"""The files of a report: complete, repeatable, comparable, and safe to open."""

import base64
import csv
import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from judged_arms import CASES, evaluation, good, read_lines
from sfta.evaluation.comparison import compare, read_report
from sfta.evaluation.report import Timed, write_report
from sfta.evaluation.results import results
from sfta_edge.errors import ConfigError, IntegrityError

ATTACK = "<script>alert('x')</script><img src=http://evil.example/a.png onerror=alert(1)>"


def attacks(_):
    return f'[1] "{ATTACK}"\nAnswer: {ATTACK}'


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
