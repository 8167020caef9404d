#!/usr/bin/env bash
# BERT: predict masked tokens, and whether the second segment of an instance follows the first. The corpus has one sentence
# per line and a blank line after each document. PRETRAINED may be a RoBERTa model.
demo=corpora/demo_bert.txt
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

preprocess --dynamic_masking --target bert
pretrain --learning_rate 1e-4 \
	--embedding word_pos_seg --encoder transformer --mask fully_visible --target bert
