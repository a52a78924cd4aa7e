"""What the rules find in sentences, steps and rows, and how it is asked for."""

import pytest

from sfta.raft.corpus import CorpusChunk, Phrasebook
from sfta.raft.extraction.facts import anchored, names_its_things
from sfta.raft.extraction.phrasings import BANKS, tidy, wordings
from sfta.raft.extraction.quantities import EVERY, find_quantities
from sfta.raft.extraction.rules import corpus_facts
from sfta_edge.citation import find_quote


def chunk(text, *, heading="4 Oil side > 4.4 Oil filter OF-4", number=0):
    return CorpusChunk(f"c{number}", "d", "Manual", 1, number * 1000, number * 1000 + len(text),
                       heading, text, number)  # fmt: skip


def asked(text, **options):
    """Every question with its answer that the rules make of a text."""
    return {
        question: fact.answer
        for fact in corpus_facts([chunk(text, **options)])
        for _, question, _ in wordings(fact)
    }


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        # marks of sources are in the quote, and neither in question nor answer
        ("The pump[4] of the depot is driven by the shaft of a mill.[12]",
         "What is the pump of the depot driven by?", "the shaft of a mill"),
        ("The depot is located in the U.S. and has a pump.",
         "Where is the depot of the oil filter OF-4 located?", "in the U.S."),
        # definitions and terms
        ("Lockout is the locking of every energy source in its safe position.",
         "What is lockout?", "the locking of every energy source in its safe position"),
        ("The check valve CV-1 is a plate valve that stops air from flowing back.",
         "How is the check valve CV-1 defined?",
         "a plate valve that stops air from flowing back"),
        ("The pressure dew point is the temperature at which water begins to condense from air.",
         "What is the name for the temperature at which water begins to condense from air?",
         "The pressure dew point"),
        # values
        ("The maximum working pressure of the CX-220 is 8.6 bar.",
         "What is the maximum working pressure of the CX-220?", "8.6 bar"),
        ("The safety valve SV-1 opens at 3.7 bar.",
         "At what pressure does the safety valve SV-1 open?", "3.7 bar"),
        ("The load point LP-1 is set to 6.8 bar and the unload point to 7.5 bar at the factory.",
         "To what pressure is the unload point set at the factory?", "7.5 bar"),
        ("The LP airend has a mass of 415 kg and the HP airend a mass of 268 kg.",
         "What is the mass of the HP airend?", "268 kg"),
        ("The LP airend has a mass of 415 kg and the HP airend a mass of 268 kg.",
         "How heavy is the LP airend?", "415 kg"),
        ("The prospective short-circuit current must not exceed 50 kA.",
         "What must the prospective short-circuit current not exceed?", "50 kA"),
        ("The free space in front of the package must be 1,200 mm.",
         "How large must the free space in front of the package be?", "1,200 mm"),
        ("The connecting cable may be up to 200 m long in total.",
         "How long may the connecting cable be in total?", "up to 200 m"),
        ("The power supply G1 delivers 24 V.", "What voltage does the power supply G1 deliver?",
         "24 V"),
        ("The oil pump OP-1 runs for 3 minutes.", "For how long does the oil pump OP-1 run?",
         "3 minutes"),
        ("Every bar of unnecessary pressure raises the power demand by about 7 percent.",
         "By how much does every bar of unnecessary pressure raise the power demand?",
         "about 7 percent"),
        ("A receiver of at least 3,000 litres should be connected behind the dryer.",
         "What is the volume of the receiver?", "at least 3,000 litres"),
        ("The CX-220 contains about 3,900 kg of steel, 210 kg of copper and 95 kg of zinc.",
         "How much copper does the CX-220 contain?", "210 kg"),
        ("The safety valve SV-2 protects the aftercooler and opens at 9.6 bar.",
         "At what pressure does the safety valve SV-2 open?", "9.6 bar"),
        ("Gearlube 46S is a synthetic gear oil with a flash point of 238 °C.",
         "What flash point does Gearlube 46S have?", "238 °C"),
        # counts and intervals
        ("The event log EL-1 keeps the last 500 events.",
         "How many events does the event log EL-1 keep?", "the last 500"),
        ("The filter FX-3 is replaced every 8,000 hours.",
         "How often is the filter FX-3 replaced?", "every 8,000 hours"),
        ("Safety valves are tested once per year with the test pump ST-5.",
         "How often are safety valves tested with the test pump ST-5?", "once per year"),
        # reasons and conditions
        ("Airends are not opened on site, because dust destroys their coating.",
         "Why are airends not opened on site?", "because dust destroys their coating"),
        ("Do not use a pressure washer, because water wets the motor.",
         "Why is it wrong to use a pressure washer?", "because water wets the motor"),
        ("If the dryer leaks, leave the room.", "What should I do if the dryer leaks?",
         "leave the room"),
        ("If no data arrive for 10 seconds, the bar turns red.",
         "What happens if no data arrive for 10 seconds?", "the bar turns red"),
        ("The gear oil GO-1 is changed early if the water content exceeds 0.05 percent.",
         "When is the gear oil GO-1 changed early?",
         "if the water content exceeds 0.05 percent"),
        ("A reading above 21 mA means a short circuit.",
         "What does a reading above 21 mA mean?", "a short circuit"),
        ("A rattle of panels points to an open lock.",
         "What is the likely cause of a rattle of panels?", "an open lock"),
        # places, means, colours, persons
        ("The rating plate is riveted to the frame under the door.",
         "Where is the rating plate riveted?", "to the frame under the door"),
        ("A hasp with six holes hangs on the inside of the cubicle door.",
         "Where does a hasp with six holes hang?", "on the inside of the cubicle door"),
        ("The oil pump OP-1 is driven by the gear train.",
         "What is the oil pump OP-1 driven by?", "the gear train"),
        ("A forgotten code is replaced by calling the service department.",
         "How is a forgotten code replaced?", "by calling the service department"),
        ("The USB socket US-1 is used to export the event log.",
         "What is the USB socket US-1 used for?", "to export the event log"),
        ("Wires that come from a foreign supply are orange.",
         "What colour are wires that come from a foreign supply?", "orange"),
        ("The owner appoints one person for the compressor station.",
         "Who appoints one person for the compressor station?", "The owner"),
        ("The breather BR-8 holds back oil mist from the gears.",
         "What does the breather BR-8 do?", "holds back oil mist from the gears"),
        ("The rating plate states the type, the mass and the year.",
         "What does the rating plate state?", "the type, the mass and the year"),
        # commands
        ("Tighten the safety valve SV-1 to 95 N·m and the safety valve SV-2 to 110 N·m.",
         "Tell me the torque for the safety valve SV-2.", "110 N·m"),
        ("Lift the frame of the CX-220 with a spreader beam.",
         "What do I lift the frame of the CX-220 with?", "a spreader beam"),
        ("Pour 2 litres of fresh gear oil through the test opening.",
         "How much fresh gear oil must I pour through the test opening?", "2 litres"),
        ("Reset the counter SC-1 only after the work, since the date is counted from there.",
         "Why must I reset the counter SC-1 only after the work?",
         "the date is counted from there"),
        # a pronoun takes the subject of the sentence before
        ("The circuit breaker F9 sits in the cubicle. It opens at 6 A.",
         "At what current does the circuit breaker F9 open?", "6 A"),
        ("The solenoid valve Y1 opens the intake. Its coil has a resistance of 28 ohms.",
         "What resistance does the coil of the solenoid valve Y1 have?", "28 ohms"),
        # a heading names the thing
        ("The element is replaced every 500 hours.",
         "How often is the element of the oil filter OF-4 replaced?", "every 500 hours"),
    ],
)  # fmt: skip
def test_a_sentence_answers_the_question_a_technician_would_ask(text, question, answer):
    assert asked(text).get(question) == answer


