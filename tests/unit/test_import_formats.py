"""Published question sets become benchmark files: what is an answer, an oracle, a distractor."""

import copy

import pytest

import published_sets as sets
from published_sets import as_json, as_lines
from sfta.documents.media import decode
from sfta.evaluation.importing.reading import Wanted, read_benchmark
from sfta.evaluation.questions import read_questions
from sfta_edge.errors import ConfigError


def imported(path, **wanted):
    """Lines of the benchmark, which `evaluate` must be able to read."""
    made = read_benchmark(path, Wanted(**wanted), decode)
    out = path.with_name("benchmark.jsonl")
    out.write_bytes(made.content())
    assert len(read_questions(out)) == len(made.lines)
    return made


def texts(line):
    return [document["text"] for document in line.get("documents", [])]


def oracles(line):
    named = {document["id"]: document["text"] for document in line["documents"]}
    return [named[name] for name in line.get("oracle_ids", [])]


def test_squad_answers_are_each_taken_once_and_plausible_ones_are_none(tmp_path):
    made = imported(as_json(tmp_path, sets.SQUAD))
    found, impossible = made.lines
    assert made.format == "squad"
    assert (found["id"], found["answers"]) == ("5a1", ["Kiruna", "in Kiruna"])
    assert oracles(found) == ["Magnetite is black. It is found in Kiruna."]
    assert found["documents"][0]["title"] == "Oxide minerals"
    assert (impossible["answers"], impossible["answerable"]) == ([], False)
    assert texts(impossible) == texts(found)
    assert "oracle_ids" not in impossible
    assert found["group"] == impossible["group"]


def test_squad_1_has_no_impossible_questions_and_its_test_set_no_answers(tmp_path):
    old = copy.deepcopy(sets.SQUAD)
    first, second = old["data"][0]["paragraphs"][0]["qas"]
    del first["is_impossible"], second["is_impossible"]
    made = imported(as_json(tmp_path, old))
    assert [line["id"] for line in made.lines] == ["5a1"]
    assert made.notes.left_out == {"no answer is given": 1}


def test_nq_open_has_no_passages_and_its_index_is_searched(tmp_path):
    made = imported(as_lines(tmp_path, sets.NQ_OPEN))
    assert made.format == "nq"
    assert made.lines[1]["answers"] == ["July 20, 1969", "1969"]
    assert "documents" not in made.lines[0]
    assert made.lines[0]["id"] != made.lines[1]["id"]


def test_nq_takes_the_long_answer_as_oracle_and_other_passages_as_distractors(tmp_path):
    made = imported(as_lines(tmp_path, [sets.NQ]))
    (line,) = made.lines
    assert (line["id"], line["answers"]) == ("-1109485827985534106", ["1898"])
    (oracle,) = oracles(line)
    assert oracle == "The first mine was opened in Kiruna in the year 1898 by a company ."
    assert len(texts(line)) == 3
    assert "Short ." not in texts(line)
    assert {document["title"] for document in line["documents"]} == {"Magnetite"}


def test_nq_passages_that_hold_the_answer_are_no_distractors(tmp_path):
    record = copy.deepcopy(sets.NQ)
    record["annotations"][0]["short_answers"] = [sets.span("Kiruna", "Kiruna")]
    record["document_text"] = record["document_text"].replace("cubic system", "Kiruna system")
    assert len(texts(imported(as_lines(tmp_path, [record])).lines[0])) == 2


def test_nq_needs_two_of_five_annotators(tmp_path):
    record = copy.deepcopy(sets.NQ)
    nothing = {"long_answer": sets.NONE, "short_answers": [], "yes_no_answer": "NONE"}
    record["annotations"] += [nothing] * 4
    other = {**copy.deepcopy(sets.NQ), "example_id": 5}
    other["annotations"] *= 2
    other["annotations"] += [nothing] * 3
    made = imported(as_lines(tmp_path, [record, other]))
    assert [line["id"] for line in made.lines] == ["5"]
    assert made.notes.left_out == {"no passage of the page answers it": 1}


def test_nq_answers_yes_and_no_and_leaves_out_what_has_a_long_answer_only(tmp_path):
    decided, bare = copy.deepcopy(sets.NQ), {**copy.deepcopy(sets.NQ), "example_id": 9}
    decided["annotations"][0] |= {"short_answers": [], "yes_no_answer": "YES"}
    bare["annotations"][0]["short_answers"] = []
    made = imported(as_lines(tmp_path, [decided, bare]))
    assert [line["answers"] for line in made.lines] == [["yes"]]
    assert made.notes.left_out == {"only a long answer is given": 1}


def test_nq_with_a_list_of_tokens_is_read_alike(tmp_path):
    record = {key: value for key, value in sets.NQ.items() if key != "document_text"}
    record["document_tokens"] = [
        {"token": token, "html_token": token.startswith("<")}
        for token in sets.NQ["document_text"].split(" ")
    ]
    simple, original = (imported(as_lines(tmp_path, [one])).lines for one in (sets.NQ, record))
    assert simple == original


def test_pubmedqa_asks_for_the_decision_and_keeps_the_conclusion_as_reference(tmp_path):
    made = imported(as_json(tmp_path, sets.PUBMEDQA, indent=4))
    (line,) = made.lines
    assert (line["id"], line["answers"]) == ("21645374", ["yes"])
    assert line["reference"] == "Mitochondrial dynamics point to a role."
    expected = "BACKGROUND: Cell death is studied.\nRESULTS: Mitochondria were stained."
    assert oracles(line) == [expected]


