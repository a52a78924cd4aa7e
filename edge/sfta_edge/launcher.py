"""The small script that starts the program of the active slot, and counts its starts.

A new bundle brings a new program, and that program may be what is broken. So the starts of a
bundle on probation are counted by a script that no bundle brings, and after too many of them the
program of the bundle before is asked to go back.
"""

import os
from pathlib import Path

from sfta_edge.manifest import sync_folder

MOST_STARTS = 3
"""Times that a bundle on probation is started; each that proves itself ends the counting."""
STARTS = "starts"
"""File beside the state: manifest of the bundle on probation, and how often it was started."""

_LAUNCHER = f"""\
#!/bin/sh
# Starts the sfta-edge that belongs to the active slot. A bundle on probation that was started
# {MOST_STARTS} times and never proved itself is left for the one before.
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 3
text() {{ sed -n 's/.*"'"$1"'":"\\([0-9a-f]*\\)".*/\\1/p' "$here/state.json"; }}
SFTA_ROOT=$here
export SFTA_ROOT
probation=$(text probation)
if [ "${{1:-}}" = serve ] && [ -n "$probation" ]; then
    counted='' count=0
    [ ! -r "$here/{STARTS}" ] || read -r counted count <"$here/{STARTS}" || :
    case $count in *[!0-9]* | '') count=0 ;; esac
    [ "$counted" = "$probation" ] || count=0
    if [ "$count" -ge {MOST_STARTS} ]; then
        "$here/environments/$(text fallback)/bin/sfta-edge" rollback --root "$here" \\
            --reason "it was started $count times and did not come to answer" >&2
    else
        printf '%s %s\\n' "$probation" "$((count + 1))" >"$here/.{STARTS}"
        sync "$here/.{STARTS}" 2>/dev/null || sync
        mv -f "$here/.{STARTS}" "$here/{STARTS}"
    fi
fi
name=$(text launch)
if [ ! -x "$here/environments/$name/bin/sfta-edge" ]; then
    echo "error: nothing is installed in $here" >&2
    exit 3
fi
exec "$here/environments/$name/bin/sfta-edge" "$@"
"""


def write_launcher(root: Path) -> None:
    """Write ``bin/sfta-edge`` in one durable step; not at all if it is there already.

    A service that goes back to the bundle before may not write there, and need not.
    """
    folder = root / "bin"
    present = folder / "sfta-edge"
    if present.is_file() and present.read_text("utf-8", "replace") == _LAUNCHER:
        return
    folder.mkdir(exist_ok=True)
    scratch = folder / f".sfta-edge.{os.getpid()}"
    scratch.write_text(_LAUNCHER, "utf-8")
    scratch.chmod(0o755)
    with scratch.open("rb") as stream:
        os.fsync(stream.fileno())
    scratch.replace(folder / "sfta-edge")
    sync_folder(folder)