@pytest.mark.parametrize(
    "text",
    [
        "They are tightened to 25 N·m.",
        "This value must be at least 10 megohms.",
        "Leaks, new noises, and discoloured paint near hot pipes.",
        "See section 4.2 of the Safety Manual.",
        "Rear 1,000 mm Left 900 mm Right 1,100 mm",
        "",
    ],
)
def test_what_names_nothing_gives_no_question(text):
    assert asked(text) == {}


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("Never open a panel because the package is silent.", "Why"),
        ("Table 4 collects the torques of all bolts.", "What"),
        ("The valve is not opened because it is cold but because it is old.", "Why"),
    ],
)
def test_a_sentence_that_could_mislead_gives_no_such_question(text, start):
    assert not [question for question in asked(text) if question.startswith(start)]


PROCEDURE = """4.3 Changing the gear oil

1. Run the package until the oil is warm.
2. Open the filler cap.
3. Fit a new copper ring and tighten the oil drain plug to 60 N·m.
4. Wait 10 minutes."""


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


CODES = """Table 1: Trips of the motor

| Code | Meaning | Action |
|---|---|---|
| E-104 | Phase order is wrong | Exchange two phases |
| E-106 | Motor winding too hot | Let it cool |"""
PARTS = """Table 5: Wear parts

| Part number | Part | Quantity |
|---|---|---|
| 8834-0104 | Oil filter OF-4 | 1 |"""
LIMITS = """Table 4: Measured values

| Measured value | Normal range | Warning | Trip |
|---|---|---|---|
| Oil pressure | 2.2 to 3.0 bar | 1.6 bar | none |"""
SETTINGS = """Table 2: Settings

| Setting | On delivery | Range |
|---|---|---|
| Load delay | 12 seconds | 8 to 60 seconds |"""
SCHEDULE = """Table 2: Schedule

| Interval | Work |
|---|---|
| 8,000 hours | Change the gear oil, clean the strainer |"""
TORQUES = """Table 4: Torques

| Connection | Bolts | Torque |
|---|---|---|
| Coupling hub, clamp bolts | 6 x M10 | 49 N·m |"""
FUSES = "| Fuse | Rating | Protects |\n|---|---|---|\n| F10 | 2 A | Controller A1 |"
STATES = "| State | What happens |\n|---|---|\n| Tripped | The main contactor is open |"
SIGNS = (
    "| Sign | Position | Part number |\n|---|---|---|\n| Hot surface | Left panel | 8834-9011 |"
)


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


