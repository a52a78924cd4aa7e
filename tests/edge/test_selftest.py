"""An update is tried in a process of its own; what fails changes nothing."""

import json
import os
import shutil

import pytest
from click.testing import CliRunner

from sfta_edge import selftest
from sfta_edge.cli.main import cli, main
from sfta_edge.golden import GOLDEN_FILE, Golden, GoldenQuestion
from sfta_edge.installation import install
from sfta_edge.manifest import Manifest
from sfta_edge.seal import seal
from sfta_edge.selftest import Measured, SelfTestError, run_selftest, try_bundle
from sfta_edge.signature import public_pem
from sfta_edge.slots import read_state

OIL = "How often is the oil changed?"
PASSED = {"passed": True, "asked": 1, "held": 1, "wrong": [], "seconds": 1.0, "peak_bytes": 9}


@pytest.fixture(name="made")
def _made(small_bundle, signing_key, tmp_path):
    """Makes another version of the small bundle, with golden questions or another model."""

    def make(counter, *golden, model=None):
        folder = tmp_path / f"bundle-{counter}"
        shutil.copytree(small_bundle, folder, copy_function=os.link)
        old = Manifest.read(folder)
        for name in ("manifest.json", "manifest.sig", "SHA256SUMS"):
            (folder / name).unlink()
        (folder / GOLDEN_FILE).write_bytes(Golden(tuple(golden)).to_bytes())
        if model is not None:
            (path,) = (folder / "model").iterdir()
            path.unlink()
            path.write_bytes(model)
        seal(folder, {**old.facts, "counter": counter}, signing_key)
        return folder

    return make


@pytest.fixture(name="child")
def _child(monkeypatch):
    """Stands for the child process: what it would have told."""
    told = dict(PASSED)
    monkeypatch.setattr(selftest, "_child", lambda *_: told)
    return told


def test_a_bundle_that_answers_as_measured_passes(made):
    folder = made(4, GoldenQuestion(OIL, refused=False, places=(("m.pdf", 99),)))
    with pytest.raises(SelfTestError, match="1 of 1 golden questions came out otherwise"):
        run_selftest(folder)
    measured = run_selftest(made(5))
    assert measured.peak_bytes > 50 << 20


def test_weights_that_cannot_be_loaded_fail_in_the_child(made):
    with pytest.raises(SelfTestError, match=r"not a GGUF file|cannot be loaded"):
        run_selftest(made(4, model=b"no weights at all"))


def test_a_program_that_breaks_is_quoted_with_its_last_line(made, monkeypatch):
    monkeypatch.setattr(selftest.sys, "executable", "/bin/sh")
    with pytest.raises(SelfTestError, match=r"the self-test failed: .*sh"):
        run_selftest(made(4))


def test_a_test_that_hangs_is_ended(made):
    with pytest.raises(SelfTestError, match="did not end within"):
        run_selftest(made(4), seconds=0.05)


def test_three_times_slower_than_the_bundle_before_is_refused(child, tmp_path):
    child["seconds"] = 3.1
    with pytest.raises(
        SelfTestError, match=r"takes 3\.1 s; with the bundle before it took 1\.0 s"
    ):
        run_selftest(tmp_path, before=Measured(1.0, 9))
    assert run_selftest(tmp_path, before=Measured(1.1, 9)).seconds == 3.1
    assert run_selftest(tmp_path, before=Measured(0.0, 9)).seconds == 3.1


def test_more_memory_than_the_device_has_is_refused(child, tmp_path):
    child["peak_bytes"] = 1 << 50
    with pytest.raises(SelfTestError, match="MiB of this device"):
        run_selftest(tmp_path)


@pytest.mark.usefixtures("child")
def test_the_result_is_remembered_for_the_next_update(made, tmp_path, child):
    root, folder = tmp_path / "root", made(4)
    root.mkdir()
    try_bundle(root, folder)
    (kept,) = (root / "measured").iterdir()
    assert json.loads(kept.read_bytes()) == {"seconds": 1.0, "peak_bytes": 9}
    child["seconds"] = 2.0
    try_bundle(root, made(5))
    assert [json.loads(p.read_bytes())["seconds"] for p in (root / "measured").iterdir()] == [
        2.0
    ]


def test_a_worse_bundle_leaves_everything_as_it_was(made, signing_key, tmp_path):
    root, key = tmp_path / "root", tmp_path / "maker.pem"
    key.write_bytes(public_pem(signing_key.public_key()))
    install(made(3), root, signing_key.public_key())
    install(made(4), root, signing_key.public_key())
    before = read_state(root)
    worse = made(5, GoldenQuestion(OIL, refused=False, places=(("m.pdf", 99),)))
    done = CliRunner().invoke(
        cli, ["install", str(worse), "--key", str(key), "--root", str(root)]
    )
    assert isinstance(done.exception, SelfTestError)
    assert read_state(root) == before
    assert sorted(path.name for path in (root / "slots").iterdir()) == ["a", "b"]


def test_the_command_says_which_questions_came_out_otherwise(made, capsys):
    folder = made(4, GoldenQuestion(OIL, refused=False, places=(("m.pdf", 99),)))
    with pytest.raises(SystemExit) as ended:
        main(["selftest", "--bundle", str(folder)])
    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert f"otherwise  {OIL}" in out
    assert "0 of 1 golden questions as measured" in out
    assert "does not answer as measured" in err
