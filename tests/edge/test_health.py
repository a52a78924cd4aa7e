"""The examination: each part is looked at, and one that fails does not hide the others."""

import pytest

from sfta_edge import health
from sfta_edge.errors import MissingDependencyError
from sfta_edge.health import examine
from sfta_edge.llama import variant


def by_part(findings):
    return {finding.part: finding for finding in findings}


def test_a_device_without_a_bundle_is_examined_all_the_same(tmp_path):
    found = by_part(examine(tmp_path))
    assert found["python"].ok
    assert found["machine"].ok
    assert found["llama.cpp"].ok
    assert found["sqlite"].ok
    assert not found["bundle"].ok
    assert found["bundle"].exit_code == 2
    assert found["bundle"].hint
    assert "answer" not in found


def test_what_fails_does_not_hide_the_rest(tmp_path, monkeypatch):
    def fail():
        raise MissingDependencyError("no CPU backend", hint="Install the wheel.")

    monkeypatch.setattr(health, "_llama", fail)
    found = by_part(examine(tmp_path))
    assert (found["llama.cpp"].ok, found["llama.cpp"].exit_code) == (False, 3)
    assert found["llama.cpp"].hint == "Install the wheel."
    assert found["sqlite"].ok


def test_a_folder_that_is_no_bundle_is_found(tmp_path):
    findings = examine(tmp_path, tmp_path)
    assert not findings[-1].ok
    assert findings[-1].part == "answer"
    assert findings[-1].exit_code == 4


def test_a_folder_given_by_name_has_no_signature_to_check(small_bundle, monkeypatch):
    monkeypatch.setattr(health, "_answer", lambda folder, threads: f"asked {folder.name}")
    found = by_part(examine(small_bundle.parent, small_bundle))
    assert "signature" not in found
    assert found["answer"].detail == "asked manuals"


def test_a_model_that_writes_nothing_is_ill(small_bundle, monkeypatch):
    from sfta_edge.engine import Engine

    def write_nothing(self, prompt, limits):
        from sfta_edge.generation import Generation

        yield from ()
        return Generation("", (), "stop", 1)

    monkeypatch.setattr(Engine, "stream", write_nothing)
    finding = examine(small_bundle.parent, small_bundle, threads=1)[-1]
    assert not finding.ok
    assert "wrote nothing" in finding.detail


@pytest.mark.parametrize("part", ["machine", "sqlite"])
def test_a_finding_tells_versions_or_numbers(tmp_path, part):
    assert any(char.isdigit() for char in by_part(examine(tmp_path))[part].detail)


def test_a_finding_tells_which_backend_computes(tmp_path):
    assert by_part(examine(tmp_path))["llama.cpp"].detail.endswith(variant())
