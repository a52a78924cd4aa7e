"""Unanswerable questions are on topic, and the corpus really does not answer them."""

import pytest

from sfta.raft.corpus import CorpusChunk, words
from sfta.raft.extraction.blocks import read_blocks
from sfta.raft.extraction.near_miss import unanswerable_facts
from sfta.raft.extraction.phrasings import wordings
from sfta.raft.extraction.rules import corpus_facts

TEXTS = [
    ("1 Trips", "Table 1: Trips\n\n| Code | Meaning | Action |\n|---|---|---|\n"
     "| E-104 | Phase order is wrong | Exchange two phases |\n"
     "| E-106 | Motor winding too hot | Let it cool |"),
    ("2 Torques", "Table 2: Torques\n\n| Connection | Torque |\n|---|---|\n"
     "| Discharge flange | 125 N·m |\n| Frame anchors | 90 N·m |"),
    ("3 Parts", "Table 3: Parts\n\n| Part number | Part |\n|---|---|\n"
     "| 8834-0104 | Oil filter OF-4 |\n| 8834-0210 | Intake cartridge IF-21 |"),
    ("4 Limits", "Table 4: Values\n\n| Measured value | Normal range | Trip |\n|---|---|---|\n"
     "| Oil pressure | 2.2 to 3.0 bar | 1.2 bar |\n"
     "| Winding temperature | 80 to 120 °C | 155 °C |"),
    ("5 Settings", "Table 5: Settings\n\n| Setting | On delivery | Range |\n|---|---|---|\n"
     "| Load delay | 12 seconds | 8 to 60 seconds |\n"
     "| Restart delay | 30 seconds | 10 to 120 seconds |"),
    ("6 Valves", "The safety valve SV-1 opens at 3.7 bar. The oil filter OF-4 is a spin-on filter "
     "with a mass of 2 kg. It is tightened to 12 N·m."),
]  # fmt: skip
CHUNKS = [
    CorpusChunk(f"c{n}", "d", "Manual", 1, n * 1000, n * 1000 + len(text), heading, text, n)
    for n, (heading, text) in enumerate(TEXTS)
]


def missing(seed=1):
    return unanswerable_facts(corpus_facts(CHUNKS), read_blocks(CHUNKS), CHUNKS, seed)


def of_label(label, seed=1):
    return [fact for fact in missing(seed) if fact.label == label]


def test_none_has_an_answer_or_a_quote():
    assert missing()
    assert all(not fact.answer and not fact.quote for fact in missing())


def test_a_missing_code_stands_nowhere_and_is_like_one_that_does():
    everywhere = {word for chunk in CHUNKS for word in words(chunk.text)}
    found = of_label("near_miss_code")
    assert found
    for fact in found:
        shown = " ".join(value for _, value in fact.slots)
        codes = [c for c in words(shown) if c[0].isalpha() and any(x.isdigit() for x in c)]
        assert any(code not in everywhere for code in codes), shown


def test_one_missing_code_is_asked_for_a_few_times_only():
    found = [dict(f.slots).get("key", "") for f in of_label("near_miss_code")]
    assert max(found.count(key) for key in found if key) <= 3


def test_an_attribute_that_is_stated_is_not_asked_for():
    for seed in range(12):
        for fact in of_label("near_miss_attribute", seed):
            slots = dict(fact.slots)
            asked = f"{slots.get('subject', '')} {slots['thing']}"
            if "OF-4" in asked:
                assert fact.kind not in ("torque", "mass", "part_number"), asked
            if "discharge flange" in asked or "frame anchors" in asked:
                assert fact.kind != "torque", asked
            if "SV-1" in asked:
                assert "pressure" not in slots.get("subject", ""), asked


def test_an_attribute_is_asked_of_things_the_corpus_names():
    things = {dict(fact.slots)["thing"] for fact in of_label("near_miss_attribute")}
    assert things
    assert all(
        any(t.split()[-1].casefold() in c.text.casefold() for c in CHUNKS) for t in things
    )


def test_a_key_is_asked_under_a_header_of_another_table_only():
    own = {"cell_range": {"oil pressure", "winding temperature"},
           "cell_setting": {"load delay", "restart delay"}}  # fmt: skip
    found = of_label("near_miss_table")
    assert found
    for fact in found:
        assert dict(fact.slots)["key"] not in own.get(fact.kind, set())


def test_a_key_that_nearly_names_a_row_is_not_asked():
    keys = {(f.kind, dict(f.slots)["key"]) for f in of_label("near_miss_table")}
    assert ("cell_setting", "delay") not in keys


def test_every_one_can_be_worded_in_the_wordings_of_answerable_facts():
    answerable = {t.split("/")[0] for f in corpus_facts(CHUNKS) for t, _, _ in wordings(f)}
    for fact in missing():
        assert wordings(fact)
        assert fact.kind in answerable | {"value", "mass", "torque", "part_number"}


def test_the_same_seed_gives_the_same_and_another_seed_other_questions():
    assert missing(1) == missing(1)
    assert missing(1) != missing(2)


@pytest.mark.parametrize("chunks", [[], CHUNKS[:1]])
def test_a_small_corpus_gives_few_or_none(chunks):
    found = unanswerable_facts(corpus_facts(chunks), read_blocks(chunks), chunks, 1)
    assert all(not fact.answer for fact in found)
