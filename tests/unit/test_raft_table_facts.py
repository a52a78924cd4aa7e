"""What the rules find in tables and procedures."""

import pytest

from asked_facts import (
    CODES,
    FUSES,
    LIMITS,
    PARTS,
    PROCEDURE,
    SCHEDULE,
    SETTINGS,
    SIGNS,
    STATES,
    TORQUES,
    asked,
    chunk,
)
from sfta.raft.extraction.phrasings import wordings
from sfta.raft.extraction.rules import corpus_facts


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the first step when changing the gear oil?",
         "Run the package until the oil is warm"),
        ("What is the last step when changing the gear oil?", "Wait 10 minutes"),
        ("What is the next step after opening the filler cap when changing the gear oil?",
         "Fit a new copper ring and tighten the oil drain plug to 60 N·m"),
        ("What is step 2 when changing the gear oil?", "Open the filler cap"),
        ("To what torque must the oil drain plug be tightened?", "60 N·m"),
        ("How long must I wait when changing the gear oil?", "10 minutes"),
    ],
)  # fmt: skip
def test_a_procedure_answers_for_its_order_and_its_steps(question, answer):
    found = asked(PROCEDURE, heading="4 Oil side > 4.3 Changing the gear oil (mechanic)")
    assert found.get(question) == answer


def test_a_procedure_with_a_missing_step_says_nothing_about_order():
    text = PROCEDURE.replace("2. Open the filler cap.\n", "")
    assert not [q for q in asked(text) if "next step" in q or "first step" in q]


@pytest.mark.parametrize(
    ("table", "question", "answer"),
    [
        (CODES, "What does E-104 mean?", "Phase order is wrong"),
        (CODES, "What is the remedy for trip E-106?", "Let it cool"),
        (CODES, "Which code means: phase order is wrong?", "E-104"),
        (PARTS, "What is the part number of the oil filter OF-4?", "8834-0104"),
        (PARTS, "Which part has the number 8834-0104?", "Oil filter OF-4"),
        (LIMITS, "What is the normal range of the oil pressure?", "2.2 to 3.0 bar"),
        (LIMITS, "What is the warning limit of the oil pressure?", "1.6 bar"),
        (SETTINGS, "What is the factory setting of the load delay?", "12 seconds"),
        (SETTINGS, "In what range can the load delay be set?", "8 to 60 seconds"),
        (SCHEDULE, "How often must we clean the strainer?", "8,000 hours"),
        (SCHEDULE, "What do I service every 8,000 hours?",
         "Change the gear oil, clean the strainer"),
        (TORQUES, "What is the tightening torque of the clamp bolts of the coupling hub?",
         "49 N·m"),
        (FUSES, "What does fuse F10 protect?", "Controller A1"),
        (STATES, "The state Tripped: what happens?", "The main contactor is open"),
        (SIGNS, 'Where is the sign "Hot surface"?', "Left panel"),
        (SIGNS, 'What is the part number of the sign "Hot surface"?', "8834-9011"),
    ],
)  # fmt: skip
def test_a_table_row_answers_by_what_its_headers_say(table, question, answer):
    assert asked(table).get(question) == answer


def test_a_bare_count_of_a_part_is_not_asked_for():
    assert "1" not in asked(PARTS).values()


def test_a_cell_that_says_none_is_not_asked_for():
    assert "What is the trip limit of the oil pressure?" not in asked(LIMITS)


def test_a_key_of_two_tables_is_asked_with_its_caption():
    other = (
        "Table 7: Acceptance\n\n| Point | Accepted if |\n|---|---|\n| Oil pressure | 2 bar |"
    )
    facts = corpus_facts([chunk(LIMITS), chunk(other, number=1, heading="7 Acceptance")])
    questions = {q for fact in facts for _, q, _ in wordings(fact)}
    assert "What is stated for oil pressure (acceptance)?" in questions
    assert "What is stated for oil pressure?" not in questions
