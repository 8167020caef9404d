#!/usr/bin/env bash
# Compares whole training steps in bfloat16 with PyTorch's on one GPU, in turns: the time of uer's step, PyTorch's, and
# uer's again. PyTorch computes transformers with torch.compile and scaled_dot_product_attention, recurrent layers and
# convolutions by cuDNN; AdamW is the fused one. It pads the reviews, so these are compared with a step of full length.
# check.sh, which unpacks what pack.sh has packed, runs it. The most telling lines come first, and none is begun after BUDGET
# seconds.
#
#   cd .gpu && ONLY=peer bash check.sh        all lines
#   ONLY='lstm|gru' bash peer.sh        those of uer's names that match, after that
set -u
cd "$(dirname "$0")" || exit
OUT=${OUT:-logs} PYTHON=${PYTHON:-python3} DEVICE=${DEVICE:-cuda}
mkdir -p "$OUT" internal/cli
budget=${BUDGET:-400} began=$SECONDS

# ours NAME prints milliseconds, real tokens/s and mfu, or nothing.
ours() {
	(cd internal/cli && timeout -s KILL 60 ../../bin/cli.test -test.run '^$' -test.bench "^BenchmarkGPUStep$/^${1// /_}$/^bf16$" \
		-test.benchtime 1s) >>"$OUT/programs.log" 2>&1
	tail -n 200 "$OUT/programs.log" | awk -v name="/${1// /_}/bf16" 'index($1, name) {
		for (i = 2; i <= NF; i++) value[$i] = $(i - 1)
		line = value["ms/step"] " " value["tokens/s"] " " value["%mfu"] } END { if (line != "") print line }'
}

# theirs LINE prints the milliseconds of PyTorch's step, or nothing.
theirs() {
	timeout -s KILL 120 "$PYTHON" pytorch.py --device "$DEVICE" --lines "^$1$" >"$OUT/pytorch.out" 2>>"$OUT/programs.log"
	cat "$OUT/pytorch.out" >>"$OUT/programs.log"
	sed -nE 's/.* ([0-9.]+) ms .*/\1/p' "$OUT/pytorch.out" | tail -n 1
}

: >"$OUT/programs.log"
echo "| bfloat16 | uer, ms | again, ms | PyTorch, ms | ratio | uer, real tokens/s | mfu |"
echo "|---|---|---|---|---|---|---|"
declare -A known # PyTorch's times
while IFS='|' read -r name line; do
	[[ -z ${ONLY:-} || $name =~ ${ONLY} ]] || continue
	if ((SECONDS - began > budget)); then
		echo "no time for the rest"
		break
	fi
	read -r first _ <<<"$(ours "$name")"
	[[ -n ${known[$line]:-} ]] || known[$line]=$(theirs "$line")
	read -r again tokens mfu <<<"$(ours "$name")"
	awk -v name="$name" -v first="$first" -v again="${again:-}" -v peer="${known[$line]}" -v tokens="${tokens:-}" -v mfu="${mfu:-}" '
		function or_none(x) { return x == "" ? "–" : x }
		BEGIN {
			ratio = first > 0 && again > 0 && peer > 0 ? sprintf("%.2f", peer / ((first + again) / 2)) : ""
			printf "| %s | %s | %s | %s | %s | %s | %s |\n", name, or_none(first), or_none(again), or_none(peer), or_none(ratio),
				or_none(tokens), or_none(mfu) }'
done <<'END'
roberta 256 x 128|roberta 256 x 128 bf16 compiled
roberta ragged 256|roberta 256 x 128 bf16 compiled
lstm 32 x 128|lstm 32 x 128 bf16 eager
gru 32 x 128|gru 32 x 128 bf16 eager
elmo 32 x 128|elmo 32 x 128 bf16 eager
gatedcnn 32 x 128|gatedcnn 32 x 128 bf16 eager
roberta 256 x 512|roberta 256 x 512 bf16 compiled
roberta 32 x 128|roberta 32 x 128 bf16 compiled
roberta ragged 32|roberta 32 x 128 bf16 compiled
gpt2 16 x 1024|gpt2 16 x 1024 bf16 compiled
END
echo "$((SECONDS - began)) s; the programs' own words are in $OUT/programs.log"
