"""Word documents: what Word shows is what is read, hidden text apart."""

import zipfile
from dataclasses import replace
from io import BytesIO

import docx
import pytest
from docx.enum.text import WD_BREAK
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Pt, RGBColor

from sfta.documents.document import UnreadableError
from sfta.documents.parse import ParseOptions, parse

OPTIONS = ParseOptions()
KEEP = replace(OPTIONS, drop_hidden=False)


def saved(document):
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def read(document, options=OPTIONS):
    return parse(saved(document), "a.docx", options)


def blocks(parsed, page=0):
    text = parsed.pages[page].text
    return [(b.kind, b.level, text[b.start : b.end]) for b in parsed.pages[page].blocks]


def texts(parsed, page=0):
    return [text for _, _, text in blocks(parsed, page)]


def append(document, xml):
    body = document.element.body
    spaces = nsdecls("w", "r", "m", "wp", "a") + (
        ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    )
    element = parse_xml(xml.replace(">", f" {spaces}>", 1))
    body.insert(len(body) - 1, element)


def changed(raw, edits, added=()):
    """The package with parts edited by functions of their text, and others added."""
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(raw)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, edits[name](content.decode()) if name in edits else content)
        for name, content in added:
            new.writestr(name, content)
    return buffer.getvalue()


def test_headings_captions_items_and_tables_keep_their_kind():
    document = docx.Document()
    document.core_properties.title = "Service  Manual"
    document.add_heading("Pumps", 0)
    document.add_heading("Start", 2)
    document.add_paragraph("Press START.")
    document.add_paragraph("Open", style="List Bullet")
    document.add_paragraph("Close", style="List Bullet")
    document.add_paragraph("Table 1: Codes", style="Caption")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ["Code", "Meaning", "E|1", "oil\nlow"], strict=True):
        cell.text = text
    parsed = read(document)
    assert parsed.title == "Service Manual"
    assert blocks(parsed) == [
        ("heading", 1, "Pumps"),
        ("heading", 2, "Start"),
        ("paragraph", 0, "Press START."),
        ("list", 0, "- Open\n- Close"),
        ("caption", 0, "Table 1: Codes"),
        ("table", 0, "| Code | Meaning |\n|---|---|\n| E\\|1 | oil low |"),
    ]
    assert parsed.pages[0].blocks[-1].header == "Code | Meaning"
    assert parsed.counts == {"tables": 1}


def test_an_outline_level_makes_a_heading_of_any_style():
    document = docx.Document()
    paragraph = document.add_paragraph("Titled by hand")
    level = parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="3"/>')
    paragraph._p.get_or_add_pPr().append(level)
    assert blocks(read(document)) == [("heading", 4, "Titled by hand")]


def test_the_pages_are_those_of_words_last_layout():
    document = docx.Document()
    document.add_paragraph("One.").add_run().add_break(WD_BREAK.PAGE)
    second = document.add_paragraph()
    second.add_run()._r.append(parse_xml(f"<w:lastRenderedPageBreak {nsdecls('w')}/>"))
    second.add_run("Two.")
    third = document.add_paragraph("Ends on three, ")
    third.add_run()._r.append(parse_xml(f"<w:lastRenderedPageBreak {nsdecls('w')}/>"))
    third.add_run("began on two.")
    document.add_paragraph("Three.")
    parsed = read(document)
    assert [p.number for p in parsed.pages] == [1, 2, 3]
    assert [p.text for p in parsed.pages] == [
        "One.",
        "Two.\n\nEnds on three, began on two.",
        "Three.",
    ]


def test_without_a_layout_the_authors_page_breaks_count():
    document = docx.Document()
    document.add_paragraph("One.").add_run().add_break(WD_BREAK.PAGE)
    document.add_paragraph("Two.").add_run().add_break()
    document.add_paragraph("Three.").paragraph_format.page_break_before = True
    assert [p.text for p in read(document).pages] == ["One.", "Two.", "Three."]


