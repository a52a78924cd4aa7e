"""The endpoints of updates on an installation of small bundles, called as one person or another."""

import io
import json

import pytest

from called_api import called_app, caller
from sfta_edge.api.updates import PATH, add_updates
from sfta_edge.slots import active_slot
from sfta_edge.updates.receiving import UpdateLimits
from sfta_edge.updates.updates import Surroundings, Updates

SLICE = 4096


@pytest.fixture
def told():
    """Records of the audit log."""
    return []


@pytest.fixture
def ended():
    """How often the server was ended, to be started again."""
    return []


@pytest.fixture
def updates(device_root, told, ended):
    def record(kind, facts):
        told.append((kind, json.loads(json.dumps(facts))))

    around = Surroundings(
        restart=lambda: ended.append(1), on_event=record, trial=lambda *_, **__: None
    )
    limits = UpdateLimits(most_bytes=1 << 20, reserve_bytes=0, slice_bytes=SLICE)
    made = Updates(device_root, active_slot(device_root), around, limits)
    yield made
    made.close()


@pytest.fixture
def client(updates):
    return called_app(lambda app: add_updates(app, updates))


def send(client, name, content, offset=0, size=None, who="admin", **more):
    """One slice; `size` is that of the whole file."""
    query = {"name": name, "offset": offset, "size": len(content) if size is None else size}
    return client.post(
        PATH, data=io.BytesIO(content), query_string=query,
        content_length=more.pop("length", len(content)), headers={**caller(who), **more},
    )  # fmt: skip


def upload(client, path, name="manuals-2.tar"):
    return upload_bytes(client, path.read_bytes(), name)


def upload_bytes(client, content, name, begin=0):
    for offset in range(begin, len(content), SLICE):
        sent = send(client, name, content[offset : offset + SLICE], offset, len(content))
        assert sent.status_code == 200, sent.json
    return sent.json


def install(client, updates):
    """The job after it has ended."""
    done = client.post(f"{PATH}/install")
    assert done.status_code == 202, done.json
    assert updates.wait(30)
    return client.get(PATH).json["job"]
