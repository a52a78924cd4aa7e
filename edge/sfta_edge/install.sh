#!/bin/sh
# Verifies the bundle that this file lies in, then installs it. Uses no network.
#
#   sh install.sh --key PUBLIC.pem [--prefix DIR] [--python PROGRAM] [--allow-older] [--no-test]
#                 [--service [--listen HOST:PORT] [--allow "NETWORK ..."]]
#   sh install.sh --uninstall [--prefix DIR] [--purge]
#
# Order: signature of the manifest (openssl), hashes of all files (sha256sum), no file that is
# not listed; only then is anything of the bundle executed.
# Exit codes: 0 ok, 2 usage or wrong device, 3 a program is missing, 4 integrity, 5 pip failed.
set -eu
umask 022
LC_ALL=C
export LC_ALL

say() { printf '%s\n' "$*" >&2; }

fail() {
    code=$1
    say "error: $2"
    [ -z "${3:-}" ] || say "hint: $3"
    exit "$code"
}

usage() {
    say "usage: sh install.sh --key PUBLIC.pem [--prefix DIR] [--python PROGRAM] [--allow-older] [--no-test]"
    say "                     [--service [--listen HOST:PORT] [--allow \"NETWORK ...\"]]"
    say "       sh install.sh --uninstall [--prefix DIR] [--purge]"
}

unit=/etc/systemd/system/sfta-edge.service
key='' prefix='' python='' allow_older='' no_test='' service='' uninstall='' purge=''
listen=127.0.0.1:8080 allow=localhost
while [ $# -gt 0 ]; do
    case $1 in
        --key | --prefix | --python | --listen | --allow)
            [ $# -ge 2 ] || { usage; fail 2 "$1 needs a value"; }
            case $1 in
                --key) key=$2 ;;
                --prefix) prefix=$2 ;;
                --python) python=$2 ;;
                --listen) listen=$2 ;;
                --allow) allow=$2 ;;
            esac
            shift 2
            ;;
        --allow-older) allow_older=--allow-older; shift ;;
        --no-test) no_test=--no-test; shift ;;
        --service) service=yes; shift ;;
        --uninstall) uninstall=yes; shift ;;
        --purge) purge=yes; shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage; fail 2 "unknown option $1" ;;
    esac
done
if [ -z "$prefix" ]; then
    if [ "$(id -u)" -eq 0 ]; then prefix=/opt/sfta; else prefix=${HOME:?}/.local/share/sfta; fi
fi

# What an installation is made of; data, and the head of its log, are people's own.
remove() {
    # The data of a program that was removed before can still be removed.
    [ -f "$prefix/state.json" ] || { [ -n "$purge" ] && [ -d "$prefix/data/audit" ]; } ||
        fail 2 "there is no installation in $prefix"
    prefix=$(CDPATH='' cd -- "$prefix" && pwd -P)
    if [ -f "$unit" ] && grep -qF "$prefix/bin/sfta-edge" "$unit"; then
        systemctl disable --now sfta-edge.service >&2 2>/dev/null || :
        rm -f "$unit"
        systemctl daemon-reload >&2 2>/dev/null || :
    fi
    for part in bin environments slots keys measured starts .starts stays .stays trust.json state.json .lock; do
        rm -rf "${prefix:?}/$part"
    done
    if [ -n "$purge" ]; then
        rm -rf "${prefix:?}/data" "$prefix/audit.head" "$prefix/.data.lock"
        rmdir "$prefix" 2>/dev/null || :
        say "removed $prefix with all its data"
    elif [ -d "$prefix/data" ]; then
        say "removed the program; documents, accounts and log are still in $prefix/data"
    else
        say "removed $prefix"
    fi
}
if [ -n "$uninstall" ]; then
    remove
    exit 0
fi
[ -z "$purge" ] || { usage; fail 2 "--purge belongs to --uninstall"; }

port=${listen##*:}
case $port in '' | *[!0-9]*) usage; fail 2 "--listen is HOST:PORT, not $listen" ;; esac
if [ -n "$service" ]; then
    [ "$(id -u)" -eq 0 ] || fail 2 "--service writes a systemd unit, which only root may" "Leave it out, or call it with sudo."
    [ -d /etc/systemd/system ] || fail 3 "this system has no systemd"
    case $allow in *[!0-9a-z.:/\ ]*) fail 2 "--allow takes networks such as 192.168.0.0/16" ;; esac
