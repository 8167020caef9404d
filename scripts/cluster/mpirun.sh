#!/usr/bin/env bash
# Pretrain with mpirun of Open MPI, MPICH or Intel MPI, one process for each rank:
#
#   scripts/cluster/mpirun.sh -np 16 --hostfile hosts -- --dataset_path dataset.pt --vocab_path … --target mlm
#
# What stands before -- goes to mpirun, the rest to uer pretrain. mpirun does not tell the processes where rank 0 is, so
# this machine must be the first of the hosts; HEAD names another one.

set -euo pipefail
launch=()
while [[ $# != 0 && $1 != -- ]]; do
	launch+=("$1")
	shift
done
shift || true
head=${HEAD:-$(hostname)}
if mpirun --version | grep -q 'Open MPI'; then
	address=(-x "MASTER_ADDR=$head")
else
	address=(-genv MASTER_ADDR "$head")
fi
exec mpirun "${launch[@]}" "${address[@]}" "${UER:-bin/uer}" pretrain "$@"
