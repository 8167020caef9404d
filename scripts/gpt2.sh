#!/usr/bin/env bash
# GPT-2: GPT with normalisation before attention and feed-forward, and the word table as the output layer. The corpus has one
# document per line.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

preprocess --target lm
pretrain --config_path models/bert_base_config.json --learning_rate 1e-4 --tie_weights \
	--embedding word_pos --remove_embedding_layernorm \
	--encoder transformer --mask causal --layernorm_positioning pre --target lm