fi
[ -n "$key" ] || { usage; fail 2 "--key is missing" "Get the public key from whoever made the bundle, by another way than the bundle."; }
[ -r "$key" ] || fail 2 "cannot read the key $key"
for program in openssl sha256sum sed tr find sort comm cmp cut grep mktemp; do
    command -v "$program" >/dev/null 2>&1 || fail 3 "$program is not installed" "Install it from the medium of your operating system."
done
openssl pkeyutl -help 2>&1 | grep -q -e '-rawin' || fail 3 "openssl is too old: $(openssl version)" "OpenSSL 3.0 or newer is needed."

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || fail 2 "cannot find the bundle"
work=$(mktemp -d) || fail 1 "cannot make a temporary folder"
environment=''
cleanup() {
    rm -rf "$work"
    [ -z "$environment" ] || [ -e "$environment/complete" ] || rm -rf "$environment"
}
trap cleanup EXIT
trap 'exit 130' HUP INT TERM

# Copies are checked and then used: the medium may change between two readings.
for name in manifest.json manifest.sig SHA256SUMS; do
    if [ -L "$here/$name" ] || [ ! -f "$here/$name" ]; then
        fail 4 "this is not a complete bundle: $name is missing"
    fi
    cp "$here/$name" "$work/$name"
done
openssl pkey -pubin -in "$key" -noout -text 2>/dev/null | grep -q ED25519 || fail 2 "$key is not an Ed25519 public key"
openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$work/manifest.json" -sigfile "$work/manifest.sig" >/dev/null 2>&1 ||
    fail 4 "the signature does not match this public key" "Use the key of whoever made the bundle, or copy the bundle again."

# The manifest is canonical JSON, and a quote inside a JSON string is always written \", so this
# line can only be the manifest's own entry. One hash is all that is taken from it.
listed=$(tr '{' '\n' <"$work/manifest.json" | sed -n 's/^"path":"SHA256SUMS","sha256":"\([0-9a-f]\{64\}\)","size":[0-9]*}.*/\1/p')
found=$(sha256sum <"$work/SHA256SUMS" | cut -c1-64)
[ -n "$listed" ] && [ "$listed" = "$found" ] || fail 4 "changed: SHA256SUMS"

odd=$(cd "$here" && find . ! -type d ! -type f | sed 1q)
[ -z "$odd" ] || fail 4 "links and devices are not allowed: $odd"
{
    cut -c67- "$work/SHA256SUMS"
    printf '%s\n' SHA256SUMS manifest.json manifest.sig
} | sort >"$work/expected"
(cd "$here" && find . -type f) | sed 's|^\./||' | sort >"$work/present"
if ! cmp -s "$work/expected" "$work/present"; then
    comm -23 "$work/expected" "$work/present" | sed 's/^/missing: /; 5q' >&2
    comm -13 "$work/expected" "$work/present" | sed 's/^/not listed: /; 5q' >&2
    fail 4 "the files are not those of the manifest" "Copy the bundle again from a source you trust."
fi
if ! (cd "$here" && sha256sum -c "$work/SHA256SUMS") >"$work/hashes" 2>&1; then
    grep -v ': OK$' "$work/hashes" | sed 5q >&2
    fail 4 "files of the bundle are missing or changed" "Copy the bundle again from a source you trust."
fi
say "verified $(wc -l <"$work/expected" | tr -d ' ') files in $here"

compat() {
    sed -n 's/.*"compat":{[^}]*"'"$1"'":\[\([^]]*\)\].*/\1/p' "$work/manifest.json" | tr -d '"' | tr ',' ' '
}
contains() {
    for one in $2; do
        [ "$one" != "$1" ] || return 0
    done
    return 1
}
machines=$(compat machine)
contains "$(uname -m)" "$machines" || fail 2 "the bundle is made for $machines; this device is $(uname -m)"
least=$(compat glibc)
if [ -n "$least" ]; then
    libc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)
    newer=$(printf '%s\n%s\n' "$least" "${libc:-0}" | sort -t. -k1,1n -k2,2n | tail -n 1)
    [ "$newer" = "$libc" ] || fail 2 "the bundle needs glibc $least or newer; this device has ${libc:-another C library}"
