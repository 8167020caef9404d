#!/usr/bin/env bash
# ALBERT: predict masked tokens and the order of two passages, with one set of parameters for all layers. The corpus has the
# same form as for BERT. CONFIG selects another size: models/albert_{base,large,xlarge,xxlarge}_config.json.
demo=corpora/demo_bert.txt
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

preprocess --target albert
pretrain --config_path models/albert_base_config.json --learning_rate 1e-4 \
	--factorized_embedding_parameterization --parameter_sharing \
	--embedding word_pos_seg --encoder transformer --mask fully_visible --target albert