def test_merged_cells_say_their_text_once_across_and_in_each_row_down():
    document = docx.Document()
    table = document.add_table(3, 3)
    for number, cell in enumerate(table._cells):
        cell.text = str(number)
    table.cell(0, 1).merge(table.cell(0, 2)).text = "wide"
    table.cell(1, 0).merge(table.cell(2, 0)).text = "tall"
    assert read(document).pages[0].text.split("\n") == [
        "| 0 | wide |  |",
        "|---|---|---|",
        "| tall | 4 | 5 |",
        "| tall | 7 | 8 |",
    ]


def test_a_frame_of_one_cell_keeps_the_structure_of_its_text():
    document = docx.Document()
    cell = document.add_table(1, 1).cell(0, 0)
    cell.text = "Warning"
    cell.paragraphs[0].style = "Heading 3"
    cell.add_paragraph("Hot surface.")
    assert blocks(read(document)) == [
        ("heading", 3, "Warning"),
        ("paragraph", 0, "Hot surface."),
    ]


def hidden(document, how):
    document.add_paragraph("Shown.")
    run = document.add_paragraph().add_run("secret words")
    how(run)
    return document


@pytest.mark.parametrize(
    "how",
    [
        lambda run: setattr(run.font, "hidden", True),
        lambda run: setattr(run.font, "size", Pt(1)),
        lambda run: setattr(run.font.color, "rgb", RGBColor(255, 255, 255)),
    ],
    ids=["vanish", "tiny", "white"],
)
def test_hidden_text_is_left_out_counted_and_flagged(how):
    parsed = read(hidden(docx.Document(), how))
    assert texts(parsed) == ["Shown."]
    assert parsed.counts == {"hidden_spans": 1}
    assert [flag.reason for flag in parsed.pages[0].flags] == ["hidden_text"]
    kept = read(hidden(docx.Document(), how), KEEP)
    assert texts(kept) == ["Shown.", "secret words"]
    assert [flag.reason for flag in kept.pages[0].flags] == ["hidden_text"]


def test_white_text_on_paint_in_boxes_and_in_tables_can_be_seen():
    document = docx.Document()
    white = "<w:r><w:rPr><w:color w:val='FFFFFF'/></w:rPr><w:t>boxed</w:t></w:r>"
    box = f"<w:txbxContent><w:p>{white}</w:p></w:txbxContent>"
    append(document, f"<w:p><w:r><w:pict>{box}</w:pict></w:r></w:p>")
    table = document.add_table(2, 2)
    for cell in table._cells:
        cell.paragraphs[0].add_run("white").font.color.rgb = RGBColor(255, 255, 255)
    run = document.add_paragraph().add_run("on blue")
    run.font.color.rgb = RGBColor(255, 255, 255)
    run._r.rPr.append(parse_xml(f'<w:shd {nsdecls("w")} w:fill="0000FF" w:val="clear"/>'))
    parsed = read(document)
    assert {"on blue", "boxed"} < set(texts(parsed))
    assert "hidden_spans" not in parsed.counts


def test_text_hidden_by_its_style_is_hidden():
    document = docx.Document()
    style = document.styles.add_style("Secret", 1)
    style.font.hidden = True
    document.add_paragraph("unseen", style="Secret")
    document.add_paragraph("seen")
    assert texts(read(document)) == ["seen"]


def test_deleted_text_goes_and_inserted_text_stays():
    document = docx.Document()
    append(
        document,
        "<w:p><w:r><w:t>It is </w:t></w:r><w:del><w:r><w:delText>cold</w:delText></w:r></w:del>"
        "<w:moveFrom><w:r><w:t>there</w:t></w:r></w:moveFrom>"
        "<w:ins><w:r><w:t>hot</w:t></w:r></w:ins><w:r><w:noBreakHyphen/><w:t>ish.</w:t></w:r></w:p>",
    )
    parsed = read(document)
    assert texts(parsed) == ["It is hot-ish."]
    assert parsed.counts == {"deleted_runs": 2}


