#!/usr/bin/env bash
# ELMo: predict the next token and the one before, each with an LSTM of its own. The corpus has a document a line.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

preprocess --target bilm
pretrain --config_path models/birnn_config.json --learning_rate 5e-4 \
	--embedding word --encoder bilstm --target bilm
