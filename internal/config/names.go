package config

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// uerNames are the flags and keys of UER-py, of any version. One that a command does not have gets a different hint
// from one that is misspelt.
var uerNames = strings.Fields(`
	attention_head_size backend batch_size bidirectional block_size config_path corpus_path data_processor dataset_path
	decoder decoder_layers_num deep_init deepspeed deepspeed_config do_lower_case docs_buffer_size dropout dup_factor
	dynamic_masking emb_size embedding encoder factorized_embedding_parameterization feed_forward feedforward_size fp16
	fp16_opt_level full_sentences gpu_ranks has_lmtarget_bias has_residual_attention heads_num hidden_act hidden_size
	instances_buffer_size kernel_size labels_num layernorm layernorm_positioning layers_num learning_rate
	log_file_level log_level log_path lr_decay mask master_ip max_seq_length merges_path optimizer output_model_path
	parameter_sharing pooling prefix_lm_loss pretrained_model_path processes_num relative_attention_buckets_num
	relative_position_embedding remove_attention_scale remove_embedding_layernorm remove_transformer_bias report_steps
	save_checkpoint_steps scheduler seed sentence_selection_strategy seq_length share_embedding short_seq_prob
	span_geo_prob span_masking span_max_length spm_model_path target tgt_do_lower_case tgt_embedding tgt_merges_path
	tgt_seq_length tgt_spm_model_path tgt_tokenizer tgt_vocab_path tie_weights tokenizer total_steps vocab_path warmup
	weight_decay whole_word_masking world_size`)

// huggingFaceNames are keys that a configuration of Hugging Face holds and one of UER-py never does.
var huggingFaceNames = strings.Fields(`
	num_hidden_layers num_attention_heads intermediate_size model_type architectures n_layer n_head n_embd vocab_size`)

// missing says what to do about a name that the command has no flag for, "" if nothing comes to mind. The prefix is
// what the user writes before a name.
func missing(flags *pflag.FlagSet, name, prefix string) string {
	if slices.Contains(uerNames, name) {
		return "UER-py has it, this command of uer does not"
	}
	closest, least := "", 3
	flags.VisitAll(func(flag *pflag.Flag) {
		if d := distance(name, flag.Name); d < least && GroupOf(flag) != "" {
			closest, least = flag.Name, d
		}
	})
	if closest == "" {
		return ""
	}
	return "did you mean " + prefix + closest + "?"
}

// distance is the number of letters to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // distances of the prefix of a to each prefix of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitution := diagonal
			if a[i] != b[j] {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitution, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
