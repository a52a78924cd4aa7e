"""Documents over HTTP: added, listed, shown, seen by those who may, removed."""

import pytest

from documents_device import BUNDLED, OIL, names
from handed_in_files import PROSE, pdf


@pytest.fixture
def device(documents_device):
    return documents_device


def test_a_document_is_added_listed_shown_and_removed(device):
    answer = device.post(collection="pumps")
    assert answer.status_code == 202
    job = answer.get_json()["job"]
    assert (job["state"], job["name"], job["document_id"]) == ("waiting", "oil.md", None)
    assert device.library.wait(60)
    job = device.get(f"/v1/jobs/{job['id']}").get_json()
    assert (job["state"], job["done"], job["total"]) == ("done", 1, 1)
    assert job["finished"] >= job["created"]
    where = f"/v1/documents/{job['document_id']}"
    shown = device.get(where).get_json()
    assert shown == {
        "id": job["document_id"],
        "name": "oil.md",
        "title": "Oil",
        "pages": 1,
        "chunks": 1,
        "collection": "pumps",
        "access": [],
        "origin": "device",
        "bytes": len(OIL),
        "added": job["finished"],
        "has_file": True,
    }
    assert shown in device.get("/v1/documents").get_json()["documents"]
    assert device.get("/v1/collections").get_json() == {
        "collections": [{"name": "pumps", "documents": 1}]
    }
    assert device.delete(where).status_code == 204
    assert device.get(where).status_code == 404
    assert names(device.get("/v1/documents")) == ["manual.pdf"]
    assert device.get("/v1/jobs").get_json() == {"jobs": []}


def test_the_same_file_again_is_200_and_the_first_job(device):
    first = device.post()
    again = device.post()
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.get_json()["job"]["id"] == first.get_json()["job"]["id"]


def test_a_document_of_the_bundle_is_shown_and_stays(device):
    shown = device.get("/v1/documents/bundled").get_json()
    assert (shown["origin"], shown["has_file"], shown["bytes"]) == ("bundle", False, None)
    answer = device.delete("/v1/documents/bundled")
    assert answer.status_code == 409
    assert "bundle" in answer.get_json()["detail"]
    assert device.get("/v1/documents/bundled/file").status_code == 404


def test_a_page_has_its_text_and_the_places_of_its_lines(device):
    identity = device.add(pdf(PROSE, PROSE), name="a.pdf")
    page = device.get(f"/v1/documents/{identity}/pages/2").get_json()
    assert (page["number"], page["pages"], page["width"], page["height"]) == (2, 2, 595, 842)
    assert page["text"] == PROSE
    start, end, x0, y0, x1, y1 = page["lines"][0]
    assert PROSE.startswith(page["text"][start:end])
    assert x0 < x1 < 595
    assert y0 < y1 < 842


@pytest.mark.parametrize("number", ["0", "3", "99999999999999999999", "x", "-1", "1.5"])
def test_a_page_that_is_not_there_is_404(device, number):
    identity = device.add(pdf(PROSE, PROSE), name="a.pdf")
    assert device.get(f"/v1/documents/{identity}/pages/{number}").status_code == 404
    assert device.get(f"/v1/documents/{identity}/pages/{number}/image").status_code == 404


def test_a_page_of_a_pdf_has_a_picture_and_that_of_a_text_has_none(device):
    identity = device.add(pdf(PROSE), name="a.pdf")
    answer = device.get(f"/v1/documents/{identity}/pages/1/image?width=320")
    assert answer.mimetype == "image/png"
    assert answer.data[16:20] == (320).to_bytes(4, "big")
    text = device.add()
    assert device.get(f"/v1/documents/{text}/pages/1/image").status_code == 404


@pytest.mark.parametrize("width", ["0", "-5", "x", "1921", "9" * 5000, "٣٢٠", ""])
def test_a_width_that_is_none_is_400(device, width):
    identity = device.add(pdf(PROSE), name="a.pdf")
    answer = device.client.get(
        f"/v1/documents/{identity}/pages/1/image",
        query_string={"width": width},
        headers={"Who": "admin"},
    )
    assert answer.status_code == 400


