"""An HTML file that needs nothing else and sends nothing.

Its records are foreign text. They stand in a block of JSON in which no ``<`` is left, and the
script sets them as text only. A content security policy names the digests of the page's own script
and style and forbids everything else, requests included.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

_SHARED = "sfta.core.page"


def render(
    package: str,
    *,
    template: str,
    scripts: Sequence[str],
    styles: Sequence[str],
    data: object,
    **values: Any,
) -> str:
    """The page.

    Args:
        package: that holds the files of the page; `page.js` and `page.css` stand before them.
        template: with the fields script, style, their digests, and data.
        scripts: in this order, as one.
        styles: likewise.
        data: what the script finds in the block `data`.
        values: further fields of the template.
    """
    script = _own(_SHARED, "page.js") + "".join(_own(package, name) for name in scripts)
    style = _own(_SHARED, "page.css") + "".join(_own(package, name) for name in styles)
    environment = Environment(
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.from_string(_own(package, template)).render(
        script=Markup(script),  # noqa: S704 our own file
        style=Markup(style),  # noqa: S704 our own file
        script_digest=_csp_digest(script),
        style_digest=_csp_digest(style),
        data=Markup(_embedded(data)),  # noqa: S704 no character of it can end the block
        **values,
    )


def _embedded(data: object) -> str:
    """JSON in which no character can end the block it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _own(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text("utf-8")


def _csp_digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
