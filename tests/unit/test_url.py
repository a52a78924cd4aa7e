"""An address in a recipe holds no secret, and what a store says is shown without one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfta.core.config import build
from sfta.core.url import is_url, secret_in, without_secrets
from sfta.documents.config import IngestConfig
from sfta_edge.errors import ConfigError

SECRET = "wJalrXUtnFEMI"
HOLDING = [
    f"https://reader:{SECRET}@host/manual.pdf",
    f"https://{SECRET}@host/manual.pdf",
    f"s3://AKIA:{SECRET}@bucket/manual.pdf",
    f"az://container:{SECRET}@account.blob.core.windows.net/manual.pdf",
    f"abfs://container%3A{SECRET}@account.dfs.core.windows.net/manual.pdf",
    f"https://account.blob.core.windows.net/c/m.pdf?sv=2024&sp=r&sig={SECRET}",
    f"az://container/manual.pdf?se=2030-01-01&SIG={SECRET}",
    f"https://host/m.pdf?X-Amz-Credential={SECRET}&X-Amz-Date=1",
    f"https://host/m.pdf?X-Amz-Signature={SECRET}",
    f"https://host/m.pdf?X-Goog-Signature={SECRET}",
    f"https://host/m.pdf?AWSAccessKeyId={SECRET}",
    f"https://host/m.pdf?api_key={SECRET}",
    f"https://host/m.pdf?page=2;access_token={SECRET}",
    f"https://host/m.pdf?%73ig={SECRET}",
    f"https://host/m.pdf#token={SECRET}",
    f"https://host/m.pdf?password={SECRET}",
    f"simplecache::https://reader:{SECRET}@host/m.pdf",
]
OPEN = [
    "https://host/manual.pdf",
    "https://host/manual.pdf?version=3&lang=de",
    "https://host/a@b/manual.pdf",
    "s3://bucket/manuals/**/*.pdf",
    "s3://bucket/manual-?.pdf",
    "gs://bucket/keys and tokens/manual.pdf",
    "abfs://container@account.dfs.core.windows.net/manuals",
    "az://container/manuals",
]


@pytest.mark.parametrize("url", HOLDING)
def test_a_url_with_a_secret_is_refused_without_repeating_it(url):
    assert secret_in(url)
    with pytest.raises(ConfigError) as error:
        build(IngestConfig, {"sources": ["documents", url]}, name="recipe.yaml")
    assert "sources.1: the URL holds a" in str(error.value)
    assert "docs/how-to/blob-storage.md" in str(error.value)
    assert SECRET not in str(error.value) + repr(error.value) + error.value.hint
    assert error.value.__cause__ is None


@pytest.mark.parametrize("url", OPEN)
def test_a_url_without_a_secret_is_taken_as_it_is(url):
    assert secret_in(url) == ""
    assert build(IngestConfig, {"sources": [url]}, name="recipe.yaml").sources == [url]


def test_a_local_path_may_look_like_anything():
    path = "manuals/user:name@site?sig=old.pdf"
    assert not is_url(path)
    assert build(IngestConfig, {"sources": [path]}, name="recipe.yaml").sources == [path]


@pytest.mark.parametrize("url", HOLDING)
def test_what_a_store_says_is_shown_without_the_secret(url):
    assert SECRET not in without_secrets(f"403, message='Forbidden', url='{url}'")


def test_the_key_of_a_connection_string_is_hidden():
    text = f"DefaultEndpointsProtocol=https;AccountName=reader;AccountKey={SECRET}==;End=x"
    assert without_secrets(text) == (
        "DefaultEndpointsProtocol=https;AccountName=reader;AccountKey=[hidden];End=x"
    )


@pytest.mark.parametrize("url", OPEN)
def test_what_holds_no_secret_is_shown_whole(url):
    if "@account" not in url:  # a name before a host is hidden, whatever it is
        assert without_secrets(f"cannot read {url}") == f"cannot read {url}"


WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=8, max_size=12)


@given(host=WORD, path=WORD, secret=WORD, name=st.sampled_from(["sig", "token", "api-key"]))
def test_no_secret_gets_past_both(host, path, secret, name):
    for url in (f"https://{host}/{path}?{name}={secret}", f"s3://{host}:{secret}@{path}/x"):
        assert secret_in(url)
        assert secret not in without_secrets(url).replace(host, "").replace(path, "")
