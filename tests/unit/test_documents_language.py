"""The language of a document, from a model that comes with its package."""

import pytest

from sfta.documents.language import language_of

SENTENCES = {
    "en": "The compressor delivers air without oil, and both rotors turn in dry air all day.",
    "de": "Der Kompressor liefert ölfreie Luft, und beide Rotoren drehen sich in trockener Luft.",
    "fr": "Le compresseur fournit de l'air sans huile, et les deux rotors tournent à sec.",
    "es": "El compresor suministra aire sin aceite y ambos rotores giran siempre en aire seco.",
    "nl": "De compressor levert olievrije lucht en beide rotoren draaien altijd in droge lucht.",
    "ja": "圧縮機は油を含まない空気を供給し、二つの回転子は常に乾いた空気の中で回ります。" * 2,
}


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_is_enough(code):
    assert language_of([SENTENCES[code]]) == code


def test_the_language_of_most_of_the_text_counts():
    assert language_of([SENTENCES["de"], SENTENCES["en"] * 9]) == "en"


@pytest.mark.parametrize(
    "text",
    ["", "Too short.", "12 34 56 | 78", "| " + SENTENCES["en"] + " |", "qx " * 40],
    ids=["empty", "short", "numbers", "table", "noise"],
)
def test_what_cannot_be_told_is_said_so(text):
    assert language_of([text]) == "und"


def test_a_text_without_words_of_any_language_is_undetermined():
    codes = " ".join(f"{a}{b}{c}" for a in "ABCDE" for b in "FGHI" for c in "JKL")
    assert language_of([codes]) == "und"


def test_a_long_document_is_not_read_to_its_end():
    def pages():
        yield SENTENCES["en"] * 200
        raise AssertionError

    assert language_of(pages()) == "en"
