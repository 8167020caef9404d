package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inferenceGolden is what the scripts of UER-py (May 2024) compute with the golden models of package model: extract_features.py
// ("embed"), cloze_test.py ("fill"), generate_lm.py with --top_k 1 ("generate") and topn_words_indep.py ("nearest"). The
// sums of negative log likelihoods ("score") were computed with the models of the two scripts. generate_seq2seq.py with
// --top_k 1 ("answer") is that of UER-py's commit ed0a7a9 of April 2021.
type inferenceGolden struct {
	Lines  map[string][]string
	Models map[string]struct {
		Embed    map[string][][]float64 // by pooling
		Fill     [][][][2]any           // of lines, masks, and the likeliest tokens with their probabilities
		Generate []string
		Answer   []string
		Score    []float64
		Nearest  [][][2]any
	}
}

// inferenceFlags are the settings of the golden models, which have the sizes of flagsOfGolden.
var inferenceFlags = map[string]string{
	"roberta": "--target mlm",
	"bert":    "--target bert",
	"albert": "--target albert --emb_size 16 --hidden_act relu --factorized_embedding_parameterization " +
		"--parameter_sharing",
	"gpt": "--target lm --embedding word_pos --mask causal",
	"gpt2": "--target lm --embedding word_pos --mask causal --layernorm_positioning pre --tie_weights " +
		"--remove_embedding_layernorm",
	"lstm_lm":  "--target lm --embedding word --encoder lstm",
	"gru_lm":   "--target lm --embedding word --encoder gru",
	"x_rnn_lm": "--target lm --embedding word --encoder rnn",
	"x_seq2seq": "--target seq2seq --embedding word_sinusoidalpos --tgt_embedding word_sinusoidalpos " +
		"--tgt_vocab_path testdata/golden/vocab.txt",
	"x_t5": "--target t5 --embedding word --tgt_embedding word --hidden_act relu --layernorm_positioning pre --layernorm t5 " +
		"--tie_weights --share_embedding --relative_position_embedding --remove_embedding_layernorm " +
		"--remove_transformer_bias --remove_attention_scale",
	"gatedcnn_lm": "--target lm --embedding word --encoder gatedcnn --emb_size 16 --layers_num 5 --kernel_size 4 --block_size 2",
}

const sizesOfGolden = "--emb_size 32 --hidden_size 32 --feedforward_size 64 --heads_num 2 --layers_num 2 --max_seq_length 40 " +
	"--hidden_act gelu --device cpu --vocab_path testdata/golden/vocab.txt"

// runs a command on lines with a golden model, and decodes the lines of JSON that it prints.
func inferGolden[T any](t *testing.T, command, model string, lines []string, flags string) []T {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lines.txt")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o666); err != nil {
		t.Fatal(err)
	}
	arguments := append([]string{command, "--load_model_path", "../model/testdata/" + model + "/init.bin", "--test_path", path,
		"--config_path", ""}, strings.Fields(sizesOfGolden+" "+inferenceFlags[model]+" "+flags)...)
	var out, status bytes.Buffer
	if code := Main(arguments, Streams{Out: &out, Err: &status}); code != 0 {
		t.Fatalf("%v: exit code %d\n%s", arguments, code, &status)
	}
	var results []T
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var result T
		if err := decoder.Decode(&result); err != nil {
			t.Fatal(err)
		}
		results = append(results, result)
	}
	if len(results) != len(lines) {
		t.Fatalf("%s: %d results of %d lines", command, len(results), len(lines))
	}
	return results
}

