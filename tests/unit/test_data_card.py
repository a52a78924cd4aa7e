"""The data card: a dataset card that hubs read, true for any names, nothing left unsaid."""

import re

import pytest
import yaml
from huggingface_hub import DatasetCard
from hypothesis import given
from hypothesis import strategies as st

from sfta.core.config import build
from sfta.raft.card import CardFacts, data_card
from sfta.raft.config import CardConfig
from sfta.raft.corpus import CorpusChunk
from sfta.raft.coverage import page_coverage
from sfta_edge.errors import ConfigError

FUNNEL = {
    "entered": 9,
    "left_after": [{"step": "checked alone", "candidates": 5}],
    "rejected": {"by hand: dull": 1, "question length": 4},
    "leakage": {"held_out": 2, "same_question": 1, "same_quote": 0, "share": 0.5, "limit": 0.6},
    "coverage": {"pages": 4, "pages_with_questions": 3, "pages_without_text": 2},
}
DOCUMENT = {"id": "d", "name": "manuals/a.pdf", "title": "A", "pages": 3, "sha256": "ab" * 32}


def row(split="train", *, quoted=True, context=True):
    return {
        "kind": "mass",
        "split": split,
        "context": [{"chunk_id": "c1", "role": "oracle"}] if context else [],
        "oracle_present": quoted,
        "quotes": [{"chunk_id": "c1", "text": "x"}] if quoted else [],
        "answer": "3 kg" if quoted else "No.",
        "completion": "Answer: 3 kg" if quoted else "No.",
    }


def card(**changes):
    facts = {
        "name": "pumps",
        "rows": [row(), row("test", quoted=False)],
        "funnel": FUNNEL,
        "origin": "Made.",
        "teacher": "openai: small-1b",
        "documents": [DOCUMENT],
        "owners": {"c1": "d"},
        "thresholds": {"generate.filters.near_duplicate": 0.85},
    }
    return data_card(CardFacts(**(facts | changes)))


def terms(**settings):
    return build(CardConfig, settings, name="card")


def test_the_hubs_own_reader_reads_the_header():
    data = DatasetCard(card(terms=terms(licence="CC-BY-4.0", language=["en", "de"]))).data
    assert (data.license, data.language, data.pretty_name) == (
        "cc-by-4.0",
        ["en", "de"],
        "pumps",
    )
    assert data.task_categories == ["question-answering"]
    assert data.size_categories == ["n<1K"]


@pytest.mark.parametrize(
    ("licence", "header"),
    [
        (None, {"license": "unknown"}),
        ("Apache-2.0", {"license": "apache-2.0"}),
        (
            "Internal use: ask first",
            {"license": "other", "license_name": "Internal use: ask first"},
        ),
    ],
)
def test_a_licence_is_an_id_or_other_words(licence, header):
    found = yaml.safe_load(card(terms=terms(licence=licence)).split("---")[1])
    assert header.items() <= found.items()


def test_licence_and_owner_of_a_source_are_stated_where_known():
    sources = [{"files": "other/*", "owner": "No one"},
               {"files": "manuals/*.pdf", "licence": "CC0-1.0", "owner": "Maker"}]  # fmt: skip
    text = card(terms=terms(sources=sources))
    assert f"| manuals/a.pdf | A | 3 | CC0-1.0 | Maker | `{'ab' * 32}` |" in text
    assert "| not stated | not stated |" in card()


@pytest.mark.parametrize(
    "said",
    [
        "`openai: small-1b`. Its licence or terms are not stated (`card.teacher_terms`).",
        "| train | 1 | 1 | 0 | 0 | 0.0% |",
        "| test | 1 | 0 | 0 | 1 | 100.0% |",
        "| all | 2 | 1 | 0 | 1 | 50.0% |",
        "| mass | 2 |",
        "| manuals/a.pdf | 1 |",
        "| no quote | 1 |",
        "| entered | 9 |",
        "| checked alone | 5 |",
        "| by hand: dull | 1 |",
        "| `generate.filters.near_duplicate` | `0.85` |",
        "1 of 4 pages with text have no question",
        "2 more pages hold no text",
        "Of 2 validation and test rows, 1 repeat a question of train",
        "More than 60.0% would have been refused.",
        "1 validation and test rows are few",
    ],
)
def test_the_card_says(said):
    assert said in card()


def test_what_only_a_person_knows_is_stated_too():
    text = card(terms=terms(owner="The pump team", teacher_terms="MIT.", limits=["No tables."]))
    assert "The pump team answers for it." in text
    assert "`openai: small-1b`. MIT." in text
    assert "- No tables.\n" in text


def test_rows_of_a_file_have_a_card_without_sources_and_coverage():
    funnel = {"entered": 2, "rejected": {}, "left_after": []}
    text = card(documents=[], funnel=funnel, owners={}, thresholds={}, teacher="")
    assert "names no source documents" in text
    assert "## Coverage" not in text
    assert "## Leakage" not in text
    assert "Not stated." in text


@given(st.text(alphabet="a|<>[]`\\ \n", min_size=1, max_size=12))
def test_no_name_makes_a_column_a_tag_or_a_link(name):
    text = card(documents=[{**DOCUMENT, "name": name, "title": name}])
    (line,) = [line for line in text.splitlines() if line.endswith(f"`{'ab' * 32}` |")]
    bare = re.sub(r"\\.", "", line)
    assert bare.count("|") == 7
    assert not set("<>[]") & set(bare)


def chunk(name, page, document="d"):
    return CorpusChunk(name, document, "A", page, 0, 1, "", "x")


def test_pages_are_covered_by_the_rows_that_quote_them():
    chunks = [chunk("c1", 1), chunk("c2", 1), chunk("c3", 2), chunk("c4", 3)]
    lost = {"quotes": [{"chunk_id": "c3"}]}
    found = page_coverage(
        chunks, [{**DOCUMENT, "pages": 5}], [row(), row(quoted=False)], [lost]
    )
    assert (found["pages"], found["pages_with_questions"], found["pages_without_text"]) == (
        3,
        1,
        2,
    )
    assert found["documents"] == [
        {"document": "manuals/a.pdf", "pages": 3, "pages_with_questions": 1}
    ]
    assert found["missing"] == [
        {"document": "manuals/a.pdf", "page": 2, "chunks": 1, "turned_away": 1},
        {"document": "manuals/a.pdf", "page": 3, "chunks": 1, "turned_away": 0},
    ]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), unique=True),
       st.sets(st.integers(0, 11)))  # fmt: skip
def test_every_page_is_covered_or_missing(pages, asked):
    chunks = [chunk(f"c{n}", page, document) for n, (document, page) in enumerate(pages)]
    rows = [{"quotes": [{"chunk_id": f"c{n}"}]} for n in asked if n < len(pages)]
    documents = [{"id": name, "name": name, "pages": 4} for name in "abc"]
    found = page_coverage(chunks, documents, rows, [])
    assert found["pages_with_questions"] + len(found["missing"]) == found["pages"] == len(pages)
    assert found["pages_without_text"] == 12 - len(pages)


@pytest.mark.parametrize(
    "settings", [{"language": ["English"]}, {"sources": [{"licence": "x"}]}, {"owner": ""}]
)
def test_terms_that_cannot_be_are_refused(settings):
    with pytest.raises(ConfigError):
        terms(**settings)