def test_raised_digits_stay_raised_and_formulas_stay_readable():
    document = docx.Document()
    paragraph = document.add_paragraph("10")
    paragraph.add_run("-3").font.superscript = True
    paragraph.add_run(" m")
    append(document, "<w:p><m:oMath><m:r><m:t>E=mc</m:t></m:r></m:oMath></w:p>")
    assert texts(read(document)) == ["10⁻³ m", "E=mc"]


def test_a_text_box_is_read_once_behind_its_paragraph():
    box = "<w:txbxContent><w:p><w:r><w:t>In the box.</w:t></w:r></w:p></w:txbxContent>"
    document = docx.Document()
    append(
        document,
        "<w:p><w:r><w:t>Beside.</w:t><mc:AlternateContent><mc:Choice Requires='wps'>"
        f"<w:drawing>{box}</w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict>"
        "</mc:Fallback></mc:AlternateContent></w:r></w:p>",
    )
    append(
        document,
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>Control.</w:t></w:r></w:p></w:sdtContent></w:sdt>",
    )
    assert texts(read(document)) == ["Beside.", "In the box.", "Control."]


def test_notes_stand_at_the_end_of_their_page():
    document = docx.Document()
    paragraph = document.add_paragraph("Claim")
    paragraph.add_run()._r.append(parse_xml(f'<w:footnoteReference {nsdecls("w")} w:id="2"/>'))
    paragraph.add_run(".").add_break(WD_BREAK.PAGE)
    document.add_paragraph("Next page.")
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    notes = (
        f'<w:footnotes {nsdecls("w")}><w:footnote w:id="2"><w:p><w:r><w:t>Proof.</w:t></w:r>'
        "</w:p></w:footnote></w:footnotes>"
    )
    relation = f'<Relationship Id="rIdN" Type="{kind}" Target="footnotes.xml"/></Relationships>'
    raw = changed(
        saved(document),
        {"word/_rels/document.xml.rels": lambda t: t.replace("</Relationships>", relation)},
        [("word/footnotes.xml", notes)],
    )
    parsed = parse(raw, "a.docx", OPTIONS)
    assert texts(parsed) == ["Claim¹.", "¹ Proof."]
    assert texts(parsed, 1) == ["Next page."]


def test_a_document_with_macros_or_a_template_is_read_without_them():
    document = docx.Document()
    document.add_paragraph("Text.")
    plain = "openxmlformats-officedocument.wordprocessingml.document.main"
    for other in (
        "ms-word.document.macroEnabled.main",
        plain.replace("document.main", "template.main"),
    ):
        raw = changed(
            saved(document),
            {"[Content_Types].xml": lambda t, o=other: t.replace(plain, o)},
            [("word/vbaProject.bin", b"\x00macro")],
        )
        assert texts(parse(raw, "a.docm", OPTIONS)) == ["Text."]


def test_a_hidden_row_is_hidden_text():
    document = docx.Document()
    table = document.add_table(3, 2)
    for number, cell in enumerate(table._cells):
        cell.text = f"cell {number}"
    row = table.rows[1]._tr.get_or_add_trPr()
    row.append(parse_xml(f"<w:hidden {nsdecls('w')}/>"))
    parsed = read(document)
    assert "cell 2" not in parsed.pages[0].text
    assert parsed.counts == {"hidden_spans": 1, "tables": 1}
    assert "cell 2" in read(document, KEEP).pages[0].text


def test_a_broken_part_is_damage_with_a_reason():
    raw = changed(saved(docx.Document()), {"word/document.xml": lambda t: t[: len(t) // 2]})
    with pytest.raises(UnreadableError, match="no readable Word document") as refused:
        parse(raw, "a.docx", OPTIONS)
    assert refused.value.code == "damaged"


def test_an_empty_document_is_no_document():
    with pytest.raises(UnreadableError, match="no text") as refused:
        read(docx.Document())
    assert refused.value.code == "no_text"