def test_the_file_comes_back_as_it_was_and_never_as_a_page_of_this_device(device):
    raw = b"<html><script>alert(1)</script><p>Oil 46S</html>"
    identity = device.add(raw, name="folder/evil \u00fc.html")
    answer = device.get(f"/v1/documents/{identity}/file")
    assert answer.data == raw
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment")
    assert "folder" not in disposition
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_part_of_the_file_can_be_asked_for(device):
    identity = device.add()
    answer = device.client.get(
        f"/v1/documents/{identity}/file",
        headers={"Who": "admin", "Range": "bytes=2-4"},
        buffered=True,
    )
    assert (answer.status_code, answer.data) == (206, OIL[2:5])


def test_an_original_of_the_bundle_is_handed_out_and_drawn(device, tmp_path):
    raw = pdf(PROSE)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / f"{BUNDLED['sha256']}.pdf").write_bytes(raw)
    assert device.get("/v1/documents/bundled/file").data == raw
    assert device.get("/v1/documents/bundled/pages/1/image").status_code == 200
    assert device.get("/v1/documents/bundled").get_json()["bytes"] == len(raw)


PATHS = ["", "/file", "/pages/1", "/pages/1/image"]


@pytest.mark.parametrize("who", ["bob", "guest"])
@pytest.mark.parametrize("path", PATHS)
def test_a_document_of_other_groups_is_not_found_by_any_path(device, who, path):
    identity = device.add(pdf(PROSE), access="a", name="a.pdf", collection="secret")
    foreign = device.get(f"/v1/documents/{identity}{path}", who)
    missing = device.get(f"/v1/documents/{'0' * 16}{path}", who)
    assert foreign.status_code == missing.status_code == 404
    assert foreign.data == missing.data
    assert names(device.get("/v1/documents", who)) == ["manual.pdf"]
    assert device.get("/v1/collections", who).get_json() == {"collections": []}
    assert device.get(f"/v1/documents/{identity}{path}", "rita").status_code == 200


def test_nobody_removes_what_they_do_not_see(device):
    identity = device.add(access="a")
    assert device.delete(f"/v1/documents/{identity}", "bob").status_code == 404
    assert device.delete(f"/v1/documents/{identity}", "ada").status_code == 204


def test_a_job_is_seen_by_those_who_will_see_its_document(device):
    job = device.post(access="a", who="ada").get_json()["job"]
    assert device.library.wait(60)
    for who, status in {"admin": 200, "ada": 200, "bob": 404, "rita": 403}.items():
        assert device.get(f"/v1/jobs/{job['id']}", who).status_code == status
    assert device.delete(f"/v1/jobs/{job['id']}", "bob").status_code == 404
    assert device.get("/v1/jobs", "bob").get_json() == {"jobs": []}
    assert len(device.get("/v1/jobs", "ada").get_json()["jobs"]) == 1
    assert device.get("/v1/jobs/none").status_code == 404


@pytest.mark.parametrize("who", ["rita", "guest"])
def test_a_reader_adds_and_removes_nothing(device, who):
    identity = device.add()
    assert device.post(b"more", who).status_code == 403
    assert device.delete(f"/v1/documents/{identity}", who).status_code == 403
    assert device.get("/v1/jobs", who).status_code == 403


@pytest.mark.parametrize(
    "path", ["/v1/documents", "/v1/documents/x", "/v1/collections", "/v1/jobs"]
)
def test_whoever_was_not_let_in_gets_401(device, path):
    assert device.get(path, "nobody").status_code == 401
    assert device.post(who="nobody").status_code == 401


def test_an_editor_gives_documents_to_own_groups_only(device):
    answer = device.post(who="ada", access="a,b")
    assert answer.status_code == 403
    assert "group b" in answer.get_json()["detail"]
    assert device.library.jobs() == []
    assert device.post(who="ada", access="a").status_code == 202
    assert device.post(who="admin", access="b").status_code == 202