REASON = "The safety valve SV-1 opens at 3.7 bar, because it protects the cooler."
PARTS_OF_ALL = [
    CODES,
    PARTS,
    LIMITS,
    SETTINGS,
    SCHEDULE,
    TORQUES,
    FUSES,
    STATES,
    SIGNS,
    PROCEDURE,
]
EVERYTHING = "\n\n".join([*PARTS_OF_ALL, REASON, "If the dryer leaks, leave the room."])


def test_every_answer_is_a_verbatim_part_of_its_quote_and_the_quote_of_its_chunk():
    facts = corpus_facts([chunk(EVERYTHING)])
    assert len(facts) > 30
    for fact in facts:
        assert find_quote(fact.quote, fact.chunk.text), fact
        assert find_quote(fact.answer, fact.quote), fact


def test_no_wording_is_left_with_an_open_field_or_a_doubled_space():
    for fact in corpus_facts([chunk(EVERYTHING)]):
        for template, question, weight in wordings(fact):
            assert template.startswith(fact.kind)
            assert weight >= 1
            assert "{" not in question
            assert "  " not in question
            assert not question.startswith(" ")


def test_one_fact_has_several_wordings():
    (fact,) = [f for f in corpus_facts([chunk(CODES)]) if f.answer == "Phase order is wrong"]
    assert len(wordings(fact)) >= 8


def test_the_banks_offer_several_styles():
    for name, bank in BANKS.items():
        assert len(set(bank)) >= 4, name


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("What is it ?", "What is it?"),
        ("a  b", "a b"),
        ("What is the oil.?", "What is the oil?"),
    ],
)
def test_a_question_is_tidied(raw, clean):
    assert tidy(raw) == clean


@pytest.mark.parametrize(
    ("question", "complete"),
    [
        ("What is the torque of the cover bolts?", True),
        ("What is its torque?", False),
        ("What does this value mean?", False),
        ("What does figure 3 show?", False),
        ("What is described in section 4.2?", False),
        ("When does the intake valve close after it has opened?", True),
        ("What happens if they differ?", False),
        ("At what pressure above 2 bar does the valve open?", True),
        ("Which of the two is larger?", False),
        ("By how much do the voltages differ from one another?", True),
    ],
)
def test_a_question_must_name_its_things(question, complete):
    assert names_its_things(question) is complete


VALVES = ("The check valve leaks. The check valve closes. The intake valve opens. "
          "The intake valve shuts. The controller waits. The controller counts. "
          "The controller stops. The controller shows a code.")  # fmt: skip


@pytest.mark.parametrize(
    ("phrase", "heading", "expected"),
    [
        ("the controller", "1 General", "the controller"),
        ("the check valve", "1 General", "the check valve"),
        ("the valve", "1 General", None),
        ("the valve", "3.3 Check valve CV-1", "the check valve CV-1"),
        ("the plate", "3.3 Check valve CV-1", "the plate of the check valve CV-1"),
        ("it", "3.3 Check valve CV-1", None),
        ("this valve", "3.3 Check valve CV-1", None),
        ("the normal value", "3.3 Check valve CV-1", None),
        ("the owner", "1 General", "the owner"),
        ("E-104", "1 General", "E-104"),
    ],
)
def test_a_bare_noun_needs_a_name_where_the_corpus_has_several(phrase, heading, expected):
    source = chunk(VALVES, heading=heading)
    assert anchored(phrase, source, Phrasebook([source])) == expected


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("at 7.5 bar", [("7.5 bar", "pressure")]),
        ("at least 1,200 mm wide", [("at least 1,200 mm", "length")]),
        ("between 3 °C and 43 °C", [("between 3 °C and 43 °C", "temperature")]),
        ("2.2 to 3.0 bar", [("2.2 to 3.0 bar", "pressure")]),
        ("37.4 m³/min at 7.0 bar and 35.2 m³/min at 8.6 bar",
         [("37.4 m³/min", "flow"), ("7.0 bar", "pressure"), ("35.2 m³/min", "flow"),
          ("8.6 bar", "pressure")]),
        ("for half an hour", [("half an hour", "time")]),
        ("by 10 K", [("10 K", "temperature difference")]),
        ("E-104 and FX-3 and section 4.2", []),
        ("49 N·m", [("49 N·m", "torque")]),
        ("a speed of 19,200 baud", [("19,200 baud", "speed")]),
    ],
)  # fmt: skip
def test_values_are_found_with_what_they_measure(text, values):
    assert [(q.text, q.kind) for q in find_quantities(text)] == values


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("every 4,000 hours", "every 4,000 hours"),
        ("once per year with a pump", "once per year"),
        ("every six months by hand", "every six months"),
        ("once in a while", None),
        ("every valve", None),
    ],
)
def test_intervals_are_found(text, interval):
    match = EVERY.search(text)
    assert (match.group() if match else None) == interval
