"""Which language a document is written in.

py3langid (BSD-3-Clause) holds its model in its wheel, as plain arrays: no download, no pickle,
the same answer every time.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

UNDETERMINED = "und"
_LETTERS = 12_000
"""Read of one document: more does not change the answer and costs time."""
_LEAST_LETTERS = 60
_LEAST_CONFIDENCE = 0.5
_NO_LANGUAGE = "zxx"


def language_of(texts: Iterable[str]) -> str:
    """ISO 639-1 code of the language that most of the text is in, or `und`.

    `und` means too few letters to tell, or no language that stands out: part lists, code.
    """
    sample = "".join(_prose(texts))
    if sum(char.isalpha() for char in sample) < _LEAST_LETTERS:
        return UNDETERMINED
    language, confidence = _identifier().classify(sample)
    sure = confidence >= _LEAST_CONFIDENCE and language != _NO_LANGUAGE
    return str(language) if sure else UNDETERMINED


def _prose(texts: Iterable[str]) -> Iterator[str]:
    """The first letters of the running text; rows of tables say little of a language."""
    left = _LETTERS
    for text in texts:
        for line in text.split("\n"):
            if line.startswith("|"):
                continue
            yield line[:left] + "\n"
            left -= len(line)
            if left <= 0:
                return


@cache
def _identifier() -> Any:
    # Loading takes most of a second.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
