"""Pages of records: their data cannot end its block, and their script stands as one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from read_html import ATTACKS, Reader, assert_policy_names_digests, data_of
from sfta.core.page import rendering
from sfta.core.page.rendering import render

TEMPLATE = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'sha256-{{ script_digest }}'; style-src 'sha256-{{ style_digest }}'\">"
    '<h1>{{ name }}</h1><style>{{ style }}</style><script type="application/json" id="data">'
    "{{ data }}</script><script>{{ script }}</script>"
)
FILES = {
    "page.js": "shared();",
    "page.css": "a {}",
    "one.js": "one();",
    "two.js": "two();",
    "own.css": "b {}",
    "page.j2": TEMPLATE,
}


@pytest.fixture(autouse=True)
def own_files(monkeypatch):
    monkeypatch.setattr(rendering, "_own", lambda package, name: FILES[name])


def rendered(data=None, **values):
    return render(
        "anything",
        template="page.j2",
        scripts=("one.js", "two.js"),
        styles=("own.css",),
        data=data,
        **{"name": "pumps", **values},
    )


def test_what_pages_share_stands_before_their_own():
    scripts = [
        text for tag, attrs, text in Reader(rendered()).blocks if tag == "script" and not attrs
    ]
    assert scripts == ["shared();one();two();"]
    assert "<style>a {}b {}</style>" in rendered()
    assert_policy_names_digests(rendered())


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_value_is_escaped_and_data_cannot_end_its_block(attack):
    tags = [tag for tag, _ in Reader(rendered()).tags]
    html = rendered({"text": attack, attack: 1}, name=attack)
    assert [tag for tag, _ in Reader(html).tags] == tags
    assert data_of(html) == {"text": attack, attack: 1}


TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none() | st.booleans() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)


@given(JSON)
def test_whatever_is_embedded_comes_back(data):
    embedded = rendering._embedded(data)
    assert json.loads(embedded) == data
    assert not set("<>&\u2028\u2029") & set(embedded)


def test_a_field_that_nobody_gives_is_an_error():
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        render("anything", template="page.j2", scripts=(), styles=(), data=None)
