"""Licences that may ship: the meaning of an expression counts, not the order of its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.adapters.licence_policy import Licensed, is_permitted, refused

FREE = ("MIT", "Apache-2.0", "BSD-3-Clause", "LGPL-2.1-only", "MPL-2.0")
BARRED = ("GPL-3.0-only", "AGPL-3.0-or-later", "SSPL-1.0", "CC-BY-NC-4.0")


@pytest.mark.parametrize(
    ("licence", "permitted"),
    [
        ("(MIT OR GPL-2.0-only) AND AGPL-3.0-only", False),
        ("AGPL-3.0-only AND (MIT OR GPL-2.0-only)", False),
        ("(MIT OR GPL-2.0-only) AND BSD-3-Clause", True),
        ("MIT AND (GPL-2.0-only OR (Apache-2.0 AND AGPL-3.0-only))", False),
        ("GPL-2.0-only OR MIT AND Apache-2.0", True),
        ("(GPL-3.0-only WITH GCC-exception-3.1) AND MIT", True),
        ("GPL-3.0-only WITH GCC-exception-3.1 AND AGPL-3.0-only", False),
        ("agpl-3.0", False),
        ("gpl", False),
        ("cc-by-nc-sa-4.0", False),
        ("qwen-research", False),
        ("Some Non-Commercial Licence", False),
        ("llama3.2", True),
        ("gemma", True),
        ("GNU Lesser General Public License v3 (LGPLv3)", True),
        ("GNU General Public License v3 (GPLv3)", False),
        ("Mine OR (GPL and others)", False),
        ("BSD, GNU Affero General Public License v3", False),
    ],
)
def test_the_licence_decides(licence, permitted):
    assert is_permitted(licence) is permitted


expressions = st.recursive(
    st.sampled_from([*FREE, *BARRED]).map(lambda name: (name, name in FREE)),
    lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
        lambda three: (
            f"({three[0][0]} {three[1]} {three[2][0]})",
            (three[0][1] and three[2][1])
            if three[1] == "AND"
            else (three[0][1] or three[2][1]),
        )
    ),
    max_leaves=6,
)


@given(expressions)
def test_a_nested_expression_means_what_spdx_says(expression):
    text, permitted = expression
    assert is_permitted(text) is permitted


@given(st.text(max_size=60))
def test_any_words_are_judged_without_an_error(words):
    assert is_permitted(words) in (True, False)


PARTS = [
    Licensed("pymupdf", "pymupdf-1.whl", "AGPL-3.0-only"),
    Licensed("quiet", "quiet-1.whl", ""),
    Licensed("base-model", "the base model m", "", must_state=False),
    Licensed("embedder", "the embedder e", "cc-by-nc-4.0", must_state=False),
    Licensed("flask", "flask-1.whl", "BSD-3-Clause"),
]


def test_each_part_that_must_not_ship_is_named_with_its_licence():
    assert refused(PARTS, {}) == [
        "pymupdf-1.whl is under AGPL-3.0-only",
        "quiet-1.whl states no licence",
        "the embedder e is under cc-by-nc-4.0",
    ]


def test_a_part_passes_by_its_name_and_no_other_with_it():
    assert refused(PARTS, {"pymupdf": "bought", "embedder": "own use"}) == [
        "quiet-1.whl states no licence"
    ]


def test_an_exception_for_nothing_is_a_slip_and_said():
    assert refused(PARTS[-1:], {"pymupdff": "bought"}) == [
        "bundle.licence_exceptions names pymupdff, which is no part of the bundle"
    ]
