"""Pages that need nothing else: template, style and pictures of this package in one file.

Questions, outputs and document texts are untrusted. The templates escape all of them, and a
content security policy forbids scripts and every request.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from sfta.evaluation import spelling


@dataclass(frozen=True, slots=True)
class Pictures:
    """Figures by name, in both appearances."""

    light: Mapping[str, bytes]
    dark: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with its words."""

    light: str
    dark: str
    caption: str
    alt: str
    """What a reader who cannot see it is told."""


def render(template: str, **values: Any) -> str:
    """A page from one of our templates; every value is escaped."""
    # Autoescape is on for every value: nothing below marks foreign text as safe.
    environment = Environment(
        loader=FunctionLoader(_own),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": spelling.number,
        "interval": spelling.interval,
        "signed": spelling.signed,
        "bound": spelling.bound,
    }
    style = Markup(_own("report.css"))  # noqa: S704 our own file
    return environment.get_template(template).render(style=style, **values)


def figure(pictures: Pictures, name: str, caption: str, alt: str) -> Figure:
    """One picture, ready for a template."""
    light, dark = pictures.light[name], pictures.dark[name]
    return Figure(_data_uri(light), _data_uri(dark), caption, alt)


def _own(name: str) -> str:
    return files("sfta.evaluation").joinpath(name).read_text("utf-8")


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
