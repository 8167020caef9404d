package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/encoder"
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
	return options, options.check(flags, nil)
}

func TestDefaultsAreThoseOfUERpy(t *testing.T) {
	want := map[string]string{
		"dataset_path": "dataset.pt", "config_path": "models/bert/base_config.json", "total_steps": "100000",
		"save_checkpoint_steps": "10000", "report_steps": "100", "accumulation_steps": "1", "batch_size": "32",
		"dropout": "0.1", "seed": "7", "embedding": "word_pos_seg", "max_seq_length": "512",
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

// TestHugeIntegers sets every integer to one with which memory or the number of parameters would overflow.
func TestHugeIntegers(t *testing.T) {
	for command, flags := range settings() {
		for _, flag := range flags {
			if flag.Value.Type() == "int" && flag.Name != "seed" && flag.Value.Set("4294967296") == nil {
				t.Errorf("uer %s takes --%s 4294967296", command.Name(), flag.Name)
			}
		}
	}
	for _, arguments := range [][]string{
		{"--hidden_size", "10000000"}, {"--layers_num", "100000"}, {"--threads", "100000"}, {"--span_max_length", "100000"},
	} {
		flags := pflag.NewFlagSet("pretrain", pflag.ContinueOnError)
		new(pretrainOptions).addFlags(flags)
		if err := flags.Parse(arguments); err == nil {
			t.Errorf("%v is taken", arguments)
		}
	}
}

func TestShippedConfigurations(t *testing.T) {
	masked := []string{"--target", "mlm"}
	factorized := []string{"--target", "albert", "--factorized_embedding_parameterization", "--parameter_sharing"}
	for _, test := range []struct {
		pattern string
		files   int
		flags   []string
	}{
		{"bert_*_config.json", 5, masked},
		{"bert/*_config.json", 6, masked},
		{"albert_*_config.json", 4, factorized},
		{"albert/*_config.json", 4, factorized},
		{"gpt2/*config.json", 5, []string{"--target", "lm", "--mask", "causal", "--embedding", "word_pos"}},
		{"rnn_config.json", 1, []string{"--target", "lm", "--encoder", "gru", "--embedding", "word"}},
		{"birnn_config.json", 1, []string{"--target", "bilm", "--encoder", "bilstm", "--embedding", "word"}},
		{"gatedcnn_*_config.json", 2, []string{"--target", "lm", "--encoder", "gatedcnn", "--embedding", "word"}},
		{"rnn/*_config.json", 3, nil},
		{"cnn/*_config.json", 2, nil},
	} {
		paths, err := filepath.Glob(filepath.Join("../../models", test.pattern))
		if err != nil || len(paths) != test.files {
			t.Errorf("%s: %q, %v", test.pattern, paths, err)
		}
		for _, path := range paths {
			options, err := parse(t, append([]string{"--config_path", path, "--vocab_path", "v", "--output_model_path", "m"},
				test.flags...)...)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			m := options.Model
			if encoder.ByName[m.Encoder].Reads("heads_num") && (m.FeedForwardSize != 4*m.HiddenSize || m.HiddenSize%m.HeadsNumber != 0) {
				t.Errorf("%s: %+v", path, m)
			}
		}
	}
}

// TestNewerConfigurations reads configurations in the form of newer versions of UER-py.
func TestNewerConfigurations(t *testing.T) {
	const sizes = `{"emb_size": 8, "feedforward_size": 16, "hidden_size": 8, "hidden_act": "relu", "heads_num": 2, "layers_num": 2,
		"dropout": 0.1, "max_seq_length": 16, `
	for _, test := range []struct{ text, want string }{
		{sizes + `"data_processor": "bert", "embedding": ["word", "pos", "seg"], "encoder": "transformer", "mask": "fully_visible",
			"target": ["mlm", "sp"], "tie_weights": true}`, "bert word_pos_seg transformer fully_visible tied"},
		{sizes + `"data_processor": "mlm", "embedding": ["word", "pos", "seg"], "encoder": "transformer", "mask": "fully_visible",
			"target": ["mlm"], "tie_weights": true}`, "mlm word_pos_seg transformer fully_visible tied"},
		{sizes + `"factorized_embedding_parameterization": true, "parameter_sharing": true, "data_processor": "albert",
			"embedding": ["word", "pos", "seg"], "encoder": "transformer", "mask": "fully_visible", "target": ["mlm", "sp"],
			"tie_weights": true}`, "albert word_pos_seg transformer fully_visible tied"},
		{sizes + `"data_processor": "lm", "embedding": ["word", "pos"], "remove_embedding_layernorm": true,
			"encoder": "transformer", "mask": "causal", "layernorm_positioning": "pre", "target": ["lm"], "tie_weights": true}`,
			"lm word_pos transformer causal tied pre"},
		{sizes + `"data_processor": "t5", "embedding": ["word"], "share_embedding": true, "remove_embedding_layernorm": true,
			"relative_position_embedding": true, "remove_attention_scale": true, "tgt_embedding": ["word"],
			"encoder": "transformer", "mask": "fully_visible", "layernorm_positioning": "pre", "feed_forward": "gated",
			"layernorm": "t5", "remove_transformer_bias": true, "decoder": "transformer", "decoder_layers_num": 3,
			"attention_head_size": 4, "has_lmtarget_bias": false, "target": ["lm"], "tie_weights": false}`,
			"t5 word transformer fully_visible pre 3 layers"},
		{sizes + `"data_processor": "mt", "embedding": ["word", "sinusoidalpos"], "tgt_embedding": ["word", "sinusoidalpos"],
			"remove_embedding_layernorm": true, "encoder": "transformer", "mask": "fully_visible", "layernorm_positioning": "pre",
			"decoder": "transformer", "target": ["lm"], "tgt_vocab_path": "v"}`,
			"seq2seq word_sinusoidalpos transformer fully_visible pre"},
		{`{"emb_size": 8, "hidden_size": 8, "layers_num": 2, "dropout": 0.1, "data_processor": "bilm", "embedding": ["word"],
			"remove_embedding_layernorm": true, "encoder": "bilstm", "target": ["bilm"]}`, "bilm word bilstm fully_visible"},
		{`{"emb_size": 8, "hidden_size": 8, "layers_num": 2, "kernel_size": 4, "block_size": 2, "dropout": 0.1,
			"data_processor": "lm", "embedding": ["word"], "remove_embedding_layernorm": true, "encoder": "gatedcnn",
			"target": ["lm"]}`, "lm word gatedcnn fully_visible"},
	} {
		path := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(path, []byte(test.text), 0o666); err != nil {
			t.Fatal(err)
		}
		options, err := parse(t, "--config_path", path, "--vocab_path", "v", "--output_model_path", "m")
		if err != nil {
			t.Errorf("%s: %v", test.want, err)
			continue
		}
		m := options.Model
		got := fmt.Sprintf("%s %s %s %s", m.Target, m.Embedding, m.Encoder, m.Mask)
		if m.TieWeights {
			got += " tied"
		}
		if m.LayerNormPositioning == "pre" {
			got += " pre"
		}
		if m.DecoderLayers > 0 {
			got += fmt.Sprintf(" %d layers", m.DecoderLayers)
		}
		if got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
