"""Phrases that say "the documents do not tell", in the languages that questions are asked in.

A pattern matches lower-case text without accents. It names what does not tell (a source) or what
is not told (information, the answer), because a bare negation is an answer: "There is no limit",
"The manual does not allow it", "Das Öl enthält kein Zink".
"""

import re
import unicodedata
from collections.abc import Mapping

_GAP = r"[^.,;:!?]{0,40}?"
"""What may stand between two parts of a phrase: some words of the same clause."""

_EN_SOURCE = (
    r"(?:documents?|texts?|contexts?|passages?|excerpts?|manuals?|information|"
    r"(?:the|these|those|your|any|provided|given|available)\s+sources?)"
)
_EN_VERB = r"(?:contain|mention|provide|state|say|specify|include|hold|give|answer|address)"
_EN_DONE = (
    r"(?:mentioned|provided|stated|specified|given|found|contained|available|included|"
    r"indicated|answered)"
)
_EN_NOT = r"(?:do|does|did)(?:\s+not|n't)"
_EN_UNABLE = r"(?:can\s?not|can't|could\s+not|couldn't|unable\s+to|not\s+able\s+to)"
_ENGLISH = (
    rf"\b{_EN_SOURCE}\b[^.!?]{{0,40}}\b{_EN_NOT}\s+(?:\w+\s+)?{_EN_VERB}\b",
    rf"\b{_EN_SOURCE}\s+{_EN_NOT}\s+(?:\w+\s+)?(?:indicate|tell)\b",
    rf"\bnot\s+(?:\w+\s+)?{_EN_DONE}\s+(?:in|by|within|from)\s+(?:\w+\s+){{0,3}}{_EN_SOURCE}\b",
    r"\b(?:is|are|was|were)(?:\s+not|n't)\s+(?:\w+\s+)?mentioned\b",
    r"^not\s+(?:mentioned|specified|stated)\W*$",
    rf"\bno\s+(?:document|passage|text|source)s?\b{_GAP}\b{_EN_VERB}s?\b",
    (
        r"\bno\s+(?:\w+\s+)?(?:information|mention|details?)\s+(?:\w+\s+)?"
        r"(?:about|on|regarding|concerning|in|for|of)\b"
    ),
    rf"\bno\s+(?:\w+\s+)?(?:information|mention|answer)\s+(?:is|was|are|were)\s+{_EN_DONE}\b",
    rf"\bno\s+(?:\w+\s+)?(?:information|answer)\s+{_EN_DONE}\b",
    r"\bno\s+(?:relevant\s+)?information\W*$",
    r"\b(?:not\s+enough|insufficient)\s+(?:information|context|details?)\b",
    rf"\b(?:question|answer|it|this|that)\s+{_EN_UNABLE}\s+be\s+(?:found|answered)\b",
    rf"\b{_EN_UNABLE}\s+be\s+determined\b",
    (
        rf"(?:^|[.!?,]\s+|\b(?:i|i'm|i\s+am|we|but)\s+)(?:am\s+)?{_EN_UNABLE}\s+"
        r"(?:answer|determine|find|provide|help|assist|tell|say)\b"
    ),
    rf"\b{_EN_UNABLE}\s+answer\s+(?:the|this|that|your)\s+question\b",
    r"\b(?:i|we)\s+(?:do\s+not|don't)\s+(?:know|have\s+(?:\w+\s+)?(?:information|access))\b",
)

