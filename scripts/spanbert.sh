#!/usr/bin/env bash
# SpanBERT: predict masked spans of tokens. The corpus has one document per line. PRETRAINED may be a BERT or RoBERTa
# model. MASKING=static masks 20 copies of the corpus in preprocess; MASKING=dynamic (the default) draws new masks in each
# pass.
source "$(dirname "${BASH_SOURCE[0]}")/recipe.sh"

spans=(--span_masking --span_geo_prob 0.3 --span_max_length 5)
training=(--learning_rate 1e-4 --total_steps 10000 --save_checkpoint_steps 5000
	--embedding word_pos_seg --encoder transformer --mask fully_visible --target mlm)

if [[ ${MASKING:-dynamic} == static ]]; then
	preprocess --dup_factor 20 "${spans[@]}" --target mlm
	pretrain "${training[@]}"
else
	preprocess --dynamic_masking --target mlm
	pretrain "${spans[@]}" "${training[@]}"
fi
