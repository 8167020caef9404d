#!/usr/bin/env bash
# Packs what check.sh needs into a directory, for a machine that has a GPU and neither Go nor a network: the program, the
# test binaries with their data, datasets, and the same models in PyTorch.
#
#   scripts/gpu/pack.sh [DIRECTORY]        .gpu by default
#
# CORPUS and VOCAB name a text and its vocabulary to train on; by default the demo corpus.
set -euo pipefail
cd "$(dirname "$0")/../.."
to=${1:-.gpu}
corpus=${CORPUS:-corpora/demo.txt} vocab=${VOCAB:-models/demo_vocab.txt}

rm -rf "$to" && mkdir -p "$to/bin"
make --silent build
strip -o "$to/bin/uer" bin/uer
# The flags that make compiles with.
flags=$(make --silent --no-print-directory gpu-flags)
eval "$flags"
for package in cuda device/cuda device/cuda/kernels model cli; do
	go test -c -tags gpu -ldflags '-s -w' -o "$to/bin/${package//\//_}.test" "./internal/$package"
done
tar -cf "$to/testdata.tar" internal/model/testdata internal/cuda/testdata models/demo_vocab.txt models/bert models/*_config.json corpora
cp "$vocab" "$to/vocab.txt"
cp -r models/bert models/gpt2 models/rnn models/cnn models/albert "$to/"
cp models/*_config.json "$to/"
trap 'cat "$to/log" >&2' ERR
for shape in ragged dense; do
	extra=()
	[[ $shape == ragged ]] || extra=(--full_sentences)
	bin/uer preprocess --corpus_path "$corpus" --vocab_path "$vocab" --dataset_path "$to/$shape.pt" \
		--dynamic_masking --target mlm "${extra[@]}" 2>"$to/log"
done
bin/uer preprocess --corpus_path "$corpus" --vocab_path "$vocab" --dataset_path "$to/lm.pt" --target lm 2>"$to/log"
bin/uer preprocess --corpus_path "$corpus" --vocab_path "$vocab" --dataset_path "$to/bilm.pt" --target bilm 2>"$to/log"
rm "$to/log"
trap - ERR
# All programs hold the same kernels and packages: a window as large as all of them halves the archive.
tar -C "$to" -cf - . | xz --x86 --lzma2=preset=4,dict=256MiB >"$to.tar.xz"
rm -r "$to" && mkdir "$to" && mv "$to.tar.xz" "$to/packed.tar.xz"
cp scripts/gpu/check.sh scripts/gpu/peer.sh scripts/gpu/pytorch.py "$to/"
size=$(du -sm "$to" | cut -f1)
echo "$size MB in $to"
((size <= 60)) || { echo "that is more than 60 MB: leave something out, or take a smaller CORPUS" >&2; exit 1; }
