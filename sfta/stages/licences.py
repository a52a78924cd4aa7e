"""Licences of the models in a bundle: their texts, and what the model card says of them."""

from collections.abc import Mapping
from pathlib import Path

from sfta.adapters.model_licence import ModelLicence

FOLDER = "licences"
_ASK = "ask its maker for it before you pass the bundle on"


def write_licences(root: Path, found: Mapping[str, ModelLicence]) -> None:
    """Put every text into a folder named after its part."""
    for part, licence in found.items():
        for name, text in sorted(licence.texts.items()):
            path = root / FOLDER / part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)


def licence_line(part: str, licence: ModelLicence) -> str:
    """One sentence on a part: its licence, and where the text is or that there is none."""
    stated = f"`{licence.stated}`" if licence.stated else "not stated"
    where = f"`{FOLDER}/{part}/`"
    if licence.has_own_text:
        return f"{stated}; the text is in {where}"
    if licence.texts:
        return (
            f"{stated}; its text was not found, {_ASK}. In {where} is the licence of the package "
            f"{licence.package} it came in ({licence.package_stated or 'not stated'})"
        )
    return f"{stated}; its text was not found, {_ASK}"
