package cli

import (
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"

	"uer/internal/config"
)

// parse reads and checks the flags of pretrain as the command does.
func parse(t *testing.T, arguments ...string) (*pretrainOptions, error) {
	t.Helper()
	options := &pretrainOptions{}
	flags := pflag.NewFlagSet("pretrain", pflag.ContinueOnError)
	options.addFlags(flags)
	arguments, err := config.Arguments(flags, arguments)
	if err != nil {
		t.Fatal(err)
	}
	if err := flags.Parse(arguments); err != nil {
		t.Fatal(err)
	}
	if err := config.Load(flags); err != nil {
		return options, err
	}
	return options, options.check(flags)
}

func TestDefaultsAreThoseOfUERpy(t *testing.T) {
	want := map[string]string{
		"dataset_path": "dataset.pt", "config_path": "models/bert/base_config.json", "total_steps": "100000",
		"save_checkpoint_steps": "10000", "report_steps": "100", "accumulation_steps": "1", "batch_size": "32",
		"instances_buffer_size": "25600", "dropout": "0.1", "seed": "7", "embedding": "word_pos_seg", "max_seq_length": "512",
		"encoder": "transformer", "mask": "fully_visible", "learning_rate": "2e-05", "warmup": "0.1", "optimizer": "adamw",
		"scheduler": "linear", "weight_decay": "0.01", "clip_grad_norm": "0", "beta1": "0.9", "beta2": "0.999",
		"span_geo_prob": "0.2", "span_max_length": "10", "world_size": "1", "gpu_ranks": "",
		"master_ip": "tcp://localhost:12345", "backend": "nccl", "tie_weights": "false", "span_masking": "false",
		"target": "bert", "pooling": "first", "tgt_embedding": "word_pos_seg", "layernorm_positioning": "post",
		"layernorm": "normal", "feed_forward": "dense", "relative_attention_buckets_num": "32",
	}
	flags := pflag.NewFlagSet("pretrain", pflag.ContinueOnError)
	new(pretrainOptions).addFlags(flags)
	for name, value := range want {
		if flag := flags.Lookup(name); flag == nil || flag.DefValue != value {
			t.Errorf("%s: got %+v, want %q", name, flag, value)
		}
	}

	want = map[string]string{
		"dataset_path": "dataset.pt", "tokenizer": "bert", "processes_num": "1", "docs_buffer_size": "100000",
		"seq_length": "128", "dup_factor": "5", "full_sentences": "false", "seed": "7", "dynamic_masking": "false",
		"span_masking": "false", "span_geo_prob": "0.2", "span_max_length": "10", "target": "bert", "tgt_tokenizer": "bert",
		"tgt_seq_length": "128", "short_seq_prob": "0.1",
	}
	flags = pflag.NewFlagSet("preprocess", pflag.ContinueOnError)
	new(preprocessOptions).addFlags(flags)
	for name, value := range want {
		if flag := flags.Lookup(name); flag == nil || flag.DefValue != value {
			t.Errorf("%s: got %+v, want %q", name, flag, value)
		}
	}
}

func TestShippedConfigurations(t *testing.T) {
	paths, err := filepath.Glob("../../models/bert*/*_config.json")
	if err != nil {
		t.Fatal(err)
	}
	flat, err := filepath.Glob("../../models/bert_*_config.json")
	if err != nil || len(paths) != 6 || len(flat) != 5 {
		t.Fatalf("found %q and %q, %v", paths, flat, err)
	}
	for _, path := range append(paths, flat...) {
		options, err := parse(t, "--config_path", path, "--vocab_path", "v", "--output_model_path", "m", "--target", "mlm")
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		m := options.Model
		if m.FeedForwardSize != 4*m.HiddenSize || m.HiddenSize != m.EmbeddingSize || m.HiddenSize%m.HeadsNumber != 0 ||
			m.MaxSequenceLength != 512 || m.HiddenActivation != "gelu" || m.Dropout != 0.1 {
			t.Errorf("%s: %+v", path, m)
		}
	}
}
