"""Counting cores: affinity, siblings and the quota of a container."""

import pytest

from sfta_edge import cores


def machine(root, siblings, quota=None):
    for cpu, shared in siblings.items():
        folder = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{shared}\n")
    if quota is not None:
        (root / "sys/fs/cgroup").mkdir(parents=True)
        (root / "sys/fs/cgroup/cpu.max").write_text(f"{quota}\n")
    return root


@pytest.fixture(name="four", autouse=True)
def _four(monkeypatch):
    monkeypatch.setattr(cores, "_allowed", lambda: {0, 1, 2, 3})


def test_two_threads_of_a_core_count_once(tmp_path):
    root = machine(tmp_path, {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"})
    assert cores.physical_cores(root) == 2


def test_cores_without_siblings_count_each(tmp_path):
    assert cores.physical_cores(machine(tmp_path, {n: str(n) for n in range(4)})) == 4


def test_a_machine_that_tells_nothing_counts_its_processors(tmp_path):
    assert cores.physical_cores(tmp_path) == 4


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", 4),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("nonsense", 4),
        ("1 x", 4),
    ],
)
def test_the_quota_of_a_container_is_kept(tmp_path, quota, expected):
    root = machine(tmp_path, {n: str(n) for n in range(4)}, quota)
    assert cores.physical_cores(root) == expected


def test_processors_the_process_may_not_use_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "_allowed", lambda: {2})
    assert cores.physical_cores(machine(tmp_path, {n: str(n) for n in range(4)})) == 1


def test_this_machine_has_at_least_one_core():
    assert cores.physical_cores() >= 1
