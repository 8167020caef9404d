package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uer/internal/statedict"
)

// demoVocabulary is the vocabulary of the demo, for sources and targets.
const demoVocabulary = "../../models/demo_vocab.txt"

// tinyModel holds the sizes of a model that trains in no time.
var tinyModel = []string{"--config_path", "", "--emb_size", "8", "--hidden_size", "8", "--feedforward_size", "12",
	"--heads_num", "2", "--layers_num", "2", "--hidden_act", "gelu", "--max_seq_length", "32"}

// trainings holds, by recipe, how to train a tiny model: the target, then further flags.
var trainings = map[string][]string{
	"roberta": {"mlm"},
	"bert":    {"bert"},
	"albert":  {"albert", "--factorized_embedding_parameterization", "--parameter_sharing", "--emb_size", "4"},
	"gpt2": {"lm", "--tie_weights", "--embedding", "word_pos", "--remove_embedding_layernorm", "--mask", "causal",
		"--layernorm_positioning", "pre"},
	"elmo": {"bilm", "--embedding", "word", "--encoder", "bilstm"},
	"cls":  {"cls", "--labels_num", "8", "--embedding", "word", "sinusoidalpos"},
	"mt":   {"seq2seq", "--tgt_vocab_path", demoVocabulary, "--relative_position_embedding"},
}

// pretrained trains a step and returns the checkpoint and what was said.
func pretrained(t *testing.T, name string, arguments ...string) (path, talk string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	target, flags := trainings[name][0], trainings[name][1:]
	talk, code := run(append(append([]string{"pretrain", "--vocab_path", demoVocabulary, "--dataset_path", demoDataset(t, target),
		"--output_model_path", path, "--target", target, "--total_steps", "1", "--batch_size", "4"},
		append(tinyModel, flags...)...), arguments...)...)
	if code != 0 {
		t.Fatalf("%s: exit code %d: %s", name, code, talk)
	}
	return path + "-1", talk
}

// demoDataset preprocesses a few documents of the demo.
func demoDataset(t *testing.T, target string) string {
	t.Helper()
	folder := t.TempDir()
	corpus, dataset := filepath.Join(folder, "corpus.txt"), filepath.Join(folder, "dataset.pt")
	source := map[string]string{"bert": "demo_bert.txt", "albert": "demo_bert.txt", "cls": "demo_cls.tsv", "seq2seq": "demo_cls.tsv"}[target]
	if source == "" {
		source = "demo.txt"
	}
	text, err := os.ReadFile(filepath.Join("../../corpora", source))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(corpus, bytes.Join(bytes.SplitAfterN(text, []byte("\n"), 20)[:19], nil), 0o666); err != nil {
		t.Fatal(err)
	}
	arguments := []string{"preprocess", "--corpus_path", corpus, "--vocab_path", demoVocabulary, "--dataset_path", dataset,
		"--target", target, "--seq_length", "32", "--tgt_seq_length", "16"}
	if target == "seq2seq" {
		arguments = append(arguments, "--tgt_vocab_path", demoVocabulary)
	}
	talk, code := run(arguments...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, talk)
	}
	return dataset
}

// run runs a command and returns what it wrote to its standard error, and its exit code.
func run(arguments ...string) (talk string, code int) {
	var out, err bytes.Buffer
	code = Main(arguments, Streams{Out: &out, Err: &err})
	return err.String(), code
}

// TestContinue starts from checkpoints of the same model and of others, and reads how many tensors were of use.
func TestContinue(t *testing.T) {
	for _, test := range []struct {
		from, to string
		want     []string // after "Weights  PATH: "
	}{
		// Of 5 of the embedding, 16 a layer and 6 of mlm; bert has 4 more.
		{"bert", "roberta", []string{"43 of 43 tensors",
			"4 in the file, not used: target.nsp_linear_1.weight, target.nsp_linear_1.bias, target.nsp_linear_2.weight, target.nsp_linear_2.bias"}},
		{"roberta", "bert", []string{"43 of 47 tensors",
			"4 not in the file, initialised: target.nsp_linear_1.weight, target.nsp_linear_1.bias, target.nsp_linear_2.weight, target.nsp_linear_2.bias"}},
		{"bert", "bert", []string{"47 of 47 tensors"}},
		{"albert", "albert", []string{"33 of 33 tensors"}},
		{"gpt2", "gpt2", []string{"36 of 36 tensors"}}, // The tied one counts once.
	} {
		t.Run(test.from+" to "+test.to, func(t *testing.T) {
			path, _ := pretrained(t, test.from)
			_, talk := pretrained(t, test.to, "--pretrained_model_path", path)
			if got := weights(talk); got != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, strings.Join(test.want, "\n"))
			}
		})
	}
}

// weights is what a training said about the tensors that it began with.
func weights(talk string) string {
	_, talk, _ = strings.Cut(talk, "Weights  ")
	talk, _, _ = strings.Cut(talk, "\nData ")
	_, talk, _ = strings.Cut(talk, ": ")
	return strings.ReplaceAll(talk, "\n         ", "\n")
}

