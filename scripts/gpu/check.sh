#!/usr/bin/env bash
# Checks the GPU device on a machine with a GPU, from what pack.sh has packed: is it right, and how fast is it? Each stage
# reports and the next one starts; the most valuable come first. Complete logs go to $OUT. At most 8 minutes: what has
# not begun by then is left out.
#
#   cd .gpu && bash check.sh        all stages
#   ONLY='pytorch|ncu' bash check.sh        those that the pattern matches
set -u
cd "$(dirname "$0")" || exit
OUT=${OUT:-logs}
mkdir -p "$OUT"
budget=${BUDGET:-470} began=$SECONDS

# stage NAME LIMIT LINES COMMAND... runs a command for at most LIMIT seconds and shows the last lines of its log. Only KILL
# ends all that the command has started.
stage() {
	local name=$1 limit=$2 lines=$3 started=$SECONDS left status
	shift 3
	[[ -z ${ONLY:-} || $name =~ ^(${ONLY})$ ]] || return
	if ! command -v "$1" >/dev/null; then
		echo "== $name: this machine has no $1"
		return
	fi
	left=$((budget - (SECONDS - began)))
	if ((left < 5)); then
		echo "== $name LATE"
		return
	fi
	{ timeout -s KILL "$((limit < left ? limit : left))" "$@" >"$OUT/$name.log" 2>&1; } 2>/dev/null
	status=$?
	tail -n "$lines" "$OUT/$name.log" | cut -c1-180
	echo "== $name $([[ $status == 0 ]] && echo ok || echo "FAILED, status $status"), $((SECONDS - started)) s"
}

if [[ -e packed.tar.xz ]]; then # not every machine has xz
	python3 -c 'import lzma, tarfile; tarfile.open(fileobj=lzma.open("packed.tar.xz")).extractall(".")'
	tar -xf testdata.tar
	rm packed.tar.xz testdata.tar
fi
export UER_LIBCUDA=libcuda.so.1 # tests use a stand-in otherwise
# Some machines have CUDA's libraries in Python packages only.
UER_CUDA_LIB=${UER_CUDA_LIB:-$(python3 -c 'import glob, os, sys
print(":".join(sorted({os.path.dirname(p) for d in sys.path for p in glob.glob(d + "/nvidia/*/lib/lib*") if "libcublasLt.so" in p or "libnccl.so" in p})))' 2>/dev/null)}
export UER_CUDA_LIB

train() { # DATASET STEPS FLAGS...
	local data=$1 steps=$2
	shift 2
	bin/uer pretrain --dataset_path "$data" --vocab_path vocab.txt --output_model_path model.bin \
		--device "${DEVICE:-cuda}" --precision "${PRECISION:-bf16}" \
		--total_steps "$steps" --report_steps "$((steps / 4))" --save_checkpoint_steps 100000 "$@"
}
export -f train

stage machine 20 8 bash -c 'nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader; grep -m1 "model name" /proc/cpuinfo; grep -o "amx[a-z0-9_]*" /proc/cpuinfo | sort -u | xargs; nproc; bin/uer --version'
stage selftest 60 6 bash -c 'bin/uer devices; bin/uer selftest --device cuda'
# verbose keeps of a verbose test what tells whether it ran.
verbose() { (cd "$1" && "$2" -test.v -test.run "$3") | grep -E '^(---|PASS|FAIL|panic)|--- (FAIL|SKIP)'; }
export -f verbose
set -o pipefail
export SHELLOPTS
stage operations 90 12 bash -c 'verbose . ./bin/device_cuda.test TestOps'
stage golden 120 12 bash -c 'verbose internal/model ../../bin/model.test "GPUGradients|GPUUpdates"'
stage steps 120 12 bash -c 'verbose internal/model ../../bin/model.test GPUSteps'
stage driver 60 12 bash -c 'cd internal/cuda && ../../bin/cuda.test -test.skip BuildsExport'
stage nccl 30 6 bash -c 'cd internal/cuda && ../../bin/cuda.test -test.v -test.run GroupOfOne'
stage kernels 90 60 bin/device_cuda_kernels.test -gpu -test.skip 'Generated|PTX|Assemble|Lint' -test.bench .
# Whole steps in the same process, the most telling ones first.
mkdir -p internal/cli
stage whole_steps 150 240 bash -c 'cd internal/cli && ../../bin/cli.test -test.run "^$" -test.bench GPUStep -test.benchtime 1s'
stage algorithms 60 90 bash -c 'cd internal/cuda && ../../bin/cuda.test -test.run "^$" -test.bench Algorithms -test.benchtime 1x'
roberta="--config_path bert/base_config.json --embedding word_pos_seg --encoder transformer --mask fully_visible --target mlm --learning_rate 1e-4"
stage roberta_ragged 60 6 bash -c "train ragged.pt 400 $roberta"
stage roberta_dense 60 6 bash -c "train dense.pt 100 $roberta"
stage roberta_256 60 6 bash -c "train dense.pt 20 $roberta --batch_size 256"
stage gpt2 60 6 bash -c "train lm.pt 100 --config_path bert/base_config.json --embedding word_pos --remove_embedding_layernorm --encoder transformer --mask causal --layernorm_positioning pre --tie_weights --target lm"
stage lstm 60 6 bash -c "train lm.pt 100 --config_path rnn_config.json --embedding word --encoder lstm --target lm"
stage elmo 60 6 bash -c "train bilm.pt 60 --config_path birnn_config.json --embedding word --encoder bilstm --target bilm"
stage gatedcnn 60 6 bash -c "train lm.pt 100 --config_path gatedcnn_9_config.json --embedding word --encoder gatedcnn --target lm"
# The same models in PyTorch, if it is installed, in turns with uer; then some more of them by themselves.
stage peer "$budget" 14 env -u ONLY BUDGET="$((budget - (SECONDS - began) - 60))" bash peer.sh
stage pytorch 130 24 python3 pytorch.py --seconds 90
stage profile 60 20 bash -c "train dense.pt 40 $roberta --profile go.prof"
stage memcheck 60 6 compute-sanitizer --tool memcheck --error-exitcode 9 bin/device_cuda.test -test.run TestOps
stage racecheck 60 6 compute-sanitizer --tool racecheck --error-exitcode 9 bin/device_cuda.test -test.run 'TestOps/bf16/(attention|norm|cross_entropy|embedding|many_layers)'
# How far kernels of uer's use the GPU, on average over the first launches of a step: all kinds are among them.
stage ncu 90 120 ncu --clock-control none --section SpeedOfLight --print-summary per-kernel --kernel-name-base function -k 'regex:_bf16|adamw|column_sums|square_partials' -c 250 bash -c "bin/uer pretrain --dataset_path dense.pt --vocab_path vocab.txt --output_model_path model.bin --device cuda --precision bf16 --total_steps 1 $roberta"
# Do the losses of a longer training follow the CPU's?
small="--config_path bert/mini_config.json --embedding word_pos_seg --encoder transformer --mask fully_visible --target mlm --learning_rate 3e-4 --batch_size 16"
stage follow_gpu 60 5 bash -c "train ragged.pt 400 $small"
stage follow_cpu 120 5 bash -c "DEVICE=cpu PRECISION=fp32 train ragged.pt 400 $small"
echo "$((SECONDS - began)) s in all; logs in $OUT"