func readInferenceGolden(t *testing.T) (golden inferenceGolden) {
	t.Helper()
	data, err := os.ReadFile("testdata/inference.json")
	if err == nil {
		err = json.Unmarshal(data, &golden)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(golden.Models) != len(inferenceFlags) {
		t.Fatalf("%d golden models, flags of %d", len(golden.Models), len(inferenceFlags))
	}
	return golden
}

// difference is the largest difference so far.
type difference float64

func (d *difference) add(got, want float64) {
	if x := math.Abs(got - want); x > float64(*d) || math.IsNaN(x) {
		*d = difference(x)
	}
}

func (d difference) check(t *testing.T, what string, tolerance float64) {
	t.Helper()
	t.Logf("%s: largest difference from UER-py %.1e", what, float64(d))
	if !(float64(d) <= tolerance) {
		t.Errorf("%s differs from UER-py by %g", what, float64(d))
	}
}

func TestEmbedEqualsUER(t *testing.T) {
	golden := readInferenceGolden(t)
	for name, m := range golden.Models {
		for pooling, want := range m.Embed {
			var d difference
			for i, got := range inferGolden[vectorJSON](t, "embed", name, golden.Lines["embed"], "--pooling "+pooling) {
				for j, x := range want[i] {
					d.add(float64(got.Vector[j]), x)
				}
			}
			d.check(t, name+" "+pooling, 2e-6)
		}
	}
}

func TestFillEqualsUER(t *testing.T) {
	golden := readInferenceGolden(t)
	for name, m := range golden.Models {
		if m.Fill == nil {
			continue
		}
		var d difference
		for i, got := range inferGolden[filledJSON](t, "fill", name, golden.Lines["fill"], "--json --topn 5") {
			if len(got.Masks) != len(m.Fill[i]) {
				t.Fatalf("%d masks of %d", len(got.Masks), len(m.Fill[i]))
			}
			for j, mask := range got.Masks {
				for k, c := range mask.Candidates {
					want := m.Fill[i][j][k]
					if c.Token != want[0] {
						t.Errorf("%s, line %d, mask %d: %q is number %d, not %q", name, i, j, c.Token, k, want[0])
					}
					d.add(c.Probability, want[1].(float64))
				}
			}
		}
		d.check(t, name, 1e-7)
	}
}

func TestScoreEqualsUER(t *testing.T) {
	golden := readInferenceGolden(t)
	for name, m := range golden.Models {
		if m.Score == nil {
			continue
		}
		var d difference
		for i, got := range inferGolden[scoreJSON](t, "score", name, golden.Lines["score"], "--json") {
			d.add(got.Negative, m.Score[i])
		}
		d.check(t, name, 1e-5)
	}
}

// TestGenerateEqualsUER: greedy texts are those of UER-py, which goes on after the end of a text.
func TestGenerateEqualsUER(t *testing.T) {
	golden := readInferenceGolden(t)
	for name, m := range golden.Models {
		if m.Generate == nil {
			continue
		}
		lines := golden.Lines["generate"]
		for i, got := range inferGolden[generatedJSON](t, "generate", name, lines, "--json --temperature 0 --seq_length 40") {
			want, _, ended := strings.Cut(m.Generate[i], "[SEP]")
			if text := "[CLS]" + lines[i] + strings.Join(got.Tokens, ""); text != want || !ended && len(got.Tokens) < 30 {
				t.Errorf("%s: %q, UER-py writes %q", name, text, m.Generate[i])
			}
		}
	}
}

// TestAnswersEqualUER: greedy texts of decoders are those of UER-py, also from a source that is cut.
func TestAnswersEqualUER(t *testing.T) {
	golden := readInferenceGolden(t)
	for name, m := range golden.Models {
		if m.Answer == nil {
			continue
		}
		const flags = "--json --temperature 0 --seq_length 40 --tgt_seq_length 20"
		for i, got := range inferGolden[generatedJSON](t, "generate", name, golden.Lines["answer"], flags) {
			want, _, _ := strings.Cut(m.Answer[i], "[SEP]")
			if text := "[CLS]" + strings.Join(got.Tokens, ""); text != want {
				t.Errorf("%s: %q, UER-py writes %q", name, text, m.Answer[i])
			}
		}
	}
}

func TestNearestEqualsUER(t *testing.T) {
	golden := readInferenceGolden(t)
	words := golden.Lines["nearest"]
	arguments := append([]string{"nearest"}, words...)
	arguments = append(arguments, strings.Fields("--load_model_path ../model/testdata/roberta/init.bin --topn 5 --json "+
		"--vocab_path testdata/golden/vocab.txt")...)
	var out, status bytes.Buffer
	if code := Main(arguments, Streams{Out: &out, Err: &status}); code != 0 {
		t.Fatalf("exit code %d\n%s", code, &status)
	}
	decoder := json.NewDecoder(&out)
	var d difference
	for i, word := range words {
		var got nearestJSON
		if err := decoder.Decode(&got); err != nil {
			t.Fatal(err)
		}
		for j, other := range got.Nearest {
			want := golden.Models["roberta"].Nearest[i][j]
			if got.Word != word || other.Token != want[0] {
				t.Errorf("%s: number %d is %q, not %v", word, j, other.Token, want[0])
			}
			d.add(other.Cosine, want[1].(float64))
		}
	}
	d.check(t, fmt.Sprint(words), 1e-6)
}
