"""What the data card states that no file can tell: licences, owners, limits."""

from typing import Annotated

from pydantic import Field

from sfta.core.config import Section

Text = Annotated[str, Field(min_length=1)]


class SourceTerms(Section):
    """Licence and owner of some of the documents."""

    files: Text
    """Name of a file, or a pattern such as `manuals/*.pdf`; the first that fits counts."""
    licence: Text | None = None
    """SPDX id or words."""
    owner: Text | None = None
    """Who holds the rights."""


class CardConfig(Section):
    """What the data card says of rights and limits. It changes no row."""

    licence: Text | None = None
    """Licence of the dataset: an SPDX id such as CC-BY-4.0, or words. None: the card says that
    it is unknown."""
    owner: Text | None = None
    """Who answers for the dataset."""
    language: list[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]] = []
    """ISO 639 codes of the languages of the documents."""
    sources: list[SourceTerms] = []
    """Licence and owner by document: a list of {files, licence, owner}."""
    teacher_terms: Text | None = None
    """What the teacher's licence or terms allow to be done with its output."""
    limits: list[Text] = []
    """Known limits of the dataset, a sentence each, beside those the card finds itself."""
