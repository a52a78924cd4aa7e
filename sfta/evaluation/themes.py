"""Colours of the figures, in both appearances."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of one appearance."""

    paper: str
    ink: str
    faint: str
    series: tuple[str, ...]


# After Okabe and Ito: told apart with any colour vision. Each has a contrast of 3 to its paper.
THEMES: Mapping[str, Theme] = {
    "light": Theme(
        "#ffffff",
        "#1f2328",
        "#d8dee4",
        ("#6e7781", "#0072b2", "#b86e00", "#00805c", "#a0518a", "#c04a00"),
    ),
    "dark": Theme(
        "#161b22",
        "#e6edf3",
        "#30363d",
        ("#7d8590", "#56b4e9", "#e69f00", "#2fbf97", "#e08fc2", "#ff8c4c"),
    ),
}