fi
versions=$(compat python)
version_of() { "$1" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }
if [ -n "$python" ]; then
    contains "$(version_of "$python")" "$versions" || fail 3 "$python is not Python $versions"
else
    for candidate in $versions 3 ''; do
        candidate=python$candidate
        if contains "$(version_of "$candidate")" "$versions"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || fail 3 "Python $versions is not installed" "Install it, or name it: --python PROGRAM."
fi
# A 64-bit kernel may run a system of 32 bits, and `uname` then names the kernel.
"$python" -I -c 'import sys; sys.exit(sys.maxsize < 1 << 32)' || fail 2 "$python has 32 bits; the bundle is made for $machines with 64" "Install a 64-bit system."
"$python" -I -c 'import venv, ensurepip' 2>/dev/null || fail 3 "$python cannot make virtual environments" "Install its venv package (Debian: python3-venv)."

mkdir -p "$prefix/environments"
prefix=$(CDPATH='' cd -- "$prefix" && pwd -P)
name=$(sha256sum <"$work/manifest.json" | cut -c1-16)
if [ ! -e "$prefix/environments/$name/complete" ]; then
    environment=$prefix/environments/$name
    rm -rf "$environment"
    "$python" -I -m venv "$environment" || fail 3 "$python cannot make a virtual environment"
    cp -R "$here/wheels" "$environment/wheels"
    grep '^[0-9a-f]*  wheels/' "$work/SHA256SUMS" >"$work/wheels"
    (cd "$environment" && sha256sum -c "$work/wheels") >/dev/null 2>&1 || fail 4 "a wheel changed while it was read"
    # On an older processor than the packages are built for they would end with a bare signal.
    "$python" -I -c 'import sys; sys.path.insert(0, sys.argv[1]); from sfta_edge.processor import main; sys.exit(main())' \
        "$environment"/wheels/sfta_edge-*.whl >&2 || exit
    PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
        "$environment/bin/python" -I -m pip install --quiet --no-input --no-cache-dir --no-index \
        --require-hashes --find-links "$environment/wheels" \
        -r "$environment/wheels/requirements.txt" >&2 ||
        fail 5 "pip could not install the program of the bundle"
    rm -rf "$environment/wheels"
    sync # the environment is on disk before anything refers to it
    : >"$environment/complete"
fi
"$prefix/environments/$name/bin/sfta-edge" install "$here" --key "$key" --root "$prefix" \
    --environment "$name" $allow_older $no_test || {
    code=$?
    # Only what this run made, and nothing refers to, is taken back.
    if [ -n "$environment" ] && ! grep -q "\"$name\"" "$prefix/state.json" 2>/dev/null; then
        rm -rf "$environment"
    fi
    exit "$code"
}

# Its own user, which owns what it writes and may not change what it runs.
start_service() {
    id sfta >/dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin sfta ||
        fail 1 "cannot make the user sfta"
    template=$(find "$prefix/environments/$name/lib" -path '*/sfta_edge/systemd/sfta-edge.service' | sed 1q)
    mkdir -p "$prefix/data"
    chown sfta:sfta "$prefix" && chown -R sfta:sfta "$prefix/data"
    for own in slots keys measured starts stays state.json audit.head .data.lock .lock; do
        [ ! -e "$prefix/$own" ] || chown -R sfta:sfta "$prefix/$own"
    done
    sed -e "s|@ROOT@|$prefix|g" -e 's|@USER@|sfta|g' -e "s|@ALLOW@|$allow|g" -e "s|@BIND@|tcp:$port|g" \
        -e "s|@LISTEN@|--host ${listen%:*} --port $port|g" "$template" >"$unit.new"
    mv -f "$unit.new" "$unit"
    if [ -d /run/systemd/system ]; then
        for step in daemon-reload 'enable sfta-edge.service' 'restart sfta-edge.service'; do
            # shellcheck disable=SC2086 # a step is two words
            systemctl $step >&2 || fail 5 "systemd could not start the service" "Look at: journalctl -u sfta-edge"
        done
        say "the service answers at $listen; its first token: journalctl -u sfta-edge"
    else
        say "wrote $unit; systemd does not run here"
    fi
}
if [ -n "$service" ]; then
    start_service
    exit 0
fi
say "next: $prefix/bin/sfta-edge ask \"...\"   or   $prefix/bin/sfta-edge serve"
