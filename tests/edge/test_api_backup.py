"""The backup as a download: for admins, encrypted for the key of the device."""

import pytest

from called_api import called_app, caller
from device_data import device_data, notes, restore_to
from sfta_edge.api.backup import add_backup
from sfta_edge.backup.keys import new_key


@pytest.fixture(name="root")
def _root(tmp_path):
    device_data(tmp_path / "device")
    return tmp_path / "device"


@pytest.fixture(name="told")
def _told():
    return []


@pytest.fixture(name="client")
def _client(root, told):
    return called_app(lambda app: add_backup(app, root / "data", told.append))


def test_a_download_can_be_restored(tmp_path, client, root, told):
    new_key(tmp_path / "key.pem", root / "data")
    response = client.post("/v1/backup")
    assert response.status_code == 200
    assert response.mimetype == "application/octet-stream"
    (tmp_path / "b").write_bytes(response.data)
    restore_to(tmp_path / "other", tmp_path / "b", tmp_path / "key.pem")
    assert notes(tmp_path / "other/data") == ["the oil is changed", "the filter is replaced"]
    assert told == ["root"]


@pytest.mark.parametrize(("who", "status"), [("reader", 403), ("editor", 403), ("nobody", 401)])
def test_only_admins_take_backups(client, who, status, told):
    assert client.post("/v1/backup", headers=caller(who)).status_code == status
    assert told == []


def test_without_a_key_there_is_no_backup(client):
    response = client.post("/v1/backup")
    assert response.status_code == 409
    assert "--new-key" in response.json["detail"]


def test_one_backup_is_made_at_a_time_and_one_that_is_given_up_makes_room(
    tmp_path, client, root
):
    new_key(tmp_path / "key.pem", root / "data")
    first = client.post("/v1/backup", buffered=False)
    next(first.iter_encoded())
    assert client.post("/v1/backup").status_code == 409
    first.close()
    assert not list(root.glob(".data.backup-*"))
    again = client.post("/v1/backup")
    assert again.status_code == 200
    again.close()


def test_what_fails_before_the_first_byte_is_an_error(tmp_path, client, root):
    new_key(tmp_path / "key.pem", root / "data")
    (root / "data/link").symlink_to("/etc/passwd")
    assert client.post("/v1/backup").status_code == 500
    (root / "data/link").unlink()
    assert client.post("/v1/backup").status_code == 200
