#!/usr/bin/env bash
# uer preprocess with GNU parallel: on one machine, or on several that share a file system.
#
#   scripts/cluster/parallel.sh SHARDS FLAG...      the flags of uer preprocess
#
#   UER       program to run (uer)
#   PARALLEL  more options of parallel, such as --jobs 8 or --sshloginfile hosts --workdir .
#
# Run it again after a failure: shards that are complete are not made again.
set -euo pipefail
shards=$1
shift
: "${UER:=uer}"

"$UER" preprocess "$@" --shards "$shards" --plan
seq 0 $((shards - 1)) | parallel --quote --retries 3 --halt soon,fail=1 "$UER" preprocess "$@" --shards "$shards" --shard {}
"$UER" preprocess "$@" --shards "$shards" --merge
