"""Names of WordprocessingML as lxml spells them, and the values of its switches."""

from typing import Any

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MATH_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
MATH = frozenset(
    "{http://schemas.openxmlformats.org/officeDocument/2006/math}" + name
    for name in ("oMath", "oMathPara")
)
ALTERNATIVES = "{http://schemas.openxmlformats.org/markup-compatibility/2006}AlternateContent"
CHOICE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Choice"
PICTURES = frozenset(
    (
        "{http://schemas.openxmlformats.org/drawingml/2006/main}blip",
        "{urn:schemas-microsoft-com:vml}imagedata",
    )
)
_OFF = frozenset(("0", "false", "off", "none"))


def w(name: str) -> str:
    """The full name of an element or attribute of WordprocessingML."""
    return _WORD + name


def value(parent: Any, name: str) -> str:
    """`w:val` of the child of that name; empty without one."""
    child = None if parent is None else parent.find(w(name))
    return "" if child is None else child.get(w("val"), "")


def switch(parent: Any, name: str) -> bool | None:
    """Whether a property is on or off; None where nothing is said."""
    child = None if parent is None else parent.find(w(name))
    return None if child is None else child.get(w("val"), "1") not in _OFF


def number(text: str | None, otherwise: int) -> int:
    """A small whole number written in an attribute, else the given one."""
    try:
        found = int(text or "")
    except ValueError:
        return otherwise
    return found if abs(found) < 1 << 31 else otherwise
