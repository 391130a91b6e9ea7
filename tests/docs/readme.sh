#!/usr/bin/env bash
# Runs the README's own commands (its blocks marked `sh`), from the checkout, on a data folder of their own. `make demo` and
# `make test` are run elsewhere; `pip install .` is what the environment already holds.
set -euo pipefail
cd "$(dirname "$0")/../.."
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
export PATH="$PWD/.venv/bin:$PATH" TOCSIN_DATA="$room/data"
awk '/^```sh$/ {on = 1; next} /^```$/ {on = 0} on' README.md | grep -vE '^(make|pip install)' > "$room/commands"
test -s "$room/commands"
sed -i "s#> tocsin.toml#> $room/tocsin.toml#" "$room/commands"
while IFS= read -r line; do
  echo "\$ $line"
  bash -euo pipefail -c "$line" < /dev/null
done < "$room/commands"
