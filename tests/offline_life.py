"""A device's day: a bundle is installed, asked, served; a document is added and asked about.

``python offline_life.py BUNDLE KEY ROOT [PREFIX ...]``: every command of the device runs behind
PREFIX, which watches it. Prints what was answered.
"""

import fcntl
import json
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

OIL = "How often is the oil changed?"
PUMP = b"The feed pump of line seven is rinsed with lye every 40 hours, by two people.\n"


def raise_loopback():
    """A network namespace begins with its own loopback interface switched off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(handle, 0x8913, request))[1]
        if not flags & 1:
            fcntl.ioctl(handle, 0x8914, struct.pack("16sh", b"lo", flags | 1))


def call(address, path, body=None, **headers):
    request = urllib.request.Request(address + path, body, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=300) as response:
        return json.loads(response.read())


def ask(address, question):
    body = json.dumps({"question": question}).encode()
    return call(address, "v1/ask", body, **{"Content-Type": "application/json"})


def use(address):
    """One upload and two questions."""
    first = ask(address, OIL)
    kind = {"Content-Type": "application/octet-stream"}
    job = call(address, "v1/documents?name=rinsing.txt", PUMP, **kind)["job"]
    while job["state"] in ("waiting", "running"):
        time.sleep(0.1)
        job = call(address, f"v1/jobs/{job['id']}")
    second = ask(address, "How often is the feed pump rinsed?")
    return {
        "asked": first["answer"],
        "job": job["state"],
        "second": second["answer"],
        "sealed": call(address, "v1/status")["offline"]["sealed"],
    }


def main(bundle, key, root, *prefix):
    """Everything in its order."""
    raise_loopback()
    program = [*prefix, sys.executable, "-m", "sfta_edge.cli.main"]
    here = ["--root", root]
    subprocess.run([*program, "install", bundle, "--key", key, *here], check=True, stdout=2)
    line = [*program, "ask", OIL, *here, "--threads", "1", "--json"]
    told = {"alone": json.loads(subprocess.check_output(line))["answer"]}
    line = [
        *program,
        "serve",
        "--no-accounts",
        "--port",
        "0",
        "--threads",
        "1",
        "--json",
        *here,
    ]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as server:
        try:
            told |= use(json.loads(server.stdout.readline())["addresses"][0])
        finally:
            end(server.pid)
    sys.stdout.write(json.dumps(told))


def end(pid):
    """Ask the server to end; behind a program that watches it, it is that one's child."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    watched = "strace" in Path(f"/proc/{pid}/cmdline").read_text()
    target = int(below[0]) if watched and below else pid
    subprocess.run(["kill", f"-{signal.SIGTERM.value}", str(target)], check=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
