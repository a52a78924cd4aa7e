"""What an earlier release installed and wrote is taken over; what a later one made is refused."""

import json

import pytest

from account_world import HERE as ADDRESS
from account_world import PASSWORD, opened
from audit_logs import open_log, verdict
from handed_in_files import PassageWords
from opened_libraries import LIMITS
from released_device import releases, unpacked
from sfta_edge.caller import Caller
from sfta_edge.errors import SftaError
from sfta_edge.history import History
from sfta_edge.installation import install
from sfta_edge.library.library import Library
from sfta_edge.manifest import MANIFEST, SIGNATURE
from sfta_edge.retriever import Retriever
from sfta_edge.signature import open_verified
from sfta_edge.slots import STATE, active_slot, read_state, rollback
from signed_bundles import KEY, PUBLIC, make, snapshot

each_release = pytest.mark.parametrize("version", releases())


def test_there_is_a_device_of_each_release():
    assert "0.1.0" in releases()


@each_release
@pytest.mark.parametrize("form", ["bundle", "bundle.tar"])
def test_a_bundle_of_a_release_is_installed(version, form, tmp_path):
    given = unpacked(version, tmp_path / "given") / form
    assert install(given, tmp_path / "root", PUBLIC).counter == 1
    assert open_verified(active_slot(tmp_path / "root"), PUBLIC).facts["name"] == "manuals"


@each_release
def test_a_device_of_a_release_is_updated_and_goes_back(version, tmp_path):
    root = unpacked(version, tmp_path / "given") / "root"
    assert read_state(root).current.counter == 1
    install(make(tmp_path / "2", 2), root, PUBLIC)
    assert read_state(root).probation
    assert rollback(root, "by hand").current.counter == 1
    assert open_verified(active_slot(root), PUBLIC).facts["counter"] == 1


@each_release
def test_what_people_did_with_a_release_is_still_there(version, tmp_path):
    root = unpacked(version, tmp_path / "given") / "root"
    with opened(root) as accounts:
        assert accounts.login("rita", PASSWORD, ADDRESS).user.name == "rita"
    with History(root / "data/history.sqlite") as history:
        (entry,) = history.entries(Caller("rita"))
        assert entry["question"] == "When is the oil due?"
    with Library(root / "data", PassageWords(), store_limits=LIMITS) as library:
        (job,) = library.documents()
        assert (job.name, job.owner, job.state) == ("oil.md", "ed", "done")
        assert (root / "data/files" / job.sha256).read_bytes().startswith(b"# Oil")
    with Retriever(root / "data/knowledge.sqlite", PassageWords()) as retriever:
        assert "2000 hours" in retriever.search("oil", 1)[0].chunk.text
    before = verdict(root)
    assert before.intact
    with open_log(root) as audit:
        audit.append("login", {"user": "rita"})
    assert verdict(root).intact
    assert verdict(root).records > before.records


def later_manifest(root, **facts):
    path = root / MANIFEST
    known = json.loads(path.read_bytes())
    raw = json.dumps({**known, **(facts or {"schema": "sfta.manifest/2"})}).encode()
    path.write_bytes(raw)
    (root / SIGNATURE).write_bytes(KEY.sign(raw))


def later_kind(root):
    later_manifest(root, kind="bundle/2")


def later_python(root):
    from sfta_edge.seal import seal
    from signed_bundles import HERE, facts

    for name in (MANIFEST, SIGNATURE, "SHA256SUMS"):
        (root / name).unlink()
    seal(root, facts(2, compat={**HERE, "python": ["3.99"]}), KEY)


@each_release
@pytest.mark.parametrize("later", [later_manifest, later_kind, later_python])
def test_a_bundle_that_a_later_release_made_is_refused_and_nothing_changes(
    version, later, tmp_path
):
    root = unpacked(version, tmp_path / "given") / "root"
    bundle, before = make(tmp_path / "2", 2), snapshot(root)
    later(bundle)
    with pytest.raises(SftaError):
        install(bundle, root, PUBLIC)
    assert snapshot(root) == before


@each_release
def test_a_state_that_a_later_release_wrote_is_refused_and_nothing_changes(version, tmp_path):
    root = unpacked(version, tmp_path / "given") / "root"
    path = root / STATE
    path.write_bytes(path.read_bytes().replace(b"sfta.slots/1", b"sfta.slots/2"))
    before = snapshot(root)
    for act in (lambda: install(make(tmp_path / "2", 2), root, PUBLIC), lambda: rollback(root)):
        with pytest.raises(SftaError, match=r"unknown schema 'sfta\.slots/2'"):
            act()
        assert snapshot(root) == before
