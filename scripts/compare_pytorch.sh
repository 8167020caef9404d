#!/usr/bin/env bash
# Compares the speed of uer pretrain with a PyTorch program that trains the same models, and prints a table:
#
#   scripts/compare_pytorch.sh PROGRAM.py [RECIPE...]
#   DEVICE=cuda scripts/compare_pytorch.sh scripts/gpu/pytorch.py [RECIPE...]
#
# PROGRAM.py accepts --recipe --size --corpus --vocab (a number of tokens) --batch --seq --steps --threads, --dense, --bf16,
# and with DEVICE=cuda --device cuda and --tf32. The last line of its output is JSON with step_s_median, padded_tokens_per_s,
# real_tokens_per_s and peak_rss_mb, which is the memory of the GPU there. The two programs run alternately, ROUNDS times,
# each with a warm-up. The table shows medians, with minimum and maximum in brackets, and the ratios of uer's tokens per
# second to PyTorch's in the same precision and in float32. The machine must be idle otherwise: on a busy one PyTorch's
# threads wait for each other, and the ratios mean nothing. Without Go, bin/uer is taken as it is. Environment variables and
# their defaults:
#
#   DEVICE=cpu          or cuda
#   CORPUS=corpora/demo.txt VOCAB=models/demo_vocab.txt SIZE=base BATCH=32 SEQ=128
#   ROUNDS=5 STEPS=5 THREADS=(the number of cores) PYTHON=python3
#   PRECISIONS="fp32"   or "fp32 bf16", with a GPU also tf32
#   DENSE=              1 joins the corpus to long documents, so that batches have no padding

set -euo pipefail
program=$(realpath "${1:?give the path of a PyTorch program}")
shift
recipes=("$@")
[[ $# -gt 0 ]] || recipes=(roberta)
cd "$(dirname "$0")/.."
: "${CORPUS:=corpora/demo.txt}" "${VOCAB:=models/demo_vocab.txt}" "${SIZE:=base}" "${BATCH:=32}" "${SEQ:=128}"
: "${ROUNDS:=5}" "${STEPS:=5}" "${THREADS:=$(nproc)}" "${PYTHON:=python3}" "${PRECISIONS:=fp32}" "${DENSE:=}" "${DEVICE:=cpu}"
# Steps that are not counted, and those between report lines: a GPU is not awaited after each step.
warm=1 report=1
[[ $DEVICE == cpu ]] || warm=10 report=10

files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
if command -v go >/dev/null; then
	if [[ $DEVICE == cpu ]]; then go build -o bin/uer ./cmd/uer; else make --silent build; fi
fi

# flags_of RECIPE sets dataset and model, the flags of preprocess and pretrain. The models are those of the PyTorch program: its
# ALBERT has the sizes of BERT, except for the embedding, and only predicts masked tokens.
flags_of() {
	local transformer=models/bert/${SIZE}_config.json
	[[ $SIZE != small ]] || transformer=models/bert_small_config.json # with 6 layers
	dataset=(--target lm)
	case $1 in
	roberta)
		dataset=(--dynamic_masking --target mlm)
		model=(--config_path "$transformer" --target mlm)
		;;
	albert)
		dataset=(--dynamic_masking --target mlm)
		model=(--config_path "$transformer" --emb_size 128 --factorized_embedding_parameterization --parameter_sharing
			--target mlm)
		;;
	gpt2)
		model=(--config_path "$transformer" --embedding word_pos --remove_embedding_layernorm --tie_weights
			--mask causal --layernorm_positioning pre --target lm)
		;;
	elmo)
		dataset=(--target bilm)
		model=(--config_path models/birnn_config.json --embedding word --encoder bilstm --target bilm)
		;;
	lstm | gru)
		model=(--config_path models/rnn_config.json --embedding word --encoder "$1" --target lm)
		;;
	gatedcnn)
		model=(--config_path models/gatedcnn_9_config.json --embedding word --encoder gatedcnn --target lm)
		;;
	*)
		echo "unknown recipe $1: roberta, albert, gpt2, elmo, lstm, gru, gatedcnn" >&2
		exit 2
		;;
	esac
}

