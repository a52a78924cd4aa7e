"""What the rules find in sentences, steps and rows, and how it is asked for."""

import pytest

from asked_facts import (
    asked,
)


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
