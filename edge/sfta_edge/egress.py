"""Whether this device could reach anything beyond itself, told without trying to.

A probe that connects somewhere would be the first packet of a device that sends none. The routing
tables of Linux say the same: without a route that leaves the machine, nothing gets out.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TABLES = Path("/proc/net")
_UP, _REJECT = 0x1, 0x200
_LOOPBACK = "lo"


@dataclass(frozen=True, slots=True)
class Egress:
    """Ways out of the machine."""

    networks: tuple[str, ...] = ()
    """Interfaces through which a network beside this machine is reached, sorted."""
    gateways: tuple[str, ...] = ()
    """Interfaces through which everything else is reached, such as the internet; sorted."""
    known: bool = True
    """False where the system does not tell, as outside Linux."""

    @property
    def sealed(self) -> bool:
        """Nothing beyond the local network can be reached."""
        return self.known and not self.gateways

    def to_json(self) -> dict[str, Any]:
        """The form of the Edge API."""
        return {
            "sealed": self.sealed,
            "networks": list(self.networks),
            "gateways": list(self.gateways),
            "known": self.known,
        }


def egress(tables: Path = _TABLES) -> Egress:
    """Read the routing tables for IPv4 and IPv6."""
    networks: set[str] = set()
    gateways: set[str] = set()
    try:
        four = (tables / "route").read_text().splitlines()[1:]
    except OSError:
        return Egress(known=False)
    for line in four:
        name, target, _gateway, flags, *_rest = line.split()
        if int(flags, 16) & _UP and name != _LOOPBACK:
            (gateways if set(target) == {"0"} else networks).add(name)
    # A kernel without IPv6 has no such table.
    six = tables / "ipv6_route"
    for line in six.read_text().splitlines() if six.exists() else ():
        target, prefix, *_between, flags, name = line.split()
        flag = int(flags, 16)
        if name == _LOOPBACK or not flag & _UP or flag & _REJECT or target.startswith("ff"):
            continue
        whole = int(prefix, 16) == 0 and set(target) == {"0"}
        (gateways if whole else networks).add(name)
    return Egress(tuple(sorted(networks)), tuple(sorted(gateways)))
