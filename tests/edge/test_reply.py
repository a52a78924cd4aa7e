"""Citations: verified by the text alone, corrected where the number is wrong."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from sfta_edge.citation import ParsedAnswer, Quote, Span, parse_answer
from sfta_edge.reply import Answer, Citation, cite
from sfta_edge.retriever import Box
from sfta_edge.support import SupportedSentence

BOX = Box(1, 10.0, 20.0, 30.0, 40.0, 595.0, 842.0)


@dataclass(frozen=True)
class Passage:
    id: str
    text: str
    title: str = "Operator manual"
    name: str = "manual.pdf"
    page: int = 4
    heading: str = ""
    document_id: str = "manual"


OIL = Passage("oil", "The oil is changed every 2000 hours.\nUse Gearlube 46S.")
NOISE = Passage("noise", "The noise level is 74 dB(A).", title="Data sheet", page=9)
CHUNKS = [OIL, NOISE]


def cited(*quotes, locate=None):
    parsed = ParsedAnswer(
        tuple(Quote(*quote) for quote in quotes), "x", refused=False, well_formed=True
    )
    return cite(parsed, CHUNKS, locate)


def answer(*citations, **changes):
    facts = {
        "question": "q",
        "answer": "a",
        "refused": False,
        "well_formed": True,
        "citations": citations,
        "completion": "c",
        "finish_reason": "stop",
    }
    return Answer(**(facts | changes))


def test_a_quote_that_stands_in_its_chunk_is_verified():
    (citation,) = cited((1, "The oil is changed every 2000 hours."))
    assert citation.verified
    assert not citation.corrected
    assert (citation.chunk_id, citation.document, citation.page) == ("oil", "manual.pdf", 4)
    assert OIL.text[citation.span.start : citation.span.end] == citation.quote


def test_the_quote_shown_is_the_spelling_of_the_document():
    (citation,) = cited((1, "the  oil is changed every 2000 hours. Use Gearlube 46S"))
    assert citation.verified
    assert citation.quote == "The oil is changed every 2000 hours.\nUse Gearlube 46S"


def test_a_quote_in_another_case_is_not_verified():
    (citation,) = cited((2, "The noise level is 74 db(a)."))
    assert not citation.verified


def test_a_quote_with_a_wrong_number_is_corrected():
    (citation,) = cited((1, "noise level is 74 dB(A)"))
    assert citation.verified
    assert citation.corrected
    assert (citation.number, citation.chunk_id, citation.title) == (2, "noise", "Data sheet")


def test_a_quote_with_a_number_of_no_chunk_is_corrected():
    for number in (0, 3, 9999):
        (citation,) = cited((number, "Use Gearlube 46S."))
        assert citation.verified
        assert citation.corrected
        assert citation.number == 1


def test_an_invented_quote_is_not_verified():
    (citation,) = cited((2, "The noise level is 75 dB(A)."))
    assert not citation.verified
    assert citation.chunk_id == "noise"
    assert citation.span is None
    assert citation.boxes == ()


def test_an_invented_quote_of_no_chunk_names_none():
    (citation,) = cited((7, "Nothing of the kind."))
    facts = citation.to_json()
    assert (facts["verified"], facts["chunk_id"], facts["document"]) == (False, None, None)
    assert facts["page"] is None
    assert facts["number"] == 7


def test_a_number_inside_a_longer_number_is_no_quote():
    (citation,) = cited((1, "every 200"))
    assert not citation.verified


def test_the_same_quote_twice_is_one_citation():
    quotes = [(1, "Use Gearlube 46S."), (1, "use Gearlube 46S"), (2, "Use Gearlube 46S.")]
    assert len(cited(*quotes)) == 1
    assert len(cited((5, "No."), (5, "No."))) == 1


def test_citations_keep_the_order_of_the_answer():
    found = cited((2, "noise level"), (1, "oil is changed"), (2, "invented"))
    assert [c.chunk_id for c in found] == ["noise", "oil", "noise"]
    assert [c.verified for c in found] == [True, True, False]


def test_boxes_are_looked_up_for_verified_quotes_only():
    asked = []

    def locate(chunk_id, span):
        asked.append((chunk_id, span))
        return [BOX]

    found = cited((1, "oil is changed"), (1, "invented"), locate=locate)
    assert asked == [("oil", Span(4, 18))]
    assert found[0].boxes == (BOX,)
    assert found[0].to_json()["boxes"][0]["page_width"] == 595.0


def test_an_answer_is_supported_by_one_verified_quote():
    good = Citation(1, "q", verified=True)
    bad = Citation(1, "q", verified=False)
    assert answer(bad, good).supported
    assert not answer(bad).supported
    assert not answer().supported


def test_the_api_form_has_the_promised_fields():
    facts = answer(usage={"prompt_tokens": 3}, timings_ms={"total": 1.26}).to_json(
        {"name": "m"}
    )
    promised = {"answer", "refused", "citations", "usage", "timings_ms", "bundle"}
    assert promised <= set(facts)
    assert facts["timings_ms"] == {"total": 1.3}
    assert facts["supported"] is False
    assert facts["bundle"] == {"name": "m"}


@given(st.text(max_size=200))
def test_odd_output_of_a_model_never_fails(completion):
    parsed = parse_answer(completion, answer_marker="Answer:", refusal="No.")
    assert all(not c.verified or c.span is not None for c in cite(parsed, CHUNKS))


@given(st.integers(0, 9999), st.text(max_size=40))
def test_any_quote_is_one_citation_or_none(number, text):
    assert len(cited((number, text))) == 1


def test_a_citation_names_its_document_and_is_told_as_plain_text():
    hidden = Passage(
        "h", "The oil\u202e is red.\nIt is new.", title="a\x1b[31mb", name="c\u2066.pdf"
    )
    parsed = ParsedAnswer(
        (Quote(1, "The oil is red."), Quote(1, "It is blue.")), "x", False, True
    )
    found, invented = cite(parsed, [hidden])
    assert (found.verified, invented.verified) == (True, False)
    for citation in (found, invented):
        told = citation.to_json()
        assert (told["document_id"], told["title"], told["document"]) == (
            "manual",
            "ab",
            "c.pdf",
        )
    assert "\u202e" in found.quote
    assert found.to_json()["quote"] == "The oil is red"
    assert Citation(7, "x", verified=False).to_json()["document_id"] is None


def test_an_answer_is_told_in_the_form_of_the_api():
    marks = (SupportedSentence(0, 1, supported=True),)
    told = answer(sentences=marks, withheld=2, degraded=("embedder",), id="17").to_json()
    assert told["sentences"] == [{"start": 0, "end": 1, "supported": True}]
    assert (told["withheld"], told["mode"], told["degraded"]) == (2, "model", ["embedder"])
    assert told["id"] == "17"
