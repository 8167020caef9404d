#!/usr/bin/env bash
# GPT: predict the next token with a transformer that sees only the previous ones. The corpus has one document per line.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

preprocess --target lm
pretrain --config_path models/bert_base_config.json --learning_rate 1e-4 \
	--embedding word_pos --encoder transformer --mask causal --target lm
