"""Pages of records as a browser takes them apart."""

import base64
import hashlib
import json
from html.parser import HTMLParser

ATTACKS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!--<script>",
    "]]>\u2028",
    "{{ 7 * 7 }}",
]


class Reader(HTMLParser):
    """Every tag with its attributes, and the text of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.blocks, self._open = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open = tag in ("script", "style")
        if self._open:
            self.blocks.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag):
        self._open = False

    def handle_data(self, data):
        if self._open:
            tag, attrs, text = self.blocks[-1]
            self.blocks[-1] = (tag, attrs, text + data)


def data_of(html):
    """What the page's script is given."""
    (block,) = [t for _, attrs, t in Reader(html).blocks if attrs.get("id") == "data"]
    return json.loads(block)


def assert_loads_nothing(html):
    """Nothing of the page comes from outside."""
    for tag, attrs in Reader(html).tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not {"src", "srcset", "style", "onclick", "onload"} & set(attrs), tag
        assert attrs.get("href", "#").startswith("#")
    assert "@import" not in html
    assert "url(" not in html


def assert_policy_names_digests(html):
    """The policy allows the page's own script and style, and nothing else."""
    reader = Reader(html)
    (policy,) = [a["content"] for _, a in reader.tags
                 if a.get("http-equiv") == "Content-Security-Policy"]  # fmt: skip
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "connect-src" not in policy
    for tag, attrs, text in reader.blocks:
        if attrs.get("id") != "data":
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{tag}-src 'sha256-{digest}'" in policy
