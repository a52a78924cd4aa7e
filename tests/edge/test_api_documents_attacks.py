"""What a hostile or hasty upload gets."""

import http.client
import io
import json
import socket
import threading

import pytest
from flask import request

from documents_device import LIMITS, MOST, OIL
from handed_in_files import docx_bomb
from sfta_edge.app import ServeLimits
from sfta_edge.server import Address, create_server, listening, serve, stop


@pytest.fixture
def device(documents_device):
    return documents_device


@pytest.mark.parametrize(
    ("raw", "query", "status"),
    [
        (b"", {}, 415),
        (b"\x7fELF\0\0\0", {"name": "a.txt"}, 415),
        (b"text", {"name": "a.pdf"}, 415),
        (b"text", {"name": ""}, 400),
        (b"text", {"name": "../../etc/passwd"}, 400),
        (b"text", {"name": "a\0b.txt"}, 400),
        (b"text", {"name": "x" * 300}, 400),
        (b"text", {"collection": "x" * 300}, 400),
        (b"text", {"access": "\u202e"}, 400),
        (b"x" * (MOST + 1), {}, 413),
    ],
)
def test_a_refused_upload_leaves_nothing(device, raw, query, status):
    answer = device.post(raw, **query)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert list((device.folder / "data/files").iterdir()) == device.library.jobs() == []


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "multipart/form-data; boundary=x"}, {"Content-Encoding": "gzip"}],
)
def test_a_packed_body_is_415(device, headers):
    assert device.post(headers=headers).status_code == 415


def test_other_routes_keep_their_own_limit(device):
    device.app.add_url_rule(
        "/other", view_func=lambda: str(len(request.data)), methods=["POST"]
    )
    big = device.client.post("/other", data=b"x" * 5000, headers={"Who": "admin"})
    assert big.status_code == 413
    assert device.post(b"word " * 1000).status_code == 202


def test_a_bomb_fails_as_a_job_and_the_next_file_is_read(device):
    bomb = device.post(docx_bomb(), name="bomb.docx").get_json()["job"]
    good = device.post().get_json()["job"]
    assert device.library.wait(60)
    assert "zip bomb" in device.get(f"/v1/jobs/{bomb['id']}").get_json()["error"]
    assert device.get(f"/v1/jobs/{good['id']}").get_json()["state"] == "done"


def test_too_little_disk_is_507(device):
    device.library.read_only = True
    answer = device.post()
    assert answer.status_code == 507
    assert answer.get_json()["title"] == "Insufficient storage"


def test_too_many_files_is_429_with_a_time_to_come_back(device, monkeypatch):
    monkeypatch.setattr(device.library._jobs, "count", lambda *states: LIMITS.waiting)
    answer = device.post()
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"


def test_a_job_that_has_ended_cannot_be_cancelled(device):
    job = device.post().get_json()["job"]
    assert device.library.wait(60)
    assert device.delete(f"/v1/jobs/{job['id']}").status_code == 409


def test_a_job_that_waits_is_cancelled(device, monkeypatch):
    monkeypatch.setattr(device.library._worker, "wake", lambda: None)
    job = device.post().get_json()["job"]
    assert device.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert device.get(f"/v1/jobs/{job['id']}").get_json()["state"] == "cancelled"


def test_a_removal_of_a_device_that_only_reads_is_507(device):
    identity = device.add()
    device.library.read_only = True
    assert device.delete(f"/v1/documents/{identity}").status_code == 507


@pytest.fixture
def address(device):
    server = create_server(device.app, Address(port=0), ServeLimits(body_bytes=MOST))
    thread = threading.Thread(target=serve, args=(server,))
    thread.start()
    yield listening(server)[0]
    stop(server)
    thread.join()


def talk(address, *pieces, end=False):
    """Send bytes; read the status of the answer, None if there is none."""
    connection = http.client.HTTPConnection(*address, timeout=20)
    connection.connect()
    try:
        for piece in pieces:
            connection.sock.sendall(piece)
        if end:
            connection.sock.shutdown(socket.SHUT_WR)
        with http.client.HTTPResponse(connection.sock) as answer:
            try:
                answer.begin()
            except (http.client.HTTPException, ConnectionError):
                return None, None
            return answer.status, answer.read()
    finally:
        connection.close()


def head(**headers):
    lines = ["POST /v1/documents?name=oil.md HTTP/1.1", "Host: localhost", "Who: admin"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join([*lines, "", ""])).encode()


def test_a_body_in_chunks_without_a_length_is_taken(device, address):
    parts = [b"%x\r\n%s\r\n" % (len(part), part) for part in (OIL[:9], OIL[9:])]
    status, body = talk(address, head(Transfer_Encoding="chunked"), *parts, b"0\r\n\r\n")
    assert status == 202
    assert device.library.wait(60)
    assert device.library.file(device.library.job(json.loads(body)["job"]["id"]).document_id)


def test_chunks_without_end_are_cut_off_at_the_limit(device, address):
    part = b"%x\r\n%s\r\n" % (10_000, b"x" * 10_000)
    try:
        status, _ = talk(address, head(Transfer_Encoding="chunked"), *[part] * 40, b"0\r\n\r\n")
    except ConnectionError:
        status = 413
    assert status in (None, 413)
    assert device.library.jobs() == []


def test_a_length_that_promises_more_than_comes_is_no_file(device, address):
    status, _ = talk(address, head(Content_Length=5000), OIL, end=True)
    assert status in (None, 400)
    assert device.library.jobs() == []
    assert list((device.folder / "data/files").iterdir()) == []


def test_a_length_that_promises_less_than_comes_counts(device, address):
    status, _ = talk(address, head(Content_Length=5), OIL)
    assert status == 202
    assert device.library.wait(60)
    (job,) = device.library.documents()
    assert device.library.file(job.document_id).read_bytes() == OIL[:5]


def test_a_stream_that_ends_before_its_length_is_no_file(device):
    environ = {"wsgi.input": io.BytesIO(OIL), "CONTENT_LENGTH": "5000"}
    answer = device.client.post(
        "/v1/documents?name=oil.md", headers={"Who": "admin"}, environ_overrides=environ
    )
    assert answer.status_code == 400
    assert device.library.jobs() == []
    assert list((device.folder / "data/files").iterdir()) == []
