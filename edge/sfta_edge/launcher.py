"""The small script that starts the program of the active slot, and counts its starts.

A new bundle brings a new program, and that program may be what is broken. So the starts of a
bundle on probation are counted by a script that no bundle brings, and after too many of them the
program of the bundle before is asked to go back. If that cannot be done the present bundle stays:
it is asked a few times more, as the cause may pass, and then the script says why in a small file.
"""

import os
from pathlib import Path

from sfta_edge.manifest import sync_folder

PROGRAM = "sfta-edge"
MOST_STARTS = 3
"""Times that a bundle on probation is started; each that proves itself ends the counting."""
MOST_RETURNS = 3
"""Times that going back is tried: a full disk or a lock may be gone the next time."""
STARTS = "starts"
"""File beside the state: manifest of the bundle on probation, and how often it was started."""
STAYS = "stays"
"""File beside the state: manifest of the bundle that stays, and why going back failed."""
_MOST_COUNTED = MOST_STARTS + MOST_RETURNS
_MOST_CHARACTERS = 500

_LAUNCHER = f"""\
#!/bin/sh
# Starts the sfta-edge that belongs to the active slot. A bundle on probation that was started
# {MOST_STARTS} times and never proved itself is left for the one before. Where that fails
# {MOST_RETURNS} times the present one stays, and the file {STAYS} says why.
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 3
text() {{ sed -n 's/.*"'"$1"'":"\\([0-9a-f]*\\)".*/\\1/p' "$here/state.json"; }}
keep() {{
    printf '%s\\n' "$2" >"$here/.$1" || return 1
    sync "$here/.$1" 2>/dev/null || sync
    mv -f "$here/.$1" "$here/$1"
}}
go_back() {{
    told=$("$here/environments/$(text fallback)/bin/{PROGRAM}" rollback --root "$here" \\
        --reason "it was started $count times and did not come to answer" 2>&1)
    ended=$?
    [ -z "$told" ] || printf '%s\\n' "$told" >&2
    [ "$ended" -ne 0 ] || return 0
    why=$(printf '%s\\n' "$told" | sed -n 's/^error: //p' | cut -c 1-{_MOST_CHARACTERS})
    keep {STAYS} "$probation ${{why:-the program of the bundle before ended with $ended}}"
}}
SFTA_ROOT=$here
export SFTA_ROOT
probation=$(text probation)
if [ "${{1:-}}" = serve ] && [ -n "$probation" ]; then
    counted='' count=0
    [ ! -r "$here/{STARTS}" ] || read -r counted count <"$here/{STARTS}" || :
    case $count in *[!0-9]* | '' | 0?* | ???*) count=0 ;; esac
    [ "$counted" = "$probation" ] || count=0
    if [ "$count" -ge {_MOST_COUNTED} ]; then
        grep -qs "^$probation " "$here/{STAYS}" ||
            keep {STAYS} "$probation going back was cut off {MOST_RETURNS} times"
    # What cannot be counted is not tried: it would be tried at every start.
    elif keep {STARTS} "$probation $((count + 1))" && [ "$count" -ge {MOST_STARTS} ]; then
        go_back
    fi
fi
name=$(text launch)
if [ ! -x "$here/environments/$name/bin/{PROGRAM}" ]; then
    echo "error: nothing is installed in $here" >&2
    exit 3
fi
exec "$here/environments/$name/bin/{PROGRAM}" "$@"
"""


def write_launcher(root: Path) -> None:
    """Write ``bin/sfta-edge`` in one durable step; not at all if it is there already.

    A service that goes back to the bundle before may not write there, and need not.
    """
    folder = root / "bin"
    present = folder / PROGRAM
    if present.is_file() and present.read_text("utf-8", "replace") == _LAUNCHER:
        return
    folder.mkdir(exist_ok=True)
    scratch = folder / f".{PROGRAM}.{os.getpid()}"
    scratch.write_text(_LAUNCHER, "utf-8")
    scratch.chmod(0o755)
    with scratch.open("rb") as stream:
        os.fsync(stream.fileno())
    scratch.replace(folder / PROGRAM)
    sync_folder(folder)


def why_it_stays(root: Path, probation: str) -> str:
    """What the script noted when it could not leave the bundle on probation; empty if nothing."""
    try:
        with (root / STAYS).open(encoding="utf-8", errors="replace") as stream:
            of, _, why = stream.read(2 * _MOST_CHARACTERS).strip().partition(" ")
    except OSError:
        return ""
    return "".join(filter(str.isprintable, why)) if probation and of == probation else ""