_DE_SOURCE = (
    r"(?:\w*(?:dokument|text|auszug|abschnitt|handbuch)(?:e?s|en?|ern?)?|\w*auszuge?n?|"
    r"\w*handbuche?rn?|\w*anleitung(?:en)?|unterlagen?|passagen?|ausschnitte?n?|"
    r"(?:der|den|die|diesen?|angegebenen?|genannten?)\s+quellen?|angaben|informationen)"
)
_DE_VERB = (
    r"(?:enthae?lt|enthalten|nennt|nennen|erwae?hnt|erwae?hnen|beinhalte[tn]|sagt|sagen|"
    r"beantworte[tn]|spezifizier(?:t|en)|beschreib(?:t|en)|verrae?t|verraten|steht|stehen)"
)
_DE_DONE = (
    r"(?:erwae?hnt|genannt|angegeben|aufgefue?hrt|spezifiziert|beschrieben|beantwortet|"
    r"enthalten|zu\s+finden|ersichtlich)"
)
_DE_NOT = (
    r"(?:nicht(?!\s+(?:mehr|weniger|nur|unter|ue?ber|vor|nach|ohne|alle[ns]?|jede[nrs]?)\b)|"
    r"nichts|keine?r?|keinerlei)"
)
_DE_INFORMATION = (
    r"(?:information(?:en)?|angaben?|auskunft|aussagen?|hinweise?|antwort|erwae?hnung)"
)
_GERMAN = (
    rf"\b{_DE_SOURCE}\s+{_GAP}{_DE_VERB}\s+{_GAP}\b{_DE_NOT}\b",
    rf"\b{_DE_VERB}\s+(?:\w+\s+){{0,2}}{_DE_SOURCE}\s+{_GAP}\b{_DE_NOT}\b",
    rf"\b(?:steht|stehen|findet|finden)\b{_GAP}\bnichts\b{_GAP}\b{_DE_SOURCE}\b",
    (
        rf"\b(?:in|aus|von|laut)\b{_GAP}\b{_DE_SOURCE}\b{_GAP}\bnicht\s+(?:\w+\s+)?"
        rf"(?:{_DE_DONE}|hervor|entnehmen|entnommen|beantworten|bestimmen|ermitteln)\b"
    ),
    (
        rf"\bnicht\s+(?:in|aus|von)\b{_GAP}\b{_DE_SOURCE}\b{_GAP}\b"
        rf"(?:{_DE_DONE}|hervor|entnehmen|entnommen)\b"
    ),
    (
        r"\b(?:wird|werden|wurden?|ist|sind)\s+(?:\w+\s+){0,3}nicht\s+(?:\w+\s+)?"
        r"(?:erwae?hnt|genannt|angegeben|spezifiziert)\b"
    ),
    r"^nicht\s+(?:erwae?hnt|genannt|angegeben)\W*$",
    (
        rf"\b(?:keine?|keinerlei)\s+(?:\w+\s+)?{_DE_INFORMATION}\s+(?:\w+\s+)?"
        r"(?:zu[mr]?|ue?ber|dazu|darue?ber|hierzu|in|im|auf|gefunden|enthalten|verfue?gbar|vorhanden|"
        r"vor|gegeben|gemacht)\b"
    ),
    rf"^(?:\w+\s+){{0,6}}(?:keine?|keinerlei)\s+(?:\w+\s+)?{_DE_INFORMATION}\W*$",
    rf"\b(?:nicht\s+(?:genue?gend|genug|ausreichend)|unzureichende)\s+{_DE_INFORMATION}\b",
    (
        r"\b(?:frage|antwort)\b[^.;:!?]{0,60}\bnicht\s+(?:\w+\s+)?"
        r"(?:beantwort(?:en|et)|gefunden|finden|bestimm(?:en|t)|ermittel[nt]|geben)\b"
    ),
    (
        r"\bich\s+(?:\w+\s+){0,2}kann\s+(?:\w+\s+){0,4}nicht\s+"
        r"(?:beantworten|sagen|bestimmen|ermitteln|finden|helfen)\b"
    ),
    (
        r"\bkann\s+ich\s+(?:\w+\s+){0,3}nicht\s+"
        r"(?:beantworten|sagen|bestimmen|ermitteln|finden|helfen)\b"
    ),
    r"\b(?:ich\s+weiss|weiss\s+ich)\s+(?:\w+\s+){0,2}nicht\b",
    r"\bkeine\s+ahnung\b",
)

