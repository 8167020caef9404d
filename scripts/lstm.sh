#!/usr/bin/env bash
# Predict the next token with an LSTM. The corpus has one document per line.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

preprocess --target lm
pretrain --config_path models/rnn_config.json --learning_rate 1e-3 --total_steps 20000 --save_checkpoint_steps 5000 \
	--embedding word --encoder lstm --target lm
