#!/usr/bin/env bash
# Checks the GPU device on a machine with a GPU, from what pack.sh has packed: is it right, and how fast is it? Each stage
# reports and the next one starts; the most valuable come first. Complete logs go to $OUT. About 5 minutes on an H100.
#
#   cd .gpu && bash check.sh
set -u
cd "$(dirname "$0")" || exit
OUT=${OUT:-/tmp/uer-gpu}
mkdir -p "$OUT"
budget=${BUDGET:-470} began=$SECONDS

# stage NAME LIMIT LINES COMMAND... runs a command for at most LIMIT seconds and shows the last lines of its log.
stage() {
	local name=$1 limit=$2 lines=$3 started=$SECONDS left status
	shift 3
	left=$((budget - (SECONDS - began)))
	if ((left < 5)); then
		echo "== $name LATE"
		return
	fi
	timeout -k 5 "$((limit < left ? limit : left))" "$@" >"/tmp/$name.log" 2>&1
	status=$?
	tail -n "$lines" "/tmp/$name.log" | cut -c1-180
	{ echo "##### $name"; cat "/tmp/$name.log"; } >>"$OUT/all.log"
	echo "== $name $([[ $status == 0 ]] && echo ok || echo "FAILED, status $status"), $((SECONDS - started)) s"
}

gunzip -f bin/*.gz ./*.pt.gz 2>/dev/null
chmod +x bin/*
tar -xf testdata.tar
export UER_LIBCUDA=libcuda.so.1 # tests use a stand-in otherwise
# Some machines have CUDA's libraries in Python packages only.
UER_CUDA_LIB=${UER_CUDA_LIB:-$(python3 -c 'import glob, os, sys
print(":".join(sorted({os.path.dirname(p) for d in sys.path for p in glob.glob(d + "/nvidia/*/lib/libcublasLt.so*")})))' 2>/dev/null)}
export UER_CUDA_LIB

train() { # DATASET STEPS FLAGS...
	local data=$1 steps=$2
	shift 2
	bin/uer pretrain --dataset_path "$data" --vocab_path vocab.txt --output_model_path /tmp/model.bin --gpu_ranks 0 \
		--total_steps "$steps" --report_steps "$((steps / 4))" --save_checkpoint_steps 100000 --profile /tmp/go.prof "$@"
}
export -f train

stage machine 20 8 bash -c 'nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader; nproc; bin/uer --version'
stage selftest 60 6 bash -c 'bin/uer devices; bin/uer selftest --device cuda'
stage operations 90 12 bin/device_cuda.test -test.run TestOps
stage golden 120 12 bash -c 'cd internal/model && ../../bin/model.test -test.run "GPUGradients|GPUUpdates"'
stage steps 120 12 bash -c 'cd internal/model && ../../bin/model.test -test.run GPUSteps'
stage driver 60 12 bash -c 'cd internal/cuda && ../../bin/cuda.test -test.skip BuildsExport'
roberta="--config_path bert/base_config.json --embedding word_pos_seg --encoder transformer --mask fully_visible --target mlm --learning_rate 1e-4"
stage roberta_ragged 60 24 bash -c "train ragged.pt 200 $roberta"
stage roberta_dense 60 24 bash -c "train dense.pt 60 $roberta"
stage gpt2 60 8 bash -c "train lm.pt 60 --config_path bert/base_config.json --embedding word_pos --remove_embedding_layernorm --encoder transformer --mask causal --layernorm_positioning pre --tie_weights --target lm"
stage lstm 60 14 bash -c "train lm.pt 60 --config_path rnn_config.json --embedding word --encoder lstm --target lm"
stage elmo 60 8 bash -c "train bilm.pt 60 --config_path birnn_config.json --embedding word --encoder bilstm --target bilm"
stage gatedcnn 60 14 bash -c "train lm.pt 60 --config_path gatedcnn_9_config.json --embedding word --encoder gatedcnn --target lm"
stage memcheck 60 6 compute-sanitizer --tool memcheck --error-exitcode 9 bin/device_cuda.test -test.run 'TestOps/(attention|norm|linear|cross_entropy|embedding|gather)$'
stage racecheck 60 6 compute-sanitizer --tool racecheck --error-exitcode 9 bin/device_cuda.test -test.run 'TestOps/(attention|norm|cross_entropy|embedding)$'
echo "$((SECONDS - began)) s in all; logs in $OUT/all.log"
