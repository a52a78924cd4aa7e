"""Updates over HTTP: an upload that ends in the other slot, and everything that is not let in."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import account_world
import updates_api
from called_api import called_app, caller
from sfta_edge.api.updates import PATH, add_updates
from sfta_edge.slots import read_state
from sfta_edge.updates import receiving
from signed_bundles import make
from updates_api import SLICE, install, send, upload, upload_bytes

told, ended = updates_api.told, updates_api.ended
updates, client = updates_api.updates, updates_api.client


@pytest.fixture(name="archive")
def _archive(second_bundle):
    return second_bundle.with_suffix(".tar")


def test_a_bundle_is_uploaded_installed_and_waits_for_the_restart(
    client, updates, device_root, archive, told, ended
):
    begun = upload(client, archive)
    assert begun["files"] == [
        {"name": "manuals-2.tar", "size": archive.stat().st_size,
         "received": archive.stat().st_size}
    ]  # fmt: skip
    assert install(client, updates)["state"] == "done"
    status = client.get(PATH).json
    assert (status["restart"], status["probation"], status["files"]) == (True, True, [])
    assert [status[which]["counter"] for which in ("running", "active", "other")] == [1, 2, 1]
    assert client.post(f"{PATH}/restart").status_code == 204
    assert [kind for kind, _ in told] == ["update_uploaded", "update_installed", "restart"]
    assert {facts["user"] for _, facts in told} == {"root"}
    assert len(told[0][1]["files"][0]["sha256"]) == 64
    assert client.post(f"{PATH}/restart").status_code == 409
    assert read_state(device_root).probation == read_state(device_root).current.manifest


def test_parts_go_on_where_the_upload_was_cut_off(client, updates, archive):
    content = archive.read_bytes()
    first, second = content[:5000], content[5000:]
    send(client, "m.tar.001", first[:SLICE], 0, len(first))
    again = send(client, "m.tar.001", first[:SLICE], 0, len(first))
    assert again.status_code == 409
    assert "4096 bytes of m.tar.001 are here" in again.json["detail"]
    (known,) = client.get(PATH).json["files"]
    upload_bytes(client, first, "m.tar.001", known["received"])
    upload_bytes(client, second, "m.tar.002")
    assert install(client, updates)["state"] == "done"


def test_a_forged_bundle_is_refused_with_the_reason_and_removed(
    client, updates, device_root, tmp_path, told
):
    strange = Ed25519PrivateKey.generate()
    forged = make(tmp_path / "forged", 9, key=strange).with_suffix(".tar")
    upload(client, forged)
    job = install(client, updates)
    assert (job["state"], job["error"]) == (
        "refused",
        "no key that this device trusts has signed this bundle",
    )
    assert job["hint"]
    assert told[-1][0] == "update_refused"
    assert read_state(device_root).current.counter == 1
    assert not (device_root / "data/cache/updates").exists()


@pytest.mark.parametrize("at", [0, 300, 2000, -1500])
def test_a_bundle_that_was_changed_is_refused(client, updates, device_root, archive, at):
    content = bytearray(archive.read_bytes())
    content[at] ^= 1
    archive.write_bytes(content)
    upload(client, archive)
    assert install(client, updates)["state"] == "refused"
    assert read_state(device_root).current.counter == 1
    assert sorted(path.name for path in (device_root / "slots").iterdir()) == ["a"]


def test_an_older_bundle_is_refused(client, updates, device_root, tmp_path):
    (device_root / "state.json").write_bytes(
        read_state(device_root).to_bytes().replace(b'":1}', b'":5}')
    )
    upload(client, make(tmp_path / "older", 4).with_suffix(".tar"))
    assert "is older than 5" in install(client, updates)["error"]


def test_the_bundle_that_answers_is_not_installed_again(client, updates, first_bundle):
    upload(client, first_bundle.with_suffix(".tar"))
    assert "the one that answers" in install(client, updates)["error"]


def test_a_bundle_without_its_end_is_refused(client, updates, archive):
    archive.write_bytes(archive.read_bytes()[:-600])
    upload(client, archive)
    assert "cut off" in install(client, updates)["error"]


def test_what_has_not_wholly_arrived_is_not_installed(client, archive):
    content = archive.read_bytes()
    send(client, "m.tar", content[:SLICE], 0, len(content))
    refused = client.post(f"{PATH}/install")
    assert refused.status_code == 422
    assert "m.tar has not wholly arrived: 4096 of" in refused.json["detail"]
    assert client.delete(PATH).status_code == 204
    assert client.post(f"{PATH}/install").json["detail"] == "nothing was uploaded"


def test_a_part_that_was_never_sent_is_named(client):
    send(client, "m.tar.001", b"x")
    send(client, "m.tar.003", b"x")
    assert "part 002 of m.tar is missing" in client.post(f"{PATH}/install").json["detail"]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("../evil.tar", 422),
        ("/etc/x.tar", 422),
        ("m.zip", 422),
        (".tar", 422),
        ("m.tar.000", 422),
        ("m.tar.1", 422),
        ("m\n.tar", 422),
        ("", 422),
    ],
)
def test_only_archives_and_parts_are_taken(client, device_root, name, status):
    assert send(client, name, b"x").status_code == status
    assert not list((device_root / "data/cache").rglob("*.tar*"))


def test_another_bundle_does_not_mix_with_the_one_that_arrives(client):
    assert send(client, "m.tar.001", b"x").status_code == 200
    assert send(client, "n.tar.002", b"x").status_code == 409
    assert send(client, "m.tar", b"x").status_code == 409
    assert send(client, "m.tar.001", b"y", 1, 2).status_code == 409


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"size": 2 << 20}, 413),
        ({"size": 0}, 413),
        ({"size": 2}, 422),  # fewer than are sent
        ({"offset": 1}, 409),
        ({"size": "-1"}, 400),
        ({"offset": "1e3"}, 400),
        ({"size": "9" * 40}, 400),
        ({"size": "٣"}, 400),
    ],
)
def test_numbers_of_a_client_are_checked(client, query, status):
    asked = {"name": "m.tar", "size": 10, "offset": 0, **query}
    sent = client.post(PATH, data=b"xxx", query_string=asked)
    assert sent.status_code == status
    assert sent.json["detail"]


def test_a_slice_has_a_limit_and_is_no_form(client):
    assert send(client, "m.tar", bytes(SLICE + 1)).status_code == 413
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert send(client, "m.tar", b"x", **form).status_code == 415
    assert send(client, "m.tar", b"x", **{"Content-Encoding": "gzip"}).status_code == 415
    assert send(client, "m.tar", b"", size=1).status_code == 422


def test_an_upload_that_the_disk_cannot_hold_is_refused_before_it_is_written(
    client, monkeypatch
):
    monkeypatch.setattr(receiving.Receiving, "free_bytes", lambda _self: 10)
    refused = send(client, "m.tar", b"x" * 5, 0, 11)
    assert refused.status_code == 507
    assert refused.json["hint"]


def test_a_disk_that_is_full_meanwhile_keeps_what_had_arrived(client, monkeypatch):
    send(client, "m.tar", b"x" * 10, 0, 20)

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(receiving.os, "fsync", full)
    assert send(client, "m.tar", b"x" * 10, 10, 20).status_code == 507
    monkeypatch.undo()
    assert client.get(PATH).json["files"][0]["received"] == 10
    assert send(client, "m.tar", b"x" * 10, 10, 20).status_code == 200


@pytest.mark.parametrize(("who", "status"), [("reader", 403), ("editor", 403), ("nobody", 401)])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", PATH),
        ("POST", f"{PATH}?name=m.tar&size=1&offset=0"),
        ("DELETE", PATH),
        ("POST", f"{PATH}/install"),
        ("POST", f"{PATH}/restart"),
        ("POST", f"{PATH}/rollback"),
    ],
)
def test_only_admins_come_near(client, method, path, who, status, told, device_root):
    sent = client.open(path, method=method, data=b"x", headers=caller(who))
    assert sent.status_code == status
    assert told == []
    assert not (device_root / "data/cache/updates").exists()


def test_pages_of_other_sites_and_other_names_are_refused(client):
    evil = {"Origin": "http://evil.example"}
    assert send(client, "m.tar", b"x", **evil).status_code == 403
    assert client.post(f"{PATH}/rollback", headers=evil).status_code == 403
    assert client.get(PATH, headers={"Host": "evil.example"}).status_code == 421


def test_going_back_is_checked_recorded_and_waits_for_the_restart(
    client, updates, device_root, archive, told
):
    assert client.post(f"{PATH}/rollback").status_code == 409
    upload(client, archive)
    install(client, updates)
    assert client.post(f"{PATH}/rollback", json={"reason": "wrong manuals"}).status_code == 202
    assert updates.wait(30)
    status = client.get(PATH).json
    assert (status["restart"], status["reason"]) == (False, "wrong manuals")
    assert status["active"]["counter"] == 1
    assert told[-1] == (
        "rollback",
        {"user": "root", **status["active"], "reason": "wrong manuals"},
    )


@pytest.mark.parametrize("body", [{"reason": 5}, {"reason": "x" * 501}])
def test_a_reason_is_a_short_text(client, body):
    assert client.post(f"{PATH}/rollback", json=body).status_code == 400


def test_a_damaged_slot_is_not_gone_back_to(client, updates, device_root, archive):
    upload(client, archive)
    install(client, updates)
    (device_root / "slots/a/model/m.gguf").write_bytes(b"rotten")
    client.post(f"{PATH}/rollback")
    assert updates.wait(30)
    assert client.get(PATH).json["job"]["state"] == "refused"
    assert read_state(device_root).active == "b"


def test_nothing_is_uploaded_while_a_bundle_waits_for_the_restart(client, updates, archive):
    upload(client, archive)
    install(client, updates)
    refused = send(client, "m.tar", b"x")
    assert refused.status_code == 409
    assert "waits for the restart" in refused.json["detail"]


def test_a_device_without_an_installation_says_so():
    client = called_app(lambda app: add_updates(app, None))
    assert client.get(PATH).json == {"possible": False}
    assert client.post(f"{PATH}/install").status_code == 409


def test_a_cookie_without_the_sessions_own_token_changes_nothing(tmp_path, updates):
    with account_world.peopled(tmp_path / "people") as accounts:
        app = account_world.guarded_app(accounts)
        add_updates(app, updates)
        browser = account_world.Browser(app)
        browser.login("ada")
        assert browser.call("GET", PATH).status_code == 200
        for path in (f"{PATH}?name=m.tar&size=1&offset=0", f"{PATH}/install",
                     f"{PATH}/restart", f"{PATH}/rollback"):  # fmt: skip
            assert browser.call("POST", path, csrf="forged").status_code == 403
        assert browser.call("DELETE", PATH, csrf="forged").status_code == 403
        sent = browser.call("POST", f"{PATH}?name=m.tar&size=4&offset=0", 1234)
        assert sent.json["files"] == [{"name": "m.tar", "size": 4, "received": 4}]
