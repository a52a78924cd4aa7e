"""Documents: seen by those who may, added with a button or dropped, replaced and removed."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")
pytest.importorskip("pymupdf", reason="pymupdf, which draws the documents, is not installed")
import web_window
from opened_pages import MARKS, press, until

pytestmark = MARKS
browser, page = web_window.browser, web_window.page
ESCAPE = "\ue00c"


@pytest.fixture(autouse=True)
def _at_the_documents(page):
    page.admit("ada", "documents")
    page.shows(".rows", "Maintenance Handbook")


def row_of(page, name):
    script = """
    return [...document.querySelectorAll('.row')].find((e) => e.textContent.includes(arguments[0]))
        ?.textContent
    """
    return page.run(script, name)


def test_a_document_tells_its_facts_and_who_may_read_it(page):
    assert "3 pages" in row_of(page, "Maintenance Handbook")
    assert "From the bundle" in row_of(page, "Maintenance Handbook")
    assert "Only safety team" in row_of(page, "Safety Manual")
    assert "184 kB" in row_of(page, "Safety Manual")
    page.shows(".view-head p", "2 documents")


def test_the_list_is_filtered_by_words_and_by_collection(page):
    page.write("[name=filter]", "SAFETY t")
    page.shows(".view-head p", "One document")
    assert row_of(page, "Maintenance Handbook") is None
    page.write("[name=filter]", "nothing like it")
    page.shows(".empty", "No document matches")
    page.write("[name=filter]", "a")
    page.run(
        "const s = document.querySelector('[name=collection]'); s.value = 'CX-220';"
        "s.dispatchEvent(new Event('change'));"
    )
    page.shows(".view-head p", "One document")
    assert row_of(page, "Safety Manual") is None


def test_a_document_is_opened_and_leafed_through(page):
    page.press(".row button.link")
    page.shows(".viewer-count", "1 of 3")
    page.press(".viewer-next")
    page.shows(".viewer-count", "2 of 3")
    page.shows(".sheet img[alt='Maintenance Handbook, page 2']")
    press(page.window, ESCAPE)
    page.gone(".viewer")


def test_a_file_is_uploaded_with_its_progress_until_it_can_be_asked(page):
    page.device.go.clear()
    page.run(
        "window.shares = [];"
        "const told = () => shares.push(document.querySelector('.upload span').textContent);"
        "const all = {subtree: true, childList: true, characterData: true};"
        "new MutationObserver(told).observe(document.querySelector('.uploads'), all);"
    )
    page.upload("spare-parts.pdf", b"%PDF" + b"x" * 900_000)
    page.shows(".upload[data-state=running]", "Being read, chunks, 3 of 10")
    assert any("Uploading" in share for share in page.run("return window.shares"))
    assert page.run("return document.querySelector('.upload progress').value") == pytest.approx(
        0.3
    )
    page.device.go.set()
    page.shows(".upload[data-state=done]", "Ready to be asked")
    assert until(lambda: row_of(page, "spare-parts.pdf"))
    assert "900 kB" in row_of(page, "spare-parts.pdf")


def test_several_dropped_files_are_sent_and_each_tells_what_became_of_it(page):
    for name in ("one.pdf", "tool.exe", "broken.pdf"):
        page.upload(name, b"text", drop=True)
    page.shows(".upload[data-state=failed] .upload-why")
    assert until(lambda: len(page.texts(".upload[data-state=failed]")) == 2)
    told = " ".join(page.texts(".upload"))
    assert "This kind of file cannot be read. programs are not read." in told
    assert "the file has no pages." in told
    assert until(lambda: row_of(page, "one.pdf"))
    page.press(".upload[data-state=failed] button")
    assert until(lambda: len(page.texts(".upload")) == 2)


def test_a_file_that_is_too_large_is_told_so(page):
    page.upload("huge.pdf", b"x" * (2 << 20))
    page.shows(".upload[data-state=failed]", "The file is too large for this device.")


def test_files_get_the_collection_and_the_groups_that_were_chosen(page):
    page.press(".adding-settings summary")
    page.write("[name=into]", "Pumps & valves")
    page.write("[name=access]", "shift a, shift b")
    page.upload("pumps.txt", b"text")
    assert until(lambda: row_of(page, "pumps.txt"))
    (job,) = page.device.jobs.values()
    assert (job["collection"], job["access"]) == ("Pumps & valves", ["shift a", "shift b"])
    assert "Only shift a, shift b" in row_of(page, "pumps.txt")


def test_a_file_on_its_way_can_be_cancelled(page):
    page.device.go.clear()
    page.upload("spare-parts.pdf", b"text")
    page.shows(".upload[data-state=running]")
    page.press(".upload button")
    page.shows(".upload[data-state=cancelled]", "Cancelled")
    assert until(lambda: page.device.jobs["job1"]["state"] == "cancelled")


def test_files_that_are_being_read_are_still_shown_when_the_page_is_opened_again(page):
    page.device.go.clear()
    page.upload("spare-parts.pdf", b"text")
    page.shows(".upload[data-state=running]")
    page.open("documents")
    page.shows(".upload[data-state=running]", "spare-parts.pdf")
    page.device.go.set()
    assert until(lambda: row_of(page, "spare-parts.pdf"))


def test_a_document_is_replaced_under_its_own_name(page):
    page.run("HTMLInputElement.prototype.click = function () { window.chooser = this; };")
    page.press("[aria-label^='Replace Safety Manual']")
    page.run(
        "const data = new DataTransfer(); data.items.add(new File(['new'], 'whatever.docx'));"
        "chooser.files = data.files; chooser.dispatchEvent(new Event('change'));"
    )
    page.shows(".upload[data-state=done]", "safety-manual.docx")
    (job,) = page.device.jobs.values()
    assert (job["name"], job["access"]) == ("safety-manual.docx", ["safety team"])


def test_collection_and_groups_of_a_document_are_changed(page):
    page.press("[aria-label^='Change collection and access of Safety Manual']")
    page.shows(".dialog", "Safety Manual")
    page.write("[name=to]", "taken")
    page.write("[name=groups]", "shift a,  shift b")
    page.press(".dialog .primary")
    page.shows(".dialog [role=alert]", "a document of this name or content is there already.")
    page.write("[name=to]", "Valves")
    page.press(".dialog .primary")
    page.shows("#notices", "Safety Manual was changed.")
    assert until(lambda: "Only shift a, shift b" in row_of(page, "Safety Manual"))
    assert "Valves" in row_of(page, "Safety Manual")
    assert len([call for call in page.device.calls if call.startswith("PATCH")]) == 2


def test_a_document_is_removed_only_after_asking(page):
    page.press("[aria-label='Delete Safety Manual']")
    page.shows(".dialog", "“Safety Manual” with its one page will no longer be found.")
    assert "Cancel" in page.focused()
    press(page.window, ESCAPE)
    page.gone(".dialog")
    assert "Delete Safety Manual" in page.focused()
    page.press("[aria-label='Delete Safety Manual']")
    page.press(".dialog .danger")
    page.shows("#notices", "Safety Manual was deleted.")
    assert until(lambda: row_of(page, "Safety Manual") is None)


def test_a_document_of_the_bundle_can_be_neither_removed_nor_replaced(page):
    labels = page.run(
        "return [...document.querySelectorAll('.row-actions button')]"
        ".map((e) => e.getAttribute('aria-label'))"
    )
    assert labels == [
        "Download Safety Manual",
        "Change collection and access of Safety Manual",
        "Replace Safety Manual with a newer file",
        "Delete Safety Manual",
    ]


def test_a_name_full_of_markup_stays_a_name(page):
    name = "<b>x</b> & ?#%2F.txt"
    page.upload(name, b"text")
    assert until(lambda: row_of(page, name))
    assert page.device.jobs["job1"]["name"] == name
    assert page.run("return document.querySelectorAll('.row b, .upload b b').length") == 0
