"""Refusals in five languages, and the answers that sound like one."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.evaluation.metrics import MAX_REFUSAL_WORDS, looks_like_refusal
from sfta.evaluation.refusals import LANGUAGES, says_not_told, spoken

REFUSALS = {
    "English": (
        "The documents do not contain the answer.",
        "I'm sorry, but the provided context does not mention the torque.",
        "The source documents don't indicate who built it.",
        "It is not answered in the passage.",
        "This information is not available in the text.",
        "There is no relevant information about it.",
        "No information is given.",
        "No passage mentions the pressure.",
        "No details regarding the price.",
        "Not mentioned.",
        "I do not have enough information to answer.",
        "I don't have access to the document.",
        "I cannot answer this question.",
        "Sorry, I can't help with that.",
        "Based on the text, it cannot be determined.",
        "I am not able to find the answer.",
        "The answer could not be found.",
        "I do not know.",
    ),
    "German": (
        "Die Dokumente enthalten die Antwort nicht.",
        "Das Dokument enthält keine Angaben zum Drehmoment.",
        "Der bereitgestellte Text nennt die Farbe nicht.",
        "Die Betriebsanleitung sagt dazu nichts.",
        "Dazu enthält das Dokument keine Informationen.",
        "Dazu steht nichts in den Dokumenten.",
        "Im Handbuch steht dazu nichts.",
        "In den Dokumenten wird das nicht erwähnt.",
        "Der Druck ist nicht angegeben.",
        "Die Antwort ist in den Dokumenten nicht enthalten.",
        "Das geht aus dem Text nicht hervor.",
        "Das lässt sich aus den Unterlagen nicht bestimmen.",
        "Es gibt keine Informationen über die Farbe.",
        "Es liegen leider keine Angaben vor.",
        "Keine Angabe.",
        "Keinerlei Hinweise dazu.",
        "Ich habe nicht genügend Informationen.",
        "Die Frage kann nicht beantwortet werden.",
        "Die Frage lässt sich mit dem Text nicht beantworten.",
        "Leider kann ich diese Frage nicht beantworten.",
        "Das kann ich nicht sagen.",
        "Ich weiß es nicht.",
        "Das weiß ich leider nicht.",
        "Keine Ahnung.",
        "Die Anleitung erwaehnt das nicht.",
    ),
    "French": (
        "Les documents ne contiennent pas la réponse.",
        "Le texte ne précise pas la couleur.",
        "Désolé, le manuel n'est pas clair et ne le mentionne pas.",
        "Ce n’est pas mentionné.",
        "La pression n'est pas indiquée.",
        "La réponse ne figure pas dans les documents.",
        "Il n'y a pas d'information sur ce point.",
        "Aucune information n'est fournie.",
        "Il n'y a aucune mention dans le texte.",
        "Pas assez d'informations.",
        "Impossible de répondre.",
        "Je ne sais pas.",
        "Je ne peux pas répondre à cette question.",
        "Les extraits ne permettent pas de répondre.",
    ),
    "Spanish": (
        "Los documentos no contienen la respuesta.",
        "El texto no menciona el color.",
        "No se menciona.",
        "El par no está especificado.",
        "No hay información sobre la presión.",
        "La respuesta no aparece en los documentos.",
        "No tengo suficiente información.",
        "No puedo responder a esta pregunta.",
        "No se puede determinar.",
        "No lo sé.",
        "No sé.",
    ),
    "Italian": (
        "I documenti non contengono la risposta.",
        "Il testo non menziona il colore.",
        "Non è specificato.",
        "La pressione non viene indicata.",
        "Non ci sono informazioni sulla pressione.",
        "Non c'è risposta.",
        "La risposta non si trova nei documenti.",
        "Non posso rispondere a questa domanda.",
        "Non è possibile determinarlo.",
        "Non lo so.",
    ),
}
ANSWERS = {
    "English": (
        "There is no limit.",
        "The manual does not allow opening the valve under pressure.",
        "No.",
        "None",
        "No oil is needed.",
        "No documents are needed for registration.",
        "No information is stored on the device.",
        "The power source does not provide enough current.",
        "The control unit cannot determine the position.",
        "The charger cannot find the battery.",
        "The lamp is not included.",
        "The battery cannot be found in this compartment.",
        "Do not tell anybody the password.",
        "Unknown faults are reported to the service.",
        "not more than 5 bar",
    ),
    "German": (
        "Nein.",
        "Es gibt keine Grenze.",
        "Das Handbuch erlaubt das nicht.",
        "Das Öl enthält kein Zink.",
        "Die Schrauben sind nicht enthalten.",
        "Die Anleitung darf nicht entfernt werden.",
        "Das Dokument nennt 5 bar, nicht 7 bar.",
        "Der Text sagt, dass man das Ventil nicht öffnen darf.",
        "Das Handbuch nennt nicht mehr als 5 bar.",
        "Nicht öffnen.",
        "Der Motor kann nicht gefunden werden.",
        "Die Stromquelle gibt nicht genug Strom ab.",
        "keine",
        "Keine Hinweise an Dritte weitergeben.",
        "Er weiß nicht, wer die Pumpe gebaut hat.",
    ),
    "French": (
        "Non.",
        "Il n'y a pas de limite.",
        "Le manuel ne permet pas d'ouvrir la vanne.",
        "L'huile ne contient pas de zinc.",
        "La lampe n'est pas incluse.",
        "Impossible d'ouvrir la vanne sous pression.",
        "Ne pas indiquer le mot de passe.",
        "Aucune information n'est transmise au fabricant.",
        "Pas plus de 5 bar",
    ),
    "Spanish": (
        "No.",
        "No hay límite.",
        "El manual no permite abrir la válvula.",
        "El aceite no contiene zinc.",
        "La fuente no proporciona corriente.",
        "No se encuentra en el depósito.",
        "No se abre.",
        "No indica más de 5 bar.",
    ),
    "Italian": (
        "No.",
        "Non c'è limite.",
        "Il manuale non consente di aprire la valvola.",
        "L'olio non contiene zinco.",
        "La lampada non è inclusa.",
        "Non aprire.",
        "Non più di 5 bar",
    ),
}


def told(table):
    return [(name, text) for name, texts in table.items() for text in texts]


def test_every_language_has_its_table():
    assert list(REFUSALS) == list(ANSWERS) == list(LANGUAGES)


@pytest.mark.parametrize(("language", "text"), told(REFUSALS))
def test_a_refusal_is_recognised_by_the_phrases_of_its_language(language, text):
    assert looks_like_refusal(text, "")
    assert language in spoken(text)


@pytest.mark.parametrize(("language", "text"), told(ANSWERS))
def test_an_answer_with_a_negation_is_no_refusal(language, text):
    assert not says_not_told(text), language


ANY = st.sampled_from([text for _, text in told(REFUSALS)])
MARGIN = st.text("\n\t .!*\"'()", max_size=4)


@given(ANY, MARGIN, st.sampled_from(["NFC", "NFD"]), st.booleans())
def test_spelling_and_signs_around_it_do_not_hide_a_refusal(text, margin, form, shouted):
    spelt = unicodedata.normalize(form, text.replace("'", "\u2019"))
    spelt = spelt.upper() if shouted else spelt
    assert says_not_told(f"{spelt}{margin}")


@given(ANY, st.integers(0, 60))
def test_only_the_length_tells_a_refusal_from_an_answer_that_holds_one(text, more):
    long = f"{text} {'word ' * more}"
    assert looks_like_refusal(long, "") <= (len(long.split()) <= MAX_REFUSAL_WORDS)


@given(st.builds("{} {}".format, st.integers(), st.sampled_from(["bar", "mm", "%", "°C", ""])),
       st.sampled_from(["", "The documents say ", "Laut Handbuch ", "Le manuel indique ",
                        "El manual indica ", "Il manuale indica "]))  # fmt: skip
def test_a_value_is_never_a_refusal_whoever_is_said_to_state_it(value, said):
    assert not says_not_told(f"{said}{value}")


@given(st.text(max_size=400))
def test_any_text_is_read(text):
    assert says_not_told(text) in (True, False)
