#!/usr/bin/env bash
# RoBERTa: predict masked tokens, with new masks in each pass. The corpus has one document per line. PRETRAINED may be a BERT
# model.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

preprocess --dynamic_masking --target mlm
pretrain --learning_rate 1e-4 \
	--embedding word_pos_seg --encoder transformer --mask fully_visible --target mlm
