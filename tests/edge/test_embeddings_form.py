"""Which requests for vectors are texts, and which are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.api.embeddings import MOST_CHARACTERS, MOST_TEXTS, texts_of
from sfta_edge.errors import ConfigError


@pytest.mark.parametrize(
    ("given_input", "texts"),
    [("oil", ["oil"]), (["oil", "air"], ["oil", "air"]), (["\ud800"], ["?"])],
)
def test_texts_are_read(given_input, texts):
    assert texts_of({"input": given_input}, 4) == texts


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"input": None},
        {"input": ""},
        {"input": []},
        {"input": ["oil", " "]},
        {"input": [1, 2, 3]},
        {"input": [[1, 2], [3]]},
        {"input": {"text": "oil"}},
        {"input": ["x"] * (MOST_TEXTS + 1)},
        {"input": "x" * (MOST_CHARACTERS + 1)},
        {"input": ["x" * MOST_CHARACTERS, "x"]},
        {"input": "oil", "encoding_format": "hex"},
        {"input": "oil", "encoding_format": 5},
        {"input": "oil", "dimensions": 2},
    ],
)
def test_what_is_no_text_or_too_much_is_refused(body):
    with pytest.raises(ConfigError):
        texts_of(body, 4)


def test_the_dimensions_there_are_may_be_asked_for():
    assert texts_of({"input": "oil", "dimensions": 4}, 4) == ["oil"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["input", "encoding_format", "dimensions"]), json_values)
)
def test_any_body_is_read_or_refused(body):
    try:
        texts = texts_of(body, 4)
    except ConfigError:
        return
    assert texts
    assert all(text.strip() for text in texts)
