"""The documents say of the profiles what their files say."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/choose-a-device.md"
PROFILES = sorted((ROOT / "configs/devices").glob("*.yaml"))
ROW = re.compile(
    r"^\| `(?P<name>[\w.-]+)` \| (?P<memory_gib>[\d.]+) GiB \| (?P<bandwidth_gb_s>[\d.]+) GB/s "
    r"\| (?P<cores>\d+) at (?P<clock_ghz>[\d.]+) GHz \| `(?P<instruction_set>[\w.]+)` \|$",
    re.MULTILINE,
)
ROWS = {found["name"]: found.groupdict() for found in ROW.finditer(PAGE.read_text("utf-8"))}


def test_every_profile_is_in_the_table_and_no_other():
    assert set(ROWS) == {path.stem for path in PROFILES}
    assert len(ROWS) >= 4


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_the_table_has_the_figures_of_the_file(path):
    facts = yaml.safe_load(path.read_text("utf-8"))
    for name, shown in ROWS[path.stem].items():
        wanted = facts[name]
        assert (shown if isinstance(wanted, str) else float(shown)) == wanted, name
