"""Object stores are read through their own protocols, from real servers on this machine."""

import json
import os
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest

from local_stores import (
    azure_server,
    google_server,
    missing_for_azure,
    s3_server,
)
from sfta.adapters.storage import fetch, list_sources
from sfta_edge.errors import ConfigError, ToolError

MANY = 1 << 20
SECRET = "test-secret-that-must-not-be-shown"
FILES = {
    "manuals/pump.pdf": b"pump",
    "manuals/old/valve 2.pdf": b"valve",
    "manuals/Größe.md": "Größe".encode(),
    "manuals/.lock": b"hidden",
    # Names that look like a query, a fragment, a chain, an escape or a wildcard.
    "odd/a?b=c.pdf": b"query",
    "odd/a#1.pdf": b"fragment",
    "odd/a::b.pdf": b"chain",
    "odd/a%20b.pdf": b"escape",
    "odd/[x].pdf": b"wildcard",
}


@contextmanager
def environment(**variables):
    """Variables as a user exports them; drivers that were made for others are forgotten."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("AWS_", "AZURE_", "GOOGLE_", "STORAGE_EMULATOR")):
                patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        forget_drivers()
        yield
    forget_drivers()


def forget_drivers():
    for scheme in ("s3", "az", "gs"):
        fsspec.get_filesystem_class(scheme).clear_instance_cache()


@contextmanager
def s3():
    pytest.importorskip("s3fs", reason="s3:// needs s3fs")
    pytest.importorskip("moto", reason="the S3 server is moto's")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": SECRET}
    with s3_server() as endpoint, environment(AWS_ENDPOINT_URL=endpoint, **keys):
        fsspec.filesystem("s3").mkdir("box")
        yield "s3"


@contextmanager
def azure():
    pytest.importorskip("adlfs", reason="az:// needs adlfs")
    cache = Path(os.environ.get("SFTA_CACHE", "~/.cache/sfta")).expanduser()
    if reason := missing_for_azure(cache):
        pytest.skip(reason)
    with (
        azure_server(cache) as connection,
        environment(AZURE_STORAGE_CONNECTION_STRING=connection),
    ):
        fsspec.filesystem("az").mkdir("box")
        yield "az"


@contextmanager
def google():
    pytest.importorskip("gcsfs", reason="gs:// needs gcsfs")
    pytest.importorskip("gcp_storage_emulator", reason="the server is gcp-storage-emulator")
    with (
        google_server() as endpoint,
        environment(STORAGE_EMULATOR_HOST=endpoint, NO_GCE_CHECK="true"),
    ):
        request = urllib.request.Request(
            f"{endpoint}/storage/v1/b", json.dumps({"name": "box"}).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        urllib.request.urlopen(request).close()
        yield "gs"


@pytest.fixture(scope="module", params=[s3, azure, google], ids=lambda store: store.__name__)
def scheme(request):
    """Scheme of a store that holds the files."""
    with request.param() as scheme:
        filesystem = fsspec.filesystem(scheme)
        for name, content in FILES.items():
            filesystem.pipe_file(f"box/{name}", content)
        yield scheme


def names(pattern, tmp_path, **options):
    return [source.name for source in list_sources([pattern], tmp_path, **options)]


def test_a_store_is_listed_by_folder_file_and_glob(scheme, tmp_path):
    box = f"{scheme}://box"
    assert names(f"{box}/manuals", tmp_path) == ["Größe.md", "old/valve 2.pdf", "pump.pdf"]
    assert names(f"{box}/manuals/pump.pdf", tmp_path) == ["pump.pdf"]
    assert names(f"{box}/manuals/*.pdf", tmp_path) == ["pump.pdf"]
    assert names(f"{box}/manuals/**/*.pdf", tmp_path) == ["old/valve 2.pdf", "pump.pdf"]
    assert names(f"{box}/manuals", tmp_path, exclude=["old/*"]) == ["Größe.md", "pump.pdf"]


def test_every_file_is_read_whatever_its_name_looks_like(scheme, tmp_path):
    found = list_sources([f"{scheme}://box"], tmp_path)
    read = {s.name: fetch(s, tmp_path, MANY).read_bytes() for s in found}
    assert read == {n: content for n, content in FILES.items() if "/." not in n}


def test_a_file_is_downloaded_again_only_when_it_changed(scheme, tmp_path):
    filesystem = fsspec.filesystem(scheme)
    filesystem.pipe_file("box/changing/a.txt", b"one")
    url = f"{scheme}://box/changing"
    (first,) = list_sources([url], tmp_path)
    assert first.stamp
    fetch(first, tmp_path, MANY).write_bytes(b"as it was")
    assert fetch(first, tmp_path, MANY).read_bytes() == b"as it was"
    filesystem.pipe_file("box/changing/a.txt", b"two")
    (second,) = list_sources([url], tmp_path)
    assert fetch(second, tmp_path, MANY).read_bytes() == b"two"
    filesystem.rm_file("box/changing/a.txt")


def test_what_came_and_went_since_the_last_look_is_seen(scheme, tmp_path):
    filesystem = fsspec.filesystem(scheme)
    filesystem.pipe_file("box/moving/a.txt", b"a")
    assert names(f"{scheme}://box/moving", tmp_path) == ["a.txt"]
    filesystem.pipe_file("box/moving/b.txt", b"b")
    filesystem.rm_file("box/moving/a.txt")
    assert names(f"{scheme}://box/moving", tmp_path) == ["b.txt"]


@pytest.mark.parametrize("place", ["box/nothing", "box/nothing/*.pdf", "nobox/a.pdf"])
def test_what_is_not_there_is_named(scheme, tmp_path, place):
    with pytest.raises(ConfigError, match=f"there is no file at {scheme}://nobox|nothing"):
        list_sources([f"{scheme}://{place}"], tmp_path)


def refused(url, tmp_path):
    with pytest.raises(ToolError, match="cannot read") as error:
        list_sources([url], tmp_path)
    assert SECRET not in str(error.value) + error.value.hint
    assert "credentials" in error.value.hint
    return str(error.value)


def test_a_missing_key_is_a_store_error():
    pytest.importorskip("s3fs")
    with environment(
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE="/nonexistent",
        AWS_SHARED_CREDENTIALS_FILE="/nonexistent",
    ):
        assert "NoCredentialsError" in refused("s3://box/a.pdf", Path())


def test_a_server_that_does_not_answer_is_a_store_error(tmp_path):
    pytest.importorskip("s3fs")
    with environment(
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY=SECRET,
        AWS_MAX_ATTEMPTS="1",
    ):
        refused("s3://box/a.pdf", tmp_path)


def test_a_wrong_account_key_is_a_store_error_that_does_not_show_it(tmp_path):
    pytest.importorskip("adlfs")
    cache = Path(os.environ.get("SFTA_CACHE", "~/.cache/sfta")).expanduser()
    if reason := missing_for_azure(cache):
        pytest.skip(reason)
    wrong = "d3Jvbmcga2V5IHRoYXQgbXVzdCBub3QgYmUgc2hvd24="
    with azure_server(cache) as connection:
        parts = [p for p in connection.split(";") if p and not p.startswith("AccountKey")]
        with environment(
            AZURE_STORAGE_CONNECTION_STRING=";".join([*parts, f"AccountKey={wrong}"])
        ):
            assert wrong not in refused("az://box/a.pdf", tmp_path)


def test_no_account_at_all_says_so(tmp_path):
    pytest.importorskip("adlfs")
    with environment(), pytest.raises(ConfigError, match="cannot read the source az://box"):
        list_sources(["az://box/a.pdf"], tmp_path)
