package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"uer/internal/config"
)

// TestRecipes reads the commands of UER-py's documented recipes, with the paths of the demo, and with the ranks of eight
// GPUs on the CPU.
func TestRecipes(t *testing.T) {
	text, err := os.ReadFile("testdata/recipes.txt")
	if err != nil {
		t.Fatal(err)
	}
	output := t.TempDir()
	t.Chdir("../..") // the paths of configuration files start there
	paths := strings.NewReplacer("\\\n", " ", "corpora/book_review", "corpora/demo",
		"models/google_zh_vocab.txt", "models/demo_vocab.txt", "models/output_model.bin", output+"/model.bin")
	want := []string{
		"mlm dynamic", // RoBERTa
		"mlm word_pos_seg transformer fully_visible 12 x 768 at 0.0001",
		"mlm dynamic",
		"mlm word_pos_seg transformer fully_visible 12 x 768 at 2e-05 from models/google_zh_model.bin",
		"albert", // ALBERT
		"albert word_pos_seg transformer fully_visible 12 x 768 at 0.0001 factorized shared",
		"albert",
		"albert word_pos_seg transformer fully_visible 12 x 768 at 2e-05 factorized shared from models/google_zh_albert_base_model.bin",
		"albert word_pos_seg transformer fully_visible 12 x 4096 at 2e-05 factorized shared from models/google_zh_albert_xxlarge_model.bin",
		"mlm spans 20 copies", // SpanBERT
		"mlm word_pos_seg bert fully_visible 12 x 768 at 0.0001 saved each 5000",
		"mlm dynamic",
		"mlm word_pos_seg transformer fully_visible 12 x 768 at 0.0001 saved each 5000 spans",
		"lm", // GPT
		"lm word_pos transformer causal 12 x 768 at 0.0001",
		"lm", // GPT-2
		"lm word_pos transformer causal 12 x 768 at 0.0001 tied pre",
		"bilm", // ELMo
		"bilm word bilstm fully_visible 2 x 1536 at 0.0005",
		"lm", // LSTM
		"lm word lstm fully_visible 2 x 512 at 0.001 saved each 5000",
		"lm", // GRU
		"lm word gru fully_visible 2 x 512 at 0.001 saved each 5000",
		"lm", // gated CNN
		"lm word gatedcnn fully_visible 9 x 807 at 0.0001 saved each 5000",
	}
	var got []string
	for command := range strings.SplitSeq(paths.Replace(string(text)), "\n") {
		words := strings.Fields(command)
		switch {
		case len(words) == 0 || words[0] == "#":
		case words[1] == "preprocess.py":
			got = append(got, describePreprocess(t, words[2:]))
		default:
			got = append(got, describePretrain(t, append(words[2:], "--device", "cpu")))
		}
	}
	for i, line := range got {
		if i >= len(want) || line != want[i] {
			t.Errorf("command %d is %q", i, line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d commands, want %d", len(got), len(want))
	}
}

func describePreprocess(t *testing.T, arguments []string) string {
	t.Helper()
	var o preprocessOptions
	flags := pflag.NewFlagSet("preprocess", pflag.ContinueOnError)
	o.addFlags(flags)
	parseFlags(t, flags, arguments)
	name, err := o.Target.resolve(flags)
	if err != nil {
		t.Fatal(err)
	}
	o.Settings.Target = name
	if _, err := readVocabularies(o, io.Discard); err != nil {
		t.Errorf("%q: %v", arguments, err)
	}
	line := name
	if o.Settings.Dynamic {
		line += " dynamic"
	}
	if m := o.Masking; m.Span && m.GeometricProbability == 0.3 && m.MaxLength == 5 {
		line += " spans"
	}
	if o.Settings.DupFactor != 5 {
		line += fmt.Sprintf(" %d copies", o.Settings.DupFactor)
	}
	return line
}

func describePretrain(t *testing.T, arguments []string) string {
	t.Helper()
	var o pretrainOptions
	flags := pflag.NewFlagSet("pretrain", pflag.ContinueOnError)
	o.addFlags(flags)
	parseFlags(t, flags, arguments)
	if err := o.check(flags, nil); err != nil {
		t.Errorf("%q: %v", arguments, err)
	}
	if !slices.Equal(o.Devices.GPURanks, []int{0, 1, 2, 3, 4, 5, 6, 7}) || o.Devices.WorldSize != 8 {
		t.Errorf("%q: ranks %v of %d", arguments, o.Devices.GPURanks, o.Devices.WorldSize)
	}
	m := o.Model
	line := fmt.Sprintf("%s %s %s %s %d x %d at %v", m.Target, m.Embedding, m.Encoder, m.Mask, m.LayersNumber, m.HiddenSize,
		o.LearningRate)
	for _, part := range []struct {
		text string
		has  bool
	}{
		{" factorized", m.FactorizedEmbeddingParameterization}, {" shared", m.ParameterSharing}, {" tied", m.TieWeights},
		{" pre", m.LayerNormPositioning == "pre" && m.RemoveEmbeddingLayerNorm},
		{fmt.Sprintf(" saved each %d", o.SaveCheckpointSteps), o.SaveCheckpointSteps != 10000},
		{" spans", o.Masking.Span && o.Masking.GeometricProbability == 0.3 && o.Masking.MaxLength == 5},
		{" from " + o.PretrainedModelPath, o.PretrainedModelPath != ""},
	} {
		if part.has {
			line += part.text
		}
	}
	return line
}

// parseFlags reads arguments and all other settings into the flags of a command.
func parseFlags(t *testing.T, flags *pflag.FlagSet, arguments []string) {
	t.Helper()
	arguments, err := config.Arguments(flags, arguments)
	if err != nil {
		t.Fatal(err)
	}
	if err := flags.Parse(arguments); err != nil {
		t.Fatal(err)
	}
	if flags.Lookup(config.ResumeFlag) != nil && flags.Changed(config.ResumeFlag) {
		return // the settings are those of a checkpoint
	}
	if err := config.Load(flags); err != nil {
		t.Fatal(err)
	}
}
