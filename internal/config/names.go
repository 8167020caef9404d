package config

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// uerNames are the flags and keys of all versions of UER-py. One that a command lacks gets a different hint from one
// that is misspelt.
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

// huggingFaceNames are keys found in Hugging Face configurations and never in UER-py's.
var huggingFaceNames = strings.Fields(`
	num_hidden_layers num_attention_heads intermediate_size model_type architectures n_layer n_head n_embd vocab_size`)

// suggestion returns a hint about a name for which the command has no flag, "" if there is none. The prefix is what the
// user types before a name.
func suggestion(flags *pflag.FlagSet, name, prefix string) string {
	if slices.Contains(uerNames, name) {
		return "UER-py has it, but this command does not"
	}
	if found := closest(name, settingNames(flags)); found != "" {
		return "did you mean " + prefix + found + "?"
	}
	return ""
}

// settingNames returns the names of the flags of a command that are settings.
func settingNames(flags *pflag.FlagSet) []string {
	var names []string
	flags.VisitAll(func(flag *pflag.Flag) {
		if GroupOf(flag) != "" {
			names = append(names, flag.Name)
		}
	})
	return names
}

// closest returns the name that was probably meant, "" if none is close.
func closest(typed string, names []string) string {
	found, smallest := "", 3 // names further apart than 2 are not a typing error
	for _, name := range names {
		if d := distance(typed, name); d < smallest && d < len(typed) {
			found, smallest = name, d
		}
	}
	return found
}

// distance is the Levenshtein distance: the number of bytes to insert, delete or replace to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // distances between the current prefix of a and each prefix of b
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
