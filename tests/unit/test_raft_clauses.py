"""Subject and verb of the sentences of manuals, and questions made from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.raft.extraction.clauses import Command, analyse, analyse_command
from sfta.raft.extraction.lexicon import VERBS, gerund, past, third_person
from sfta.raft.extraction.nouns import bare, is_plural, lower_first
from sfta.raft.extraction.segments import (
    cut_tail,
    end_of_phrase,
    first_predicate,
    leading_condition,
    split_clauses,
)
from sfta.raft.extraction.verbs import is_participle


@pytest.mark.parametrize(
    ("sentence", "subject", "verb"),
    [
        ("The fan starts at 50 °C.", "The fan", "start"),
        ("The oil pump is driven by the gear train.", "The oil pump", "driven"),
        ("The inlet temperature may lie between 5 °C and 35 °C.", "The inlet temperature", "lie"),
        ("The drains end in two pipes.", "The drains", "end"),
        ("Digital inputs switch at 11 V.", "Digital inputs", "switch"),
        ("A valve that fails the test is exchanged.", "A valve that fails the test", "exchanged"),
        ("A sign that cannot be read must be replaced.", "A sign that cannot be read",
         "replaced"),
        ("The six terminals of the motor carry M12 nuts.", "The six terminals of the motor",
         "carry"),
        ("TW-1 is embedded in the motor winding.", "TW-1", "embedded"),
        ("The gateway and the module share a rail.", "The gateway and the module", "share"),
        ("The event log keeps the last 500 events.", "The event log", "keep"),
        ("A display with more than three dead points within one centimetre is exchanged.",
         "A display with more than three dead points within one centimetre", "exchanged"),
        ("A request is answered within 30 milliseconds.", "A request", "answered"),
        ("The low-pressure airend, called the LP airend, compresses air.",
         "The low-pressure airend, called the LP airend,", "compress"),
    ],
)  # fmt: skip
def test_subject_and_verb_are_found(sentence, subject, verb):
    clause = analyse(sentence)
    assert clause is not None
    assert (clause.subject, clause.verb) == (subject, verb)


@pytest.mark.parametrize(
    "sentence",
    [
        "It opens at 3 bar.",
        "They are tightened to 25 N·m.",
        "If the lamp stays on, press RESET.",
        "Leaks, new noises, and discoloured paint.",
        "First test the drains.",
        "Both temperatures and the oil pressure.",
        "1868 and is the state's first university.",
        "",
        "Stop",
    ],
)
def test_what_is_not_understood_gives_no_clause(sentence):
    assert analyse(sentence) is None


@pytest.mark.parametrize(
    ("sentence", "intro"),
    [
        ("At the rear, the pipe ends.", "At the rear"),
        ("After a fire the airend is opened.", "After a fire"),
        ("The pipe ends at the rear.", ""),
    ],
)
def test_a_phrase_before_the_subject_is_kept_apart(sentence, intro):
    clause = analyse(sentence)
    assert clause is not None
    assert clause.intro == intro


@pytest.mark.parametrize(
    ("sentence", "question", "statement"),
    [
        ("The fan starts slowly.", "does the fan start slowly", "the fan starts slowly"),
        ("The drains end in pipes.", "do the drains end in pipes", "the drains end in pipes"),
        ("The oil is changed early.", "is the oil changed early", "the oil is changed early"),
        ("The update cannot be undone by hand.", "can the update not be undone by hand",
         "the update cannot be undone by hand"),
        ("Water must never be used.", "must water never be used", "water must never be used"),
        ("The Home screen shows the load.", "does the Home screen show the load",
         "the Home screen shows the load"),
        ("TB-1 sits in the bearing.", "does TB-1 sit in the bearing",
         "TB-1 sits in the bearing"),
        ("At the rear, the pipe ends in a funnel.",
         "does the pipe end in a funnel at the rear", "the pipe ends in a funnel at the rear"),
    ],
)  # fmt: skip
def test_a_clause_turns_into_a_question_and_back_into_a_statement(
    sentence, question, statement
):
    clause = analyse(sentence)
    assert clause is not None
    assert (clause.inverted(), clause.declared()) == (question, statement)


def test_a_question_ends_without_a_dangling_and():
    clause = analyse("The controller answers on strip X7 and, through the gateway, elsewhere.")
    assert clause is not None
    assert clause.predicate("on strip X7 and") == "answers on strip X7"


@pytest.mark.parametrize(
    ("sentence", "command"),
    [
        ("Tighten the bolts to 45 N·m.", Command("", "tighten", "the bolts to 45 N·m")),
        ("Never open a panel.", Command("never", "open", "a panel")),
        ("Do not use water.", Command("not", "use", "water")),
        ("Switch off the supply.", Command("", "switch", "off the supply")),
        ("Describe what was changed.", Command("", "describe", "what was changed")),
        ("Wait 5 minutes.", Command("", "wait", "5 minutes")),
        ("Press START.", Command("", "press", "START")),
    ],
)
def test_a_command_is_found(sentence, command):
    assert analyse_command(sentence) == command


@pytest.mark.parametrize(
    "sentence",
    [
        "Control cables are laid apart.",
        "Wire brushes scratch the tubes.",
        "Oil hoses have green fittings.",
        "Open points that affect safety prevent the handover.",
        "Free air delivery is the volume of air.",
        "The fan starts.",
    ],
)
def test_a_statement_that_begins_like_a_command_is_none(sentence):
    assert analyse_command(sentence) is None


@pytest.mark.parametrize(
    ("phrase", "plural"),
    [
        ("The bolts", True), ("The bolt", False), ("Both buttons", True), ("Each bolt", False),
        ("The pump and the fan", True), ("The bolts of the cover", True),
        ("The cover of the bolts", False), ("FX-3", False), ("The bus", False),
        ("People", True), ("The filters FX-3", True), ("", False),
    ],
)  # fmt: skip
def test_the_number_of_a_phrase_is_that_of_its_head(phrase, plural):
    assert is_plural(phrase) is plural


@pytest.mark.parametrize(
    ("phrase", "inside"),
    [
        ("The pump", "the pump"), ("FX-3", "FX-3"), ("START key", "START key"),
        ("A valve", "a valve"), ("Gearlube 46S", "Gearlube 46S"), ("Safety valve", "safety valve"),
        ("Operator Manual", "Operator Manual"), ("In Local", "in Local"),
    ],
)  # fmt: skip
def test_names_keep_their_capital_inside_a_sentence(phrase, inside):
    assert lower_first(phrase) == inside


def test_an_article_is_cut_for_a_search_box():
    assert [bare(p) for p in ("The pump", "an oil", "each bolt", "pump")] == [
        "pump", "oil", "bolt", "pump"]  # fmt: skip


@pytest.mark.parametrize(
    ("base", "third", "participle", "ing"),
    [
        ("open", "opens", "opened", "opening"), ("press", "presses", "pressed", "pressing"),
        ("carry", "carries", "carried", "carrying"), ("stop", "stops", "stopped", "stopping"),
        ("drive", "drives", "driven", "driving"), ("lie", "lies", "lain", "lying"),
        ("set", "sets", "set", "setting"), ("have", "has", "had", "having"),
    ],
)  # fmt: skip
def test_verbs_are_inflected(base, third, participle, ing):
    assert (third_person(base), past(base)[1], gerund(base)) == (third, participle, ing)


def test_every_verb_has_a_participle_that_is_recognised():
    assert [verb for verb in sorted(VERBS) if not is_participle(past(verb)[1])] == []


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        ("The pump runs; the fan stops.", ["The pump runs", "The fan stops"]),
        ("The valve closes, and the panel trips.", ["The valve closes", "The panel trips"]),
        ("The pump lifts oil and water.", ["The pump lifts oil and water"]),
        ("The range of P1 is 6 bar, the range of P2 is 5 bar.",
         ["The range of P1 is 6 bar", "The range of P2 is 5 bar"]),
    ],
)  # fmt: skip
def test_clauses_with_subjects_of_their_own_are_split(sentence, parts):
    assert split_clauses(sentence) == parts


@pytest.mark.parametrize(
    ("rest", "main", "word", "text"),
    [
        ("the valve because the oil is cold", "the valve", "because", "the oil is cold"),
        ("the valve, since it leaks", "the valve", "since", "it leaks"),
        ("5 minutes after the supply is cut", "5 minutes", "after", "the supply is cut"),
        ("open so that air escapes", "open", "so that", "air escapes"),
    ],
)
def test_a_subordinate_clause_is_cut_off(rest, main, word, text):
    found, tail = cut_tail(rest)
    assert tail is not None
    assert (found, tail.word, tail.text) == (main, word, text)


@pytest.mark.parametrize("rest", ["the valve", "5 minutes after the stop", "to 8 bar"])
def test_a_predicate_without_subordinate_clause_stays_whole(rest):
    assert cut_tail(rest) == (rest, None)


@pytest.mark.parametrize(
    ("predicate", "first"),
    [
        ("the valve and closes the drain", "the valve"),
        ("the valve and the drain", "the valve and the drain"),
        ("the contactor, vents the airend and shows a code", "the contactor"),
        ("to 5 bar and is locked", "to 5 bar"),
    ],
)
def test_a_second_verb_ends_the_first_predicate(predicate, first):
    assert first_predicate(predicate) == first


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("If the dryer leaks, leave the room.", ("if", "the dryer leaks", "leave the room")),
        ("When no data arrive, the bar turns red.",
         ("when", "no data arrive", "the bar turns red")),
        ("If the pump, the fan or the belt fails, the package stops.",
         ("if", "the pump, the fan or the belt fails", "the package stops")),
        ("The dryer leaks if it is old.", None),
        ("If in doubt", None),
    ],
)  # fmt: skip
def test_a_condition_in_front_is_told_from_its_main_clause(sentence, found):
    assert leading_condition(sentence) == found


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("between the pump and the valve", "between the pump and the valve"),
        ("at Settings, Network, Test", "at Settings, Network, Test"),
        ("in the book, so that it is found", "in the book"),
        ("by a relief valve and is sealed", "by a relief valve"),
        ("to the department without conversion", "to the department"),
    ],
)
def test_a_phrase_ends_before_the_next_predicate(text, phrase):
    assert end_of_phrase(text) == phrase


@given(st.text(alphabet='TheaisofItmust bar5,.;:"()', max_size=80))
def test_no_sentence_breaks_the_analysis(text):
    clause = analyse(text)
    if clause is not None:
        assert clause.inverted()
        assert clause.declared()
    analyse_command(text)
    leading_condition(text)
    assert split_clauses(text)
