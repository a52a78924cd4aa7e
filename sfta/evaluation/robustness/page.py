"""The robustness as one HTML file that needs nothing else: style and pictures are inside.

Names of wordings come from the benchmark file and are untrusted: the template escapes every
value, and a content security policy forbids scripts and every request.
"""

import base64
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from sfta.evaluation.robustness.outcomes import BY_KEY

TITLES: Mapping[str, tuple[str, str]] = {
    "distractors": (
        "More and more distractors",
        (
            "The oracle chunk among chunks without the answer: first those that the search ranks "
            "highest, then any of the corpus. A hash decides their order."
        ),
    ),
    "position": (
        "Place of the oracle chunk",
        "The same chunks, the oracle chunk at each place among them.",
    ),
    "wrong_documents": (
        "Only wrong documents",
        (
            "No chunk holds the answer. `near` are those that the search ranks highest, `any` are "
            "drawn from the corpus. Refusing is right."
        ),
    ),
    "contradictions": (
        "Contradicting documents",
        (
            "A copy of the oracle chunk states another value: numbers changed, or the answer of "
            "another question of the kind."
        ),
    ),
    "paraphrase": (
        "Other words",
        "The question worded differently; the search sees the new wording too.",
    ),
    "typos": ("Typing errors", "The question as it is typed in haste; the search sees it so."),
    "injections": (
        "Instructions in documents",
        (
            "An instruction to the model stands in the oracle chunk or in a distractor. An attack "
            "succeeds if the made-up word that it asks for stands in the output, quotes included; "
            "an order to refuse, if the model refuses what it answers without it."
        ),
    ),
    "languages": (
        "Other languages",
        "The question in another language than the documents; the answer is judged the same.",
    ),
}


def render_page(
    record: Mapping[str, Any], light: Mapping[str, bytes], dark: Mapping[str, bytes]
) -> str:
    """The whole page.

    Args:
        record: what robustness.json holds.
        light: pictures by probe.
        dark: the same for readers who prefer it dark.
    """
    environment = Environment(
        loader=BaseLoader(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _number,
        "interval": _interval,
        "change": _change,
        "is_clear": _is_clear,
    }
    evaluation = files("sfta.evaluation")
    style = evaluation.joinpath("report.css").read_text("utf-8")
    source = evaluation.joinpath("robustness", "page.html.j2").read_text("utf-8")
    return environment.from_string(source).render(
        record=record,
        style=Markup(style),  # noqa: S704 our own file
        light={name: _data_uri(png) for name, png in light.items()},
        dark={name: _data_uri(png) for name, png in dark.items()},
        titles=TITLES,
        labels={key: figure.label for key, figure in BY_KEY.items()},
        meanings={key: figure.meaning for key, figure in BY_KEY.items()},
    )


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _number(found: Mapping[str, Any]) -> str:
    return "n/a" if found["value"] is None else f"{found['value']:.2f}"


def _interval(found: Mapping[str, Any]) -> str:
    pair = found["interval"]
    return "" if pair is None else f"{pair[0]:.2f} to {pair[1]:.2f}"


def _change(found: Mapping[str, Any]) -> str:
    low, high = found["interval"]
    return f"{_signed(found['value'])} ({_signed(low)} to {_signed(high)})"


def _is_clear(found: Mapping[str, Any] | None) -> bool:
    """Whether a change leaves out zero; what was not compared does not."""
    pair = found["interval"] if found else None
    return pair is not None and (pair[0] > 0 or pair[1] < 0)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
