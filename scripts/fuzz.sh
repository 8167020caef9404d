#!/usr/bin/env bash
# Runs every fuzz target of the module with 20,000 inputs, or as many as asked for: scripts/fuzz.sh 1000000
set -euo pipefail
cd "$(dirname "$0")/.."
inputs=${1:-20000}

# The limit, in KiB, makes a reader fail that trusts a forged length and allocates as much.
ulimit -v $((4 << 20))

mapfile -t targets < <(grep -r --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' cmd internal | sort)
if [[ ${#targets[@]} == 0 ]]; then
	echo "no fuzz target found" >&2
	exit 1
fi
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cache=$(go env GOCACHE)/fuzz/uer # where `go test -fuzz` keeps what it has found interesting
failed=()
for target in "${targets[@]}"; do # internal/vocab/vocab_test.go:func FuzzParse
	package=$(dirname "${target%%:*}")
	name=${target##* }
	echo "$package $name"
	program=$build/${package//\//_}
	if ! [[ -e $program ]]; then
		go test -c -vet=off -fuzz . -o "$program" "./$package"
	fi
	# A number of inputs, as Go fails a target with "context deadline exceeded", now and then, when its time is over (a race in
	# Go's coordinator of fuzzing). Minimizing an interesting input takes up to a minute unless it is bounded too.
	(cd "$package" && "$program" -test.run '^$' -test.fuzz "^$name\$" -test.fuzzcachedir "$cache/$package" \
		-test.fuzztime "${inputs}x" -test.fuzzminimizetime 100x) || failed+=("$package $name")
done
if [[ ${#failed[@]} != 0 ]]; then
	printf 'failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