// newerNames are the names that later versions of UER-py give the tensors of trainings, by the year of the change.
var newerNames = map[string]*strings.Replacer{
	"2022": strings.NewReplacer(
		"target.embedding.", "tgt_embedding.",
		"target.decoder.", "decoder.",
		"target.nsp_linear_", "target.sp_linear_",
		"target.sop_linear_", "target.sp_linear_",
	),
	"2023": strings.NewReplacer(
		"target.embedding.word_embedding.", "tgt_embedding.word.embedding.",
		"target.embedding.position_embedding.", "tgt_embedding.pos.embedding.",
		"target.embedding.segment_embedding.", "tgt_embedding.seg.embedding.",
		"target.embedding.layer_norm.", "tgt_embedding.layer_norm.",
		"target.decoder.", "decoder.",
		"embedding.word_embedding.", "embedding.word.embedding.",
		"embedding.position_embedding.", "embedding.pos.embedding.",
		"embedding.segment_embedding.", "embedding.seg.embedding.",
		"embedding.pe", "embedding.sinusoidalpos.pe",
		"target.mlm_linear_", "target.mlm.linear_",
		"target.layer_norm.", "target.mlm.layer_norm.",
		"target.nsp_linear_", "target.sp.linear_",
		"target.sop_linear_", "target.sp.linear_",
		"target.linear_", "target.cls.linear_",
	),
}

// TestNewerNames continues from checkpoints with the names that newer versions of UER-py give their tensors.
func TestNewerNames(t *testing.T) {
	for name := range trainings {
		if testing.Short() && name != "bert" && name != "mt" {
			continue
		}
		path, _ := pretrained(t, name, "--checkpoint_names", "2021")
		for year, names := range newerNames {
			t.Run(name+" "+year, func(t *testing.T) { testNewerNames(t, name, path, year, names) })
		}
	}
}

func testNewerNames(t *testing.T, name, path, year string, names *strings.Replacer) {
	tensors, err := statedict.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	output := "target.output_layer."
	switch {
	case year == "2023" && name == "elmo":
		output = "target.bilm.output_layer."
	case year == "2023":
		output = "target.lm.output_layer."
	}
	for i := range tensors {
		tensors[i].Name = names.Replace(strings.Replace(tensors[i].Name, "target.output_layer.", output, 1))
	}
	_, talk := pretrained(t, name, "--pretrained_model_path", write(t, tensors))
	if got, want := weights(talk), fmt.Sprintf("%d of %[1]d tensors", distinct(tensors)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// distinct counts tensors; shared ones count once.
func distinct(tensors []statedict.Tensor) int {
	seen := map[*float32]bool{}
	for _, tensor := range tensors {
		seen[&tensor.Data[0]] = true
	}
	return len(seen)
}

// TestUselessCheckpoints refuses files of something else.
func TestUselessCheckpoints(t *testing.T) {
	path, _ := pretrained(t, "roberta", "--checkpoint_names", "2021")
	tensors, err := statedict.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	shape := tensors[0].Shape
	tensors[0].Shape = []int{shape[1], shape[0]}
	otherShape := write(t, tensors)
	tensors[0].Shape = shape
	for i := range tensors {
		tensors[i].Name = "bert." + tensors[i].Name
	}
	for _, test := range []struct{ path, want, hint string }{
		{write(t, tensors), "no tensor of this model: it holds bert.embedding.word_embedding.weight, the model has embedding.word_embedding.weight",
			"give a state dict of UER-py, TencentPretrain or uer, or a BERT,"},
		{otherShape, "embedding.word_embedding.weight is 8x1748, the model has 1748x8",
			"the file is of a model of other sizes"},
	} {
		output := filepath.Join(t.TempDir(), "m.bin")
		talk, code := run(append([]string{"pretrain", "--vocab_path", demoVocabulary, "--dataset_path", demoDataset(t, "mlm"),
			"--output_model_path", output, "--target", "mlm", "--pretrained_model_path", test.path}, tinyModel...)...)
		if code != 1 || !strings.Contains(talk, "uer: error: "+test.path+": "+test.want+"\n") || !strings.Contains(talk, "hint: "+test.hint) {
			t.Errorf("exit code %d: %s; want %s", code, talk, test.want)
		}
	}
	var out bytes.Buffer
	if code := Main([]string{"inspect", write(t, tensors)}, Streams{Out: &out, Err: &out}); code != 0 ||
		!strings.HasPrefix(out.String(), "Kind        model of a program that uer does not read the models of\n") {
		t.Errorf("exit code %d: %s", code, out.String())
	}
}

// TestModelsAtWorkNeedOneHead: what nothing depends on may be missing, and is not said to be initialised.
func TestModelsAtWorkNeedOneHead(t *testing.T) {
	path, _ := pretrained(t, "albert", "--checkpoint_names", "2021")
	tensors, err := statedict.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	tensors = slices.DeleteFunc(tensors, func(t statedict.Tensor) bool { return strings.HasPrefix(t.Name, "target.sop_") })
	lines := filepath.Join(t.TempDir(), "lines.txt")
	if err := os.WriteFile(lines, []byte("天气\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	arguments := append([]string{"score", "--load_model_path", write(t, tensors), "--vocab_path", demoVocabulary, "--test_path", lines,
		"--target", "albert"}, tinyModel...)
	talk, code := run(append(arguments, trainings["albert"][1:]...)...)
	if code != 0 || !strings.Contains(talk, ": 29 of 29 tensors\nRun ") {
		t.Errorf("exit code %d: %s", code, talk)
	}
}

// write makes a state dict of PyTorch.
func write(t *testing.T, tensors []statedict.Tensor) string {
	t.Helper()
	var data bytes.Buffer
	if err := statedict.Write(&data, tensors); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.bin")
	if err := os.WriteFile(path, data.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}
