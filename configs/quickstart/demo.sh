#!/bin/sh
# The quickstart from end to end: make the bundle, install it without a network, ask it.
# Usage: demo.sh BIN RUNS KEY
set -eu

bin=$1 runs=$2 key=$3
recipe=configs/quickstart/quickstart.yaml
question='What torque is needed for the oil drain plug?'
unanswerable='What colour is the drive belt guard of the CX-220?'

"$bin/sfta" run "$recipe" --runs "$runs" --key "$key"
bundle=$("$bin/sfta" --quiet bundle "$recipe" --runs "$runs" --key "$key" --json |
  "$bin/python" -c 'import json, sys; print(json.load(sys.stdin)[-1]["path"])')

# A network namespace of its own has no interface but a closed loopback.
if unshare -n true 2>/dev/null; then
  offline='unshare -n'
elif unshare -rn true 2>/dev/null; then
  offline='unshare -rn'
else
  echo 'demo: this system allows no network namespace; run as root to prove it offline' >&2
  exit 3
fi

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT INT TERM
printf '\nInstalling into an empty folder, without a network\n'
$offline sh "$bundle/bundle/install.sh" --key "${key%.pem}.pub" --prefix "$home"

printf '\nAsking, without a network\n'
for text in "$question" "$unanswerable"; do
  printf '\n> %s\n' "$text"
  $offline "$home/bin/sfta-edge" ask "$text"
done

printf '\n'
"$bin/sfta" inspect "$("$bin/sfta" --quiet evaluate "$recipe" --runs "$runs" --json |
  "$bin/python" -c 'import json, sys; print(json.load(sys.stdin)[-1]["path"])')"
