#!/usr/bin/env bash
# uer preprocess on Kubernetes: a job that plans, an indexed job with a pod for each shard, and a job that merges them.
#
#   scripts/cluster/kubernetes.sh SHARDS FLAG...    the flags of uer preprocess, with paths below /data
#
#   IMAGE     container image with the program uer in it (required)
#   CLAIM     persistent volume claim with corpus and vocabulary, mounted at /data; several pods write to it (required)
#   NAME      prefix of the jobs' names (uer)
#   PODS      pods at a time (SHARDS)
#   CPU, MEMORY   what each pod asks for, and its number of workers (2, 2Gi)
#   UER       program in the image (uer)
#
# Run it again after a failure: shards that are complete are not made again. kubectl's context says which cluster.
set -euo pipefail
shards=$1
shift
: "${IMAGE:?is the image with uer}" "${CLAIM:?is the claim with the corpus}"
: "${UER:=uer}" "${NAME:=uer}" "${PODS:=$shards}" "${CPU:=2}" "${MEMORY:=2Gi}"

# quoted WORD... prints a list in JSON.
quoted() {
	local list="" word
	for word; do
		word=${word//\\/\\\\}
		list+=", \"${word//\"/\\\"}\""
	done
	echo "[${list:2}]"
}

# job STEP FIELDS FLAG... runs a job to its end, in place of one of an earlier run.
job() {
	local name=$NAME-$1 fields=$2 conditions
	shift 2
	kubectl delete job "$name" --ignore-not-found >&2
	kubectl apply -f - >&2 <<-JSON
		{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "$name"},
		 "spec": {$fields, "template": {"spec": {"restartPolicy": "Never",
		  "containers": [{"name": "uer", "image": "$IMAGE", "command": ["$UER"], "args": $(quoted preprocess "$@"),
		   "resources": {"requests": {"cpu": "$CPU", "memory": "$MEMORY"}},
		   "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
		  "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "$CLAIM"}}]}}}}
	JSON
	while true; do
		conditions=$(kubectl get job "$name" -o 'jsonpath={.status.conditions[?(@.status=="True")].type}')
		case " $conditions " in
		*" Complete "*) return ;;
		*" Failed "*)
			echo "job $name failed: kubectl logs job/$name" >&2
			return 1
			;;
		esac
		sleep "${POLL:-10}"
	done
}

job plan '"backoffLimit": 3' "$@" --shards "$shards" --plan
job shard "\"completionMode\": \"Indexed\", \"completions\": $shards, \"parallelism\": $PODS, \"backoffLimit\": $((3 * shards))" \
	"$@" --shards "$shards" --processes_num "$CPU"
job merge '"backoffLimit": 3' "$@" --shards "$shards" --merge
