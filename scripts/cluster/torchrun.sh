#!/usr/bin/env bash
# Pretrain with torchrun, which starts any program, one process for each rank:
#
#   NODES=2 PER_NODE=8 HEAD=gpu01:29500 scripts/cluster/torchrun.sh --dataset_path dataset.pt --vocab_path … --target mlm
#
# Run it on each machine. torchrun listens at the port of HEAD; rank 0 takes the next one. If a process fails, torchrun
# starts all of them again, up to RESTARTS times; with --resume they continue from the last checkpoint.

set -euo pipefail
: "${NODES:=1}" "${PER_NODE:=1}" "${HEAD:=localhost:29500}" "${RESTARTS:=0}"
exec torchrun --nnodes "$NODES" --nproc-per-node "$PER_NODE" --max-restarts "$RESTARTS" \
	--rdzv-backend c10d --rdzv-endpoint "$HEAD" --rdzv-id "${JOB:-uer}" \
	--no-python "${UER:-bin/uer}" pretrain "$@"