# run_uer PRECISION FILE appends a line to FILE: seconds per step, padded tokens/s, real tokens/s, peak MB.
run_uer() {
	"$PYTHON" -c '
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(status)' \
		bin/uer pretrain --dataset_path "$files/dataset.pt" --vocab_path "$VOCAB" --output_model_path "$files/model.bin" \
		"${model[@]}" --precision "$1" --learning_rate 1e-4 --batch_size "$BATCH" --total_steps $((STEPS + warm)) \
		--report_steps "$report" --threads "$THREADS" --device "$DEVICE" >"$files/log" 2>&1 || {
		cat "$files/log" >&2
		return 1
	}
	# | 2/ 6 steps| 1234.56 tokens/s| loss ... | 789 real tokens/s| ...
	sed -nE 's,^\| *([0-9]+)/.* steps\| *([0-9.]+) tokens/s.*\| ([0-9.]+) real tokens/s.*,\1 \2 \3,p
		s,^Run .*up to ([0-9.]+) ([MG])B of memory,gpu \1 \2,p; /^peak/p' "$files/log" |
		awk -v batch=$((BATCH * SEQ)) -v warm="$warm" -v device="$DEVICE" '
			$1 == "gpu" { memory = $2 * ($3 == "G" ? 1000 : 1); next }
			$1 == "peak" { peak = device == "cpu" ? $2 : memory; next }
			$1 > warm { seconds[++n] = batch / $2; total += seconds[n]; real += $3 * seconds[n] }
			END { for (i = 1; i <= n; i++) print seconds[i], n * batch / total, real / total, peak }' |
		sort -n | awk '{ row[NR] = $0 } END { print row[int((NR + 1) / 2)] }' >>"$2"
}

# run_program PRECISION FILE appends the same line for the PyTorch program.
run_program() {
	local further=()
	[[ $1 == fp32 ]] || further+=("--$1")
	[[ $DEVICE == cpu ]] || further+=(--device "$DEVICE")
	[[ -z $DENSE ]] || further+=(--dense)
	"$PYTHON" "$program" "${further[@]}" --recipe "$recipe" --size "$SIZE" --corpus "$CORPUS" --vocab "$(wc -l <"$VOCAB")" \
		--batch "$BATCH" --seq "$SEQ" --steps "$STEPS" --threads "$THREADS" | tail -n 1 |
		"$PYTHON" -c '
import json, sys
figures = json.load(sys.stdin)
print(*(figures[key] for key in ("step_s_median", "padded_tokens_per_s", "real_tokens_per_s", "peak_rss_mb")))' >>"$2"
}

# median COLUMN FILE prints a median; spread COLUMN FILE FORMAT adds the minimum and the maximum.
median() {
	spread "$1" "$2" %g | cut -d ' ' -f 1
}
spread() {
	awk -v column="$1" '{ print $column }' "$2" | sort -g | awk -v format="$3" '
		{ value[NR] = $1 }
		END {
			middle = (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2
			printf format " (" format "–" format ")", middle, value[1], value[NR]
		}'
}

# ratio COLUMN FILE OF_FILE prints the ratio of two medians.
ratio() {
	awk -v a="$(median "$1" "$2")" -v b="$(median "$1" "$3")" 'BEGIN { printf "%.2f", a / b }'
}

text=$CORPUS kind="ragged texts"
if [[ -n $DENSE ]]; then
	text=$files/corpus.txt kind="no padding"
	awk '{ printf "%s%s", $0, NR % 1000 ? " " : "\n" }' "$CORPUS" >"$text"
fi
machine="$THREADS threads"
[[ $DEVICE == cpu ]] || machine=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)
echo "batch $BATCH × $SEQ, $SIZE, $machine, $CORPUS, $kind; $ROUNDS rounds of $STEPS steps; load before" \
	"$(cut -d ' ' -f 1 /proc/loadavg); $(date -I)"
echo
echo "| recipe | uer, s per step | PyTorch, s per step | uer, real tokens/s | PyTorch, real tokens/s | ratio |" \
	"ratio to PyTorch in float32 | uer, MB | PyTorch, MB |"
echo "|---|---|---|---|---|---|---|---|---|"
for recipe in "${recipes[@]}"; do
	flags_of "$recipe"
	bin/uer preprocess --corpus_path "$text" --vocab_path "$VOCAB" --dataset_path "$files/dataset.pt" \
		--seq_length "$SEQ" --processes_num "$THREADS" "${dataset[@]}" 2>"$files/log" || {
		cat "$files/log" >&2
		exit 1
	}
	for ((round = 0; round < ROUNDS; round++)); do
		for precision in $PRECISIONS; do
			run_uer "$precision" "$files/$recipe.$precision.uer"
			run_program "$precision" "$files/$recipe.$precision.pytorch"
		done
	done
	for precision in $PRECISIONS; do
		ours=$files/$recipe.$precision.uer theirs=$files/$recipe.$precision.pytorch float=$files/$recipe.fp32.pytorch
		of_float=
		[[ ! -e $float ]] || of_float=$(ratio 3 "$ours" "$float")
		echo "| $recipe, $precision | $(spread 1 "$ours" %.3f) | $(spread 1 "$theirs" %.3f) | $(spread 3 "$ours" %.0f) |" \
			"$(spread 3 "$theirs" %.0f) | **$(ratio 3 "$ours" "$theirs")** | $of_float | $(spread 4 "$ours" %.0f) |" \
			"$(spread 4 "$theirs" %.0f) |"
	done
done
