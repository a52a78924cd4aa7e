"""An update that is killed at any moment leaves one whole bundle, and the next try succeeds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import killed_updates

KILLS = int(os.environ.get("SFTA_KILLS", "100"))


def killed(how, folder, kills, seed=1):
    """What happened how often; every check is made by the program after every kill."""
    program = [sys.executable, killed_updates.__file__, how, str(folder), str(kills), str(seed)]
    path = os.pathsep.join([str(Path(killed_updates.__file__).parent), *sys.path])
    done = subprocess.run(
        program,
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_killed_at_random_moments_one_whole_bundle_answers(tmp_path):
    counted = killed("random", tmp_path, KILLS)
    assert counted["killed"] >= KILLS
    assert counted["the old one answers"] > 0
    for kind in ("folder", "archive", "update", "parts"):
        assert counted[f"{kind} killed"] > 0, counted


@pytest.mark.slow
def test_killed_at_every_change_of_the_file_system_one_whole_bundle_answers(tmp_path):
    counted = killed("sweep", tmp_path, KILLS)
    assert counted["killed"] >= KILLS
    assert counted["the old one answers"] > 0
    assert counted["the new one answers"] > 0
    for kind in ("rollback", "good", "leave"):
        assert counted[f"{kind} killed"] > 0, counted
