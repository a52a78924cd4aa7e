"""The device as a service of a real systemd: installed, killed, updated, taken back, removed.

Runs only with SFTA_SYSTEMD=1, as root, and takes a quarter of an hour. SFTA_BUNDLE names a trained
bundle and SFTA_KEY its private key: golden questions tell a worse model from a better one only
where something was learnt. SFTA_ROOTFS names an archive of a Debian 12 with systemd;
containers/README.md has the commands.
"""

import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

import pytest

from booted_machine import BootedMachine, root_file_system
from bundle_variants import update_bundles
from device_client import DOCUMENT, QUESTION
from served_machine import TRIED, UNIT, Service

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        os.environ.get("SFTA_SYSTEMD") != "1" or os.geteuid() != 0,
        reason="boots a machine as root: SFTA_SYSTEMD=1",
    ),
]
CACHE = Path("~/.cache/sfta").expanduser()
REACHED = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9), timeout=5)
except OSError as error:
    print(type(error).__name__)
"""

READ_ONLY, DENIED, FORBIDDEN = (
    "Read-only file system",
    "Permission denied",
    "Operation not permitted",
)
NO_FAMILY = "Address family not supported by protocol"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """The bundle with this program; an update with an untrained model, and one that is as good."""
    made = tmp_path_factory.mktemp("bundles")
    update_bundles(made, CACHE)
    return made


@pytest.fixture(scope="module")
def machine(tmp_path_factory, bundles):
    root = root_file_system(tmp_path_factory.mktemp("systemd"))
    stick = root / "srv"
    shutil.copytree(bundles / "bundle", stick / "bundle", copy_function=os.link)
    for name in ("maker.pub", "manuals-2.tar", "manuals-3.tar"):
        os.link(bundles / name, stick / name)
    booted = BootedMachine(root)
    booted.answer_to("192.0.2.7/32")
    yield booted
    booted.close()


@pytest.fixture(scope="module")
def service(machine, record_figures):
    """Installed from the bundle, with an admin and a document."""
    began = time.monotonic()
    machine.run("sh", "/srv/bundle/install.sh", "--key", "/srv/maker.pub", "--service")
    record_figures["install, golden questions included, s"] = time.monotonic() - began
    made = Service(machine)
    made.client.wait_until_ready()
    made.client.become_admin(re.search(r"One-time token: (\S+)", made.journal())[1])
    made.client.add("loom.md", DOCUMENT)
    return made


@pytest.fixture(scope="module")
def record_figures(bundles):
    """What was measured, printed at the end."""
    sizes = [path.stat().st_size for path in (bundles / "bundle").rglob("*") if path.is_file()]
    found = {"bundle, MiB": sum(sizes) / (1 << 20)}
    yield found
    # For whoever runs this to measure: `pytest -s`.
    sys.stdout.write(
        json.dumps({name: round(value, 1) for name, value in found.items()}, indent=1) + "\n"
    )


def assert_it_answers(service):
    answer = service.client.ask(QUESTION)
    quoted = [(each["document"], each["verified"]) for each in answer["citations"]]
    assert (answer["refused"], quoted) == (False, [("loom.md", True)]), answer
    assert "17" in answer["answer"]


def test_the_service_is_active_and_answers_from_a_new_document(service):
    assert (service.show("Type"), service.show("ActiveState")) == ("notify", "active")
    assert_it_answers(service)


def test_it_is_watched_and_starts_with_the_machine(service):
    assert service.show("WatchdogUSec") == "1min"
    assert int(service.show("WatchdogTimestampMonotonic")) > 0
    assert service.show("UnitFileState") == "enabled"


def test_systemd_finds_no_fault_and_little_exposure(service):
    done = service.machine.run("systemd-analyze", "verify", f"/etc/systemd/system/{UNIT}")
    assert done.stderr == ""
    told = service.machine.run("systemd-analyze", "security", "--no-pager", UNIT).stdout
    assert float(re.search(r"exposure level for \S+: ([\d.]+)", told)[1]) <= 1.1


def test_the_worker_gives_up_more_than_the_unit_takes(service):
    main, worker = service.processes()
    filters = [int(service.status_of(each, "Seccomp_filters")) for each in (main, worker)]
    assert filters[1] == filters[0] + 1
    assert service.status_of(worker, "NoNewPrivs") == "1"
    assert int(service.status_of(worker, "CapBnd"), 16) == 0
    assert "cannot" not in service.journal()


def test_its_memory_is_known_though_processes_are_hidden(service, record_figures):
    held = service.client.call("GET", "/v1/status")[1]["engine"]["rss_bytes"]
    assert held > 1 << 20
    record_figures["worker, resident after a question, MiB"] = held / (1 << 20)


def test_a_worker_that_is_killed_comes_back(service):
    main, worker = service.processes()
    service.signal("KILL", worker)
    until = time.monotonic() + 120
    while service.client.call("GET", "/v1/status")[1]["engine"]["pid"] in (None, worker):
        assert time.monotonic() < until
        time.sleep(0.2)
    assert int(service.show("MainPID")) == main
    assert_it_answers(service)


def test_a_device_that_is_killed_comes_back_with_its_people_and_documents(service):
    main, _ = service.processes()
    service.signal("KILL", main)
    service.wait_for_another(main)
    assert_it_answers(service)


def test_a_device_that_hangs_is_started_again(service):
    main, _ = service.processes()
    service.signal("STOP", main)
    service.wait_for_another(main)
    assert "Watchdog timeout" in service.journal()
    assert_it_answers(service)


def test_a_restart_is_quick_and_loses_nothing(service, record_figures):
    service.machine.run("systemctl", "stop", UNIT)
    began = time.monotonic()
    service.machine.run("systemctl", "start", UNIT)
    service.client.wait_until_ready()
    record_figures["cold start until ready, s"] = time.monotonic() - began
    used = Path(
        f"/proc/{service.machine.first}/root/proc/{service.show('MainPID')}/smaps_rollup"
    )
    record_figures["server, idle, MiB"] = proportional(used)
    worker = service.processes()[1]
    used = used.parents[1] / str(worker) / "smaps_rollup"
    record_figures["worker, idle, MiB"] = proportional(used)
    assert_it_answers(service)


def proportional(rollup):
    return int(re.search(r"^Pss:\s+(\d+)", rollup.read_text(), re.MULTILINE)[1]) / 1024


def test_a_worse_model_is_refused_by_the_golden_questions(service):
    job = update(service, 2)
    assert job["state"] == "refused"
    assert "golden questions came out otherwise than measured" in job["error"]
    assert service.facts() == [1, 1, None, False, False]
    assert_it_answers(service)


def update(service, number):
    name = f"manuals-{number}.tar"
    return service.client.update(
        f"/srv/{name}", (service.machine.root / "srv" / name).stat().st_size
    )


def test_an_update_is_installed_proves_itself_and_is_taken_back(service):
    job = update(service, 3)
    assert (job["state"], job["error"]) == ("done", "")
    assert service.facts() == [1, 3, 1, True, True]
    main, _ = service.processes()
    service.client.restart()
    service.wait_for_another(main)
    assert service.facts() == [3, 3, 1, False, True]
    assert (service.machine.root / "opt/sfta/starts").read_text().split()[1] == "1"
    assert_it_answers(service)
    until = time.monotonic() + 600
    while service.client.updates()["probation"]:
        assert time.monotonic() < until, "it never proved itself"
        time.sleep(2)
    assert not (service.machine.root / "opt/sfta/starts").exists()
    assert service.client.go_back()["state"] == "done"
    main, _ = service.processes()
    service.client.restart()
    service.wait_for_another(main)
    assert service.facts()[:2] == [1, 1]
    assert_it_answers(service)


@pytest.mark.parametrize(
    ("address", "reached"), [("127.0.0.1", "ConnectionRefused"), ("192.0.2.7", "Timeout")]
)
def test_only_this_machine_is_reached_from_within(service, address, reached):
    """With the same limits as the unit, as nothing can be started in it."""
    limits = ["IPAddressDeny=any", "IPAddressAllow=localhost"]
    command = [
        "systemd-run",
        "--pipe",
        "--wait",
        "--quiet",
        *(f"--property={each}" for each in limits),
    ]
    done = service.machine.run(*command, "python3", "-c", REACHED, address)
    assert reached in done.stdout


@pytest.fixture(scope="module")
def tried(service):
    """What a program gets that tries something under the limits of the unit."""
    (service.machine.root / "srv/tried.py").write_text(TRIED)
    unit = service.machine.root / "etc/systemd/system"
    text = (unit / UNIT).read_text()
    for line, instead in (
        ("ExecStart=.*", "ExecStart=/usr/bin/python3 -I /srv/tried.py"),
        ("Type=.*", "Type=oneshot"),
        ("(NotifyAccess|WatchdogSec|Restart|WantedBy)=.*", ""),
    ):
        text = re.sub(f"^{line}$", instead, text, flags=re.MULTILINE)
    (unit / "tried.service").write_text(text)
    service.machine.run("systemctl", "daemon-reload")
    service.machine.run("systemctl", "start", "tried.service")
    told = service.machine.run("journalctl", "-u", "tried", "-o", "cat", "--no-pager").stdout
    return json.loads(next(line for line in told.splitlines() if line.startswith("{")))


@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        ("run from /opt/sfta", DENIED),
        ("run from /opt/sfta/data", DENIED),
        ("run from /opt/sfta/slots", DENIED),
        ("run from /tmp", DENIED),
        ("run from /var/tmp", DENIED),
        ("run from /dev/shm", DENIED),
        ("run the program", "0"),
        ("add a program", READ_ONLY),
        ("move the program", "Device or resource busy"),
        ("write to the system", READ_ONLY),
        ("write and run memory", FORBIDDEN),
        ("call the kernel's network", NO_FAMILY),
        ("lower a limit", "None"),
        ("choose a core", "None"),
        ("see processes of others", "False"),
        ("have a disk", "[]"),
    ],
)
def test_the_limits_of_the_unit_hold(tried, attempt, outcome):
    assert tried[attempt] == outcome


def test_removing_the_program_leaves_the_data_and_purging_does_not(service):
    remove = ["sh", "/srv/bundle/install.sh", "--uninstall"]
    root = service.machine.root / "opt/sfta"
    service.machine.run(*remove)
    assert service.machine.run("systemctl", "status", UNIT, check=False).returncode == 4
    assert not (root / "bin").exists()
    assert (root / "data/accounts.sqlite").is_file()
    service.machine.run(*remove, "--purge")
    assert not root.exists()
