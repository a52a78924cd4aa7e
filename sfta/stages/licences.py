"""Licences of what is in a bundle: the texts, the report, and what must not ship."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sfta.adapters.licence_policy import Licensed, refused
from sfta.adapters.model_licence import ModelLicence
from sfta.adapters.wheel_file import Wheel, installed_licence
from sfta.adapters.wheelhouse import Order
from sfta.stages.cards import table

FOLDER = "licences"
REPORT = f"{FOLDER}/REPORT.md"
_REPORT = """\
# Licences of {name}, bundle {counter}

Refused by default: licences that demand the source of what ships beside a part (GPL, AGPL, SSPL),
those that forbid trade (non-commercial, research, proprietary), and packages that state none. A
library under the LGPL ships: it is a file of its own and can be replaced.

{parts}

Exceptions: {exceptions}

What a licence says of a part is the word of its maker, read from the part and not judged. The
documents in `knowledge/` are the customer's; their licences are in `DATA_CARD.md`, where known.
"""
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


def licence_problems(
    order: Order, models: Mapping[str, ModelLicence], wheels: Sequence[Wheel] | None = None
) -> list[str]:
    """One sentence for each part that the policy refuses; known before a wheel is fetched.

    Without `wheels`, the packages installed here are asked: they have the versions that ship.

    Raises:
        MissingDependencyError: a package that ships is not installed here.
    """
    if wheels is None:
        pins = sorted({pin for listed in order.pins().values() for pin in listed})
        names = [pin.partition("==")[0] for pin in pins]
        parts = [
            Licensed(name, pin, installed_licence(name))
            for name, pin in zip(names, pins, strict=True)
        ]
    else:
        parts = [Licensed(wheel.name, wheel.path.name, wheel.licence) for wheel in wheels]
    parts += [
        Licensed(part, f"the {part.replace('-', ' ')}", licence.stated, must_state=False)
        for part, licence in models.items()
    ]
    return refused(parts, order.exceptions)


def licence_report(
    name: str,
    counter: int,
    wheels: Sequence[Wheel],
    models: Mapping[str, ModelLicence],
    exceptions: Mapping[str, str],
) -> str:
    """Markdown for people: each part, its licence, where its text is, and what was let pass."""
    rows = [
        (
            part,
            "model",
            licence.stated or "not stated",
            f"{FOLDER}/{part}/" * bool(licence.texts),
        )
        for part, licence in models.items()
    ]
    for wheel in wheels:
        place = f"{FOLDER}/{wheel.name}-{wheel.version}/" * bool(wheel.licence_files())
        rows.append((wheel.name, wheel.version, wheel.licence or "not stated", place))
    said = "; ".join(f"{part}: {why}" for part, why in sorted(exceptions.items())) or "none"
    lines = table(("part", "version", "licence", "text"), list(dict.fromkeys(rows)))
    return _REPORT.format(name=name, counter=counter, parts="\n".join(lines), exceptions=said)
