#!/usr/bin/env bash
# RoBERTa: predict masked tokens, masked anew in each pass. The corpus has a document a line. PRETRAINED may be a BERT.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

preprocess --dynamic_masking --target mlm
pretrain --learning_rate 1e-4 \
	--embedding word_pos_seg --encoder transformer --mask fully_visible --target mlm
