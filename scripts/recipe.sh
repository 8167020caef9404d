# shellcheck shell=bash
# Sourced by the recipes in this folder. It reads their settings from environment variables and defines preprocess and
# pretrain, the two commands of a recipe. Paths are relative to the root of the repository.
#
#   CORPUS      text to train on. Without it, or with SMOKE=1, the recipe is a short trial of a tiny model on the demo
#               corpus, with its files in build/.
#   VOCAB       vocabulary (models/google_zh_vocab.txt)
#   DATASET     dataset to write and to train on (dataset.pt)
#   OUTPUT      path prefix of checkpoints, which are named OUTPUT-STEP (models/output_model.bin)
#   CONFIG      file with the sizes of the model (that of the recipe)
#   PRETRAINED  checkpoint to continue from, with a learning rate of 2e-5 (none: random parameters)
#   RATE        learning rate (that of the recipe)
#   STEPS       number of batches to train on (that of the recipe)
#   PROCESSES   number of workers of uer preprocess (the number of cores)
#   DEVICE, WORLD_SIZE, GPU_RANKS   where to train, for example WORLD_SIZE=8 GPU_RANKS="0 1 2 3 4 5 6 7" (the CPU)
#   UER         program to run (bin/uer, built first)
#
# Arguments of a recipe are appended to those of uer pretrain: scripts/roberta.sh --batch_size 64

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
arguments=("$@")
trial=()

if [[ -z ${CORPUS:-} || ${SMOKE:-0} == 1 ]]; then
	files=build/$(basename "$0" .sh)
	mkdir -p "$files"
	: "${CORPUS:=${demo:-corpora/demo.txt}}" "${VOCAB:=models/demo_vocab.txt}" "${CONFIG:=models/demo_config.json}"
	: "${DATASET:=$files/dataset.pt}" "${OUTPUT:=$files/model.bin}" "${STEPS:=1000}"
	trial=(--batch_size 8 --learning_rate 1e-3 --report_steps 100 --save_checkpoint_steps "$STEPS")
fi
: "${VOCAB:=models/google_zh_vocab.txt}" "${DATASET:=dataset.pt}" "${OUTPUT:=models/output_model.bin}"
: "${PROCESSES:=$(nproc)}"
if [[ -z ${UER:-} ]]; then
	go build -o bin/uer ./cmd/uer
	UER=bin/uer
fi

# preprocess FLAG... makes the dataset.
preprocess() {
	run preprocess --corpus_path "$CORPUS" --vocab_path "$VOCAB" --dataset_path "$DATASET" \
		--processes_num "$PROCESSES" "$@"
}

# pretrain FLAG... trains on it. The last value of a repeated flag counts, so the environment overrides the recipe.
pretrain() {
	local flags=(--dataset_path "$DATASET" --vocab_path "$VOCAB" --output_model_path "$OUTPUT" "$@" "${trial[@]}")
	[[ -z ${PRETRAINED:-} ]] || flags+=(--pretrained_model_path "$PRETRAINED" --learning_rate 2e-5)
	[[ -z ${CONFIG:-} ]] || flags+=(--config_path "$CONFIG")
	[[ -z ${RATE:-} ]] || flags+=(--learning_rate "$RATE")
	[[ -z ${STEPS:-} ]] || flags+=(--total_steps "$STEPS")
	[[ -z ${DEVICE:-} ]] || flags+=(--device "$DEVICE")
	[[ -z ${WORLD_SIZE:-} ]] || flags+=(--world_size "$WORLD_SIZE")
	if [[ -n ${GPU_RANKS:-} ]]; then
		read -ra ranks <<<"$GPU_RANKS"
		flags+=(--gpu_ranks "${ranks[@]}")
	fi
	run pretrain "${flags[@]}" "${arguments[@]}"
}

# run COMMAND FLAG... prints a command of uer, then runs it.
run() {
	echo "\$ $UER $*" >&2
	"$UER" "$@"
}
