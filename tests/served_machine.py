"""The device as a service of a booted machine: what systemd says, what a person does at it."""

import re
import time

from device_client import DeviceClient

UNIT = "sfta-edge.service"
TRIED = """
import json, mmap, os, resource, socket, subprocess
found = {}
def tell(name, attempt):
    try:
        found[name] = str(attempt())
    except OSError as error:
        found[name] = error.strerror
def run_from(folder):
    path = folder + "/uploaded"
    with open(path, "w") as stream:
        stream.write("#!/bin/sh\\n")
    os.chmod(path, 0o700)
    try:
        return subprocess.run([path]).returncode
    finally:
        os.unlink(path)
for place in ("/opt/sfta", "/opt/sfta/data", "/opt/sfta/slots", "/tmp", "/var/tmp", "/dev/shm"):
    tell("run from " + place, lambda: run_from(place))
tell("run the program", lambda: subprocess.run(["/opt/sfta/bin/sfta-edge", "--help"]).returncode)
tell("add a program", lambda: open("/opt/sfta/bin/uploaded", "w"))
tell("move the program", lambda: os.rename("/opt/sfta/bin", "/opt/sfta/old"))
tell("write to the system", lambda: open("/usr/uploaded", "w"))
tell("write and run memory", lambda: mmap.mmap(-1, 4096, prot=7))
tell("call the kernel's network", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
tell("lower a limit", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
tell("choose a core", lambda: os.sched_setaffinity(0, os.sched_getaffinity(0)))
tell("see processes of others", lambda: os.path.exists("/proc/1"))
tell("have a disk", lambda: [name for name in os.listdir("/dev") if name[:2] in ("sd", "vd")])
print(json.dumps(found))
"""
"""What a program tries under the limits of the unit."""


class Service:
    """What systemd says of the device, and what a person does at it."""

    def __init__(self, machine):
        self.machine = machine
        self.client = DeviceClient(self._execute)

    def _execute(self, program, text):
        done = self.machine.run("python3", "-c", program, text=text, check=False)
        return done.stdout or done.stderr

    def show(self, name):
        return self.machine.run("systemctl", "show", UNIT, "-P", name).stdout.strip()

    def journal(self):
        return self.machine.run("journalctl", "-u", UNIT, "-o", "cat", "--no-pager").stdout

    def processes(self):
        """Numbers of the main process and of its worker."""
        worker = self.client.call("GET", "/v1/status")[1]["engine"]["pid"]
        return int(self.show("MainPID")), worker

    def signal(self, name, process):
        self.machine.run("sh", "-c", f"kill -{name} {process}")

    def status_of(self, process, name):
        text = self.machine.run("cat", f"/proc/{process}/status").stdout
        return re.search(rf"^{name}:\s+(.*)$", text, re.MULTILINE)[1]

    def wait_for_another(self, main):
        until = time.monotonic() + 240
        while int(self.show("MainPID")) in (0, main) or self.show("SubState") != "running":
            assert time.monotonic() < until, self.journal()
            time.sleep(0.5)
        self.client.wait_until_ready()

    def facts(self):
        found = self.client.updates()
        named = ("running", "active", "other")
        counters = [found[name] and found[name]["counter"] for name in named]
        return [*counters, found["restart"], found["probation"]]
