"""A Debian machine with systemd as its first process, in namespaces of its own, without a network.

It is no virtual machine: the kernel is the host's. Everything else is its own: processes, mounts,
host name, network, control groups. Needs root, `unshare` and `nsenter` of util-linux, and
`mmdebstrap` unless a root file system is given.
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,openssl,libstdc++6"
_SLIM = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "locale")]
_DEVICES = "null zero full random urandom tty"
_GROUPS = Path("/sys/fs/cgroup")
_BOOT = """
set -eu
cd "$ROOT"
mount --make-rprivate /
mount --bind "$ROOT" "$ROOT"
cd "$ROOT"
hostname sfta-device
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o nosuid,nodev,noexec sysfs sys
mount -t tmpfs -o nosuid,mode=755 tmpfs dev
for name in $DEVICES; do
    touch "dev/$name"
    mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o nosuid,nodev tmpfs dev/shm
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs run
mount -t tmpfs -o nosuid,nodev tmpfs tmp
if [ "$UNIFIED" = yes ]; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mount -t tmpfs -o nosuid,nodev,noexec,mode=755 tmpfs sys/fs/cgroup
    for name in $CONTROLLERS; do
        mkdir "sys/fs/cgroup/$name"
        case $name in
            unified) mount -t cgroup2 cgroup2 sys/fs/cgroup/unified ;;
            systemd) mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd ;;
            *) mount -t cgroup -o "$name" cgroup "sys/fs/cgroup/$name" ;;
        esac
    done
fi
mkdir -p .before
pivot_root . .before
umount -l /.before
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
"""


def root_file_system(folder: Path) -> Path:
    """A folder with Debian 12: from SFTA_ROOTFS, an archive, or built from packages."""
    given = os.environ.get("SFTA_ROOTFS")
    archive = Path(given) if given else folder / "machine.tar"
    if not given:
        command = ["mmdebstrap", "--variant=minbase", *_SLIM, f"--include={PACKAGES}"]
        command.append('--aptopt=APT::Install-Recommends "false"')
        subprocess.run([*command, "bookworm", str(archive)], check=True)
    root = folder / "machine"
    root.mkdir(mode=0o755)
    subprocess.run(["tar", "-C", root, "--numeric-owner", "-xpf", archive], check=True)
    (root / "etc/machine-id").write_text("")
    return root


class BootedMachine:
    """A machine that runs; `close` ends it with all its processes."""

    def __init__(self, root: Path) -> None:
        """Boot; returns when systemd has started what it starts."""
        self.root = root
        self._groups = _own_groups(f"sfta-{os.getpid()}-{root.parent.name}")
        listed = [group.parent for group in self._groups]
        names = " ".join(parent.name for parent in listed if parent != _GROUPS)
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "ROOT": str(root),
            "DEVICES": _DEVICES,
            "UNIFIED": "" if names else "yes",
            "CONTROLLERS": names,
        }
        join = "".join(f"echo $$ >'{group}/cgroup.procs'\n" for group in self._groups)
        own = "--mount --uts --ipc --net --pid --cgroup --fork --kill-child"
        command = ["sh", "-ec", f'{join}exec unshare {own} sh -c "$0"', _BOOT]
        self._log = (root.parent / "console.log").open("wb")
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        self.first = self._first_process()
        """Its first process, as the host numbers it."""
        self._wait_until_booted()

    def run(self, *command: object, check: bool = True, text: str | None = None):
        """A command in the machine, as root."""
        enter = ["nsenter", f"--target={self.first}", "--mount", "--uts", "--ipc", "--net"]
        enter += ["--pid", "--cgroup", f"--root=/proc/{self.first}/root", "--wdns=/"]
        done = subprocess.run(
            [*enter, *map(str, command)],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def answer_to(self, address: str) -> None:
        """Give it another address of its own; no other machine is there."""
        enter = ["nsenter", f"--target={self.first}", "--net"]
        subprocess.run([*enter, "ip", "address", "add", address, "dev", "lo"], check=True)

    def close(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            os.kill(self.first, signal.SIGKILL)
        self._process.wait()
        self._log.close()
        for group in self._groups:
            _remove(group)

    def _first_process(self) -> int:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for _ in range(100):
            if found := children.read_text().split():
                return int(found[0])
            time.sleep(0.1)
        raise AssertionError("the machine did not start")

    def _wait_until_booted(self) -> None:
        until = time.monotonic() + 120
        while time.monotonic() < until and self._process.poll() is None:
            state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
            if state in ("running", "degraded"):
                return
            time.sleep(0.5)
        raise AssertionError(Path(self._log.name).read_text(errors="replace"))


def _own_groups(name: str) -> list[Path]:
    """A new control group in each hierarchy of the host."""
    unified = (_GROUPS / "cgroup.controllers").exists()
    parents = (
        [_GROUPS] if unified else sorted(each for each in _GROUPS.iterdir() if each.is_dir())
    )
    made = [parent / name for parent in parents if not parent.is_symlink()]
    for group in made:
        group.mkdir()
        for setting in ("cpuset.cpus", "cpuset.mems"):
            if (group / setting).exists() and group.parent.name == "cpuset":
                (group / setting).write_text((group.parent / setting).read_text())
    return made


def _remove(group: Path) -> None:
    for _ in range(50):
        try:
            for below in sorted(group.rglob("*"), reverse=True):
                if below.is_dir():
                    below.rmdir()
            group.rmdir()
        except OSError:
            time.sleep(0.1)
        else:
            return
