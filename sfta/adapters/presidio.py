"""Microsoft Presidio: finds personal data that patterns alone do not find.

Nothing is downloaded. Without a spaCy model only Presidio's pattern recognisers work, on a
blank tokenizer; with the name of an installed model it finds names and places too.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from sfta_edge.errors import ConfigError, MissingDependencyError

Finding = tuple[int, int, str]
Find = Callable[[str], Sequence[Finding]]

_KINDS = {
    "CREDIT_CARD": "CREDIT_CARD",
    "EMAIL_ADDRESS": "EMAIL",
    "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP_ADDRESS",
    "LOCATION": "LOCATION",
    "MEDICAL_LICENSE": "NATIONAL_ID",
    "PERSON": "PERSON",
    "PHONE_NUMBER": "PHONE",
    "UK_NHS": "NATIONAL_ID",
    "US_ITIN": "NATIONAL_ID",
    "US_SSN": "NATIONAL_ID",
}
_LEAST_SCORE = 0.4
_LONGEST = 200_000
"""Characters given to the analyser at once; a spaCy model refuses more than a million."""


def require() -> None:
    """Say so now if Presidio is missing.

    Raises:
        MissingDependencyError: it is not installed.
    """
    if find_spec("presidio_analyzer") is None:
        raise MissingDependencyError(
            "ingest.redaction: presidio needs the package presidio-analyzer",
            hint="Run `pip install 'sfta[presidio]'`, or set ingest.redaction to regex.",
        )


def finder(model: str = "") -> Find:
    """A function from text to what Presidio finds in it: start, end and kind, in order.

    Raises:
        MissingDependencyError: Presidio is not installed.
        ConfigError: there is no spaCy model of this name.
    """
    require()
    analyser, language = _analyser(model)

    def find(text: str) -> list[Finding]:
        found: list[Finding] = []
        for start in range(0, len(text), _LONGEST):
            results = analyser.analyze(
                text[start : start + _LONGEST],
                language=language,
                entities=[kind for kind in _KINDS if kind in supported],
                score_threshold=_LEAST_SCORE,
            )
            found += [(start + r.start, start + r.end, _KINDS[r.entity_type]) for r in results]
        return sorted(found)

    supported = set(analyser.get_supported_entities(language))
    return find


def _analyser(model: str) -> tuple[Any, str]:
    import spacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    # Presidio asks this for the domain of an address; by default it fetches a list from the web.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    try:
        pipeline = spacy.load(model) if model else spacy.blank("en")
    except OSError as error:
        raise ConfigError(
            f"ingest.presidio_model: there is no spaCy model {model}",
            hint="Install its wheel, or leave the key empty for pattern recognisers only.",
        ) from error
    language = str(pipeline.lang)
    engine = SpacyNlpEngine(models=[{"lang_code": language, "model_name": model or "blank"}])
    engine.nlp = {language: pipeline}
    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language], nlp_engine=engine)
    return (
        AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language]),
        language,
    )