def test_pubmedqa_without_a_decision_is_left_out_and_another_word_is_wrong(tmp_path):
    record = sets.PUBMEDQA["21645374"]
    undecided = {**record, "final_decision": ""}
    made = imported(as_json(tmp_path, {"1": record, "2": undecided}))
    assert made.notes.left_out == {"no decision is given": 1}
    with pytest.raises(ConfigError, match="record '3': 'final_decision' must be one of yes"):
        imported(as_json(tmp_path, {"3": {**record, "final_decision": "perhaps"}}))


def test_hotpotqa_needs_all_supporting_paragraphs_and_keeps_the_order(tmp_path):
    made = imported(as_json(tmp_path, sets.HOTPOTQA))
    (line,) = made.lines
    assert [document["title"] for document in line["documents"]] == ["Ed", "Doctor", "Scott"]
    assert oracles(line)[0] == "Ed was an American filmmaker. He made films."
    assert len(line["oracle_ids"]) == 2
    assert (line["all_oracles"], line["kind"]) == (True, "comparison")


def test_hotpotqa_in_the_full_wiki_setting_may_lack_the_paragraph(tmp_path):
    record = copy.deepcopy(sets.HOTPOTQA[0])
    lost = {**record, "_id": "b", "supporting_facts": [["Nobody", 0], ["Ed", 0]]}
    asked = {k: v for k, v in record.items() if k not in ("answer", "supporting_facts")}
    made = imported(as_json(tmp_path, [record, lost, {**asked, "_id": "c"}]))
    assert len(made.lines) == 1
    assert made.notes.left_out == {
        "a supporting paragraph is not among its paragraphs": 1,
        "no answer is given": 1,
    }


def test_clapnq_has_long_answers_and_questions_without_one(tmp_path):
    made = imported(as_lines(tmp_path, sets.CLAPNQ))
    found, none = made.lines
    assert found["answers"] == ["Plankton is a rival from 1999."]
    assert oracles(found) == ["Plankton is a rival. He was first seen in 1999."]
    assert (none["answerable"], none["kind"]) == (False, "unanswerable")
    assert texts(none) == ["Plankton is a rival."]


def test_rgb_asks_among_noise_and_with_noise_alone(tmp_path):
    # The published file ends in .json and holds JSON lines.
    made = imported(as_lines(tmp_path, sets.RGB, "en.json"))
    noise, rejection = made.lines
    assert (noise["kind"], rejection["kind"]) == ("noise", "rejection")
    assert noise["answers"] == ["January 2 2022", "Jan 2, 2022"]
    assert sorted(oracles(noise)) == sorted(sets.RGB[0]["positive"])
    assert sorted(texts(rejection)) == sorted(sets.RGB[0]["negative"])
    assert not rejection["answerable"]
    assert noise["group"] == rejection["group"]


def test_rgb_does_not_always_place_the_answer_first(tmp_path):
    records = [{**sets.RGB[0], "id": number} for number in range(40)]
    lines = imported(as_lines(tmp_path, records)).lines
    firsts = [texts(line)[0] in sets.RGB[0]["positive"] for line in lines[::2]]
    assert 5 < sum(firsts) < 35


def test_rgb_integration_wants_all_parts_in_one_answer(tmp_path):
    made = imported(as_lines(tmp_path, sets.RGB_INTEGRATION), passages=2)
    line = made.lines[0]
    assert line["kind"] == "integration"
    assert line["answers"] == ["January 2 and Paris", "Jan 2 and Paris"]
    assert sorted(texts(line)) == ["It is in Paris.", "It is on January 2."]
    assert made.notes.remarks["the answer has several parts, written as one text"] == 1


def test_rgb_counterfactual_passages_are_no_oracles_of_the_right_answer(tmp_path):
    lines = imported(as_lines(tmp_path, sets.RGB_FACT)).lines
    noise, rejection, wrong = lines
    assert [line["id"] for line in lines] == ["2", "2-rejection", "2-counterfactual"]
    assert wrong["answers"] == noise["answers"] == ["Facebook"]
    assert "Apple won." in texts(wrong)
    assert "Facebook won." not in texts(wrong)
    assert "oracle_ids" not in wrong
    assert rejection["answerable"] is False


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ({"data": [{"title": "x", "paragraphs": [{"context": "", "qas": []}]}]}, "'context'"),
        ({"data": [{"title": "x", "paragraphs": "none"}]}, "'paragraphs' must be a list"),
        ([{**sets.HOTPOTQA[0], "context": [["a"]]}], "'context' must be a list"),
        ([{**sets.HOTPOTQA[0], "supporting_facts": ["a"]}], "'supporting_facts' must be"),
        ([{**sets.NQ, "annotations": [{"long_answer": {}}]}], "'start_token' and 'end_token'"),
        ([{**sets.NQ, "document_text": "few words"}], "ends at word"),
        ([{**sets.CLAPNQ[0], "output": ["x"]}], "'output' must be a list of objects"),
        ([{**sets.RGB[0], "answer": [[]]}], "'answer' must be a text"),
        ([{**sets.RGB[0], "id": True}], "'id' must be a text"),
        ([{**sets.RGB[0], "negative": [3]}], "'negative' must be a list of texts"),
        ([{**sets.NQ_OPEN[0], "answer": [7]}], "'answer' must be a list of texts"),
    ],
)
def test_what_is_not_in_the_published_shape_is_named(tmp_path, records, problem):
    with pytest.raises(ConfigError) as caught:
        imported(as_json(tmp_path, records))
    assert problem in str(caught.value)
