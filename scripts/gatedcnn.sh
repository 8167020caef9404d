#!/usr/bin/env bash
# Gated CNN: predict the next token with gated convolutions over the previous ones. The corpus has one document per line.
# CONFIG may be models/gatedcnn_13_config.json, which has more layers.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

preprocess --target lm
pretrain --config_path models/gatedcnn_9_config.json --learning_rate 1e-4 --total_steps 20000 --save_checkpoint_steps 5000 \
	--embedding word --encoder gatedcnn --target lm
