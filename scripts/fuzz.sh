#!/usr/bin/env bash
# Runs every fuzz target of the module for five seconds, or for a time or a number of inputs: scripts/fuzz.sh 10m
set -euo pipefail
cd "$(dirname "$0")/.."
amount=${1:-5s}

# The limit, in KiB, makes a reader fail that trusts a forged length and allocates as much.
ulimit -v $((4 << 20))

mapfile -t targets < <(grep -r --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' cmd internal | sort)
if [[ ${#targets[@]} == 0 ]]; then
	echo "no fuzz target found" >&2
	exit 1
fi
failed=()
for target in "${targets[@]}"; do # internal/vocab/vocab_test.go:func FuzzParse
	package=./$(dirname "${target%%:*}")
	name=${target##* }
	echo "$package $name"
	# Minimizing an interesting input takes up to a minute unless it is bounded too.
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$amount" -fuzzminimizetime 100x "$package" ||
		failed+=("$package $name")
done
if [[ ${#failed[@]} != 0 ]]; then
	printf 'failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
