#!/usr/bin/env bash
# uer preprocess with Slurm: plans here, then submits an array of tasks, one for each shard, and a job that merges them once
# all are made. It prints the numbers of the two jobs.
#
#   scripts/cluster/slurm.sh SHARDS FLAG...         the flags of uer preprocess
#
#   UER       program to run (uer)
#   SBATCH_*  options of sbatch, such as SBATCH_PARTITION=cpu SBATCH_TIMELIMIT=2:00:00
#   TASKS     tasks at a time (all of them)
#
# Run it again after a failure: shards that are complete are not made again.
set -euo pipefail
if [[ $1 == --run ]]; then # in a job
	exec "${@:2}"
fi
shards=$1
shift
: "${UER:=uer}"

"$UER" preprocess "$@" --shards "$shards" --plan >&2
made=$(sbatch --parsable --job-name uer-shard --requeue --array "0-$((shards - 1))${TASKS:+%$TASKS}" \
	"$0" --run "$UER" preprocess "$@" --shards "$shards")
merged=$(sbatch --parsable --job-name uer-merge --requeue --dependency "afterok:${made%%;*}" --kill-on-invalid-dep yes \
	"$0" --run "$UER" preprocess "$@" --shards "$shards" --merge)
echo "${made%%;*} ${merged%%;*}"
