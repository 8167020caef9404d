#!/usr/bin/env bash
# ELMo: predict the next and the previous token, each with its own LSTM. The corpus has one document per line.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

preprocess --target bilm
pretrain --config_path models/birnn_config.json --learning_rate 5e-4 \
	--embedding word --encoder bilstm --target bilm