_FR_SOURCE = (
    r"(?:documents?|textes?|contextes?|passages?|extraits?|manuels?|notices?|"
    r"(?:les|ces|aucune)\s+sources?|informations?\s+(?:fournies?|donnees?|disponibles?))"
)
_FR_VERB = (
    r"(?:contien(?:t|nent)|mentionne(?:nt)?|indique(?:nt)?|precise(?:nt)?|fourni(?:t|ssent)|"
    r"di(?:t|sent)|donne(?:nt)?|specifie(?:nt)?|repond(?:ent)?|"
    r"permet(?:tent)?\s+pas\s+de\s+(?:repondre|determiner|savoir))"
)
_FR_DONE = r"(?:mentionnee?|precisee?|indiquee?|specifiee?|fournie?|donnee?|trouvee?)s?"
_FRENCH = (
    rf"\b{_FR_SOURCE}\b{_GAP}\bne\s+(?:l[ae]s?\s+|le\s+|l'|nous\s+|en\s+)?{_FR_VERB}\b",
    (
        rf"\bn'\s?(?:est|sont|a|ont)\s+pas\s+(?:ete\s+)?(?:\w+\s+)?{_FR_DONE}\s+"
        rf"(?:dans|par)\s+(?:\w+\s+){{0,3}}{_FR_SOURCE}\b"
    ),
    r"\bn'\s?(?:est|sont)\s+pas\s+(?:\w+\s+)?(?:mentionne|precise|specifie|indique)e?s?\b",
    (
        rf"\bne\s+(?:se\s+trouve(?:nt)?|figure(?:nt)?)\s+(?:pas\s+)?(?:dans|sur)\s+(?:\w+\s+){{0,3}}"
        rf"{_FR_SOURCE}\b"
    ),
    (
        r"\b(?:aucune?|pas\s+d(?:'|e\s+))\s?(?:information|mention|indication|reponse)s?\s+(?:\w+\s+)?"
        r"(?:sur|concernant|a\s+ce\s+sujet|a\s+propos|relative|dans|disponible|fournie|trouvee)"
    ),
    (
        r"\baucune\s+(?:information|mention|reponse)\s+n'\s?(?:est|a\s+ete)\s+"
        r"(?:fournie|donnee|disponible|trouvee|faite)\b"
    ),
    r"\b(?:aucune\s+|pas\s+d')(?:information|indication)s?\W*$",
    r"\bpas\s+assez\s+d'informations?\b",
    r"\binformations?\s+insuffisantes?\b",
    r"\bimpossible\s+de\s+(?:repondre|le\s+(?:dire|savoir))\b",
    r"\bje\s+ne\s+(?:le\s+)?sais\s+pas\b",
    (
        r"\bje\s+ne\s+(?:peux|suis)\s+pas\s+(?:en\s+mesure\s+de\s+)?(?:repondre|le\s+dire|"
        r"determiner|trouver|aider|vous\s+aider)\b"
    ),
    r"\bje\s+ne\s+trouve\s+pas\b",
)

_ES_SOURCE = (
    r"(?:documentos?|textos?|contextos?|pasajes?|fragmentos?|manual(?:es)?|(?:las|estas)\s+fuentes|"
    r"informacion\s+(?:proporcionada|dada|disponible))"
)
_ES_VERB = (
    r"(?:contienen?|mencionan?|indican?|especifican?|proporcionan?|dicen?|responden?|senalan?)"
)
_SPANISH = (
    rf"\b{_ES_SOURCE}\b{_GAP}\bno\s+(?:se\s+|l[oa]s?\s+)?{_ES_VERB}\b",
    (
        r"\bno\s+(?:se|esta|estan|es|fue)\s+(?:\w+\s+)?"
        r"(?:mencionan?|especifican?|indican?|mencionad|especificad|indicad)[ao]?s?\b"
    ),
    (
        rf"\bno\s+(?:aparecen?|figuran?|se\s+encuentran?|esta|estan)\s+(?:\w+\s+)?en\s+"
        rf"(?:\w+\s+){{0,3}}{_ES_SOURCE}\b"
    ),
    (
        r"\bno\s+(?:hay|existe|contienen?|tengo|se\s+encontro|encuentro)\s+(?:\w+\s+)?"
        r"(?:informacion|mencion|datos\s+sobre|respuesta)\b"
    ),
    r"\bninguna\s+(?:informacion|mencion)\s+(?:sobre|de|en|al\s+respecto)\b",
    r"\binformacion\s+insuficiente\b",
    (
        r"\bno\s+(?:puedo|se\s+puede|es\s+posible|soy\s+capaz\s+de)\s+"
        r"(?:responder|determinar(?:lo|se)?|contestar|saber(?:lo)?|ayudar(?:te|le)?)\b"
    ),
    r"\b(?:yo\s+)?no\s+lo\s+se\b",
    r"\bno\s+se\s+la\s+respuesta\b",
    r"^no\s+se\W*$",
)

_IT_SOURCE = (
    r"(?:document[oi]|test[oi]|contest[oi]|passagg(?:i|io)|bran[oi]|estratt[oi]|manual[ei]|"
    r"(?:le|queste)\s+fonti|informazioni\s+(?:fornite|disponibili|date))"
)
_IT_VERB = (
    r"(?:contiene|contengono|menziona(?:no)?|indica(?:no)?|specifica(?:no)?|fornisc(?:e|ono)|"
    r"dic(?:e|ono)|riporta(?:no)?|rispond(?:e|ono)|precisa(?:no)?)"
)
_ITALIAN = (
    rf"\b{_IT_SOURCE}\b{_GAP}\bnon\s+(?:l[aoei]\s+|lo\s+|l')?{_IT_VERB}\b",
    (
        r"\bnon\s+(?:e|sono|viene|vengono|e\s+stat[oa])\s+(?:\w+\s+)?"
        r"(?:menzionat|specificat|indicat|riportat|precisat)[aeio]\b"
    ),
    (
        rf"\bnon\s+(?:e\s+|sono\s+)?(?:contenut[aeio]|presente|presenti|si\s+trova(?:no)?|"
        rf"compa(?:re|iono)|figura(?:no)?)\s+(?:ne[il]|nell[aeo'])\s?(?:\w+\s+){{0,2}}{_IT_SOURCE}\b"
    ),
    (
        r"\bnon\s+(?:ci\s+sono|c'e|ho|trovo|contien[ei]|contengono|fornisc\w+)\s+(?:\w+\s+)?"
        r"(?:informazion[ei]|menzione|risposta)\b"
    ),
    r"\bnessuna\s+(?:informazione|menzione)\s+(?:su|sul|sull|sulla|in|nel|nei|al\s+riguardo)\b",
    r"\binformazioni\s+insufficienti\b",
    (
        r"\bnon\s+(?:posso|sono\s+in\s+grado\s+di|e\s+possibile|si\s+puo)\s+"
        r"(?:rispondere|determinar(?:e|lo)|stabilirlo|dirlo|aiutar(?:ti|la|vi))\b"
    ),
    r"\bnon\s+(?:lo\s+so|so\s+rispondere|conosco\s+la\s+risposta)\b",
    r"^non\s+so\W*$",
)

LANGUAGES: Mapping[str, tuple[re.Pattern[str], ...]] = {
    name: tuple(re.compile(pattern) for pattern in patterns)
    for name, patterns in {
        "English": _ENGLISH,
        "German": _GERMAN,
        "French": _FRENCH,
        "Spanish": _SPANISH,
        "Italian": _ITALIAN,
    }.items()
}
"""By the language's name, as reports say it."""


def says_not_told(text: str) -> bool:
    """Whether a text holds a phrase of one of `LANGUAGES`, whichever it is written in."""
    return bool(spoken(text))


def spoken(text: str) -> list[str]:
    """The languages of which a text holds a phrase."""
    bare = _bare(text)
    return [
        name
        for name, patterns in LANGUAGES.items()
        if any(pattern.search(bare) for pattern in patterns)
    ]


def _bare(text: str) -> str:
    """Without case and accents: `weiß` is `weiss`, `n’est précisé` is `n'est precise`."""
    split = unicodedata.normalize("NFKD", text.casefold().replace("\u2019", "'"))
    joined = "".join(sign for sign in split if not unicodedata.combining(sign))
    return " ".join(joined.split())
