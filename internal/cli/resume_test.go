package cli

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uer/internal/checkpoint"
	"uer/internal/optimizer"
	"uer/internal/registry"
	"uer/internal/statedict"
	"uer/internal/task"
)

// resumable holds how to train a tiny model for each target, and the corpus of the demo for it.
var resumable = map[string]struct {
	corpus string
	flags  []string
}{
	"mlm":    {"demo.txt", nil},
	"bert":   {"demo_bert.txt", nil},
	"albert": {"demo_bert.txt", []string{"--factorized_embedding_parameterization", "--parameter_sharing", "--emb_size", "4"}},
	"lm": {"demo.txt", []string{"--tie_weights", "--embedding", "word_pos", "--remove_embedding_layernorm", "--mask", "causal",
		"--layernorm_positioning", "pre"}},
	"bilm":     {"demo.txt", []string{"--embedding", "word", "--encoder", "bilstm"}},
	"cls":      {"demo_cls.tsv", []string{"--labels_num", "8"}},
	"prefixlm": {"demo_cls.tsv", []string{"--mask", "causal_with_prefix"}},
	"seq2seq":  {"demo_cls.tsv", []string{"--relative_position_embedding"}},
	"t5":       {"demo.txt", []string{"--share_embedding", "--tie_weights"}},
}

// resumeVocabulary writes the demo's vocabulary with the sentinels of t5.
func resumeVocabulary(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(demoVocabulary)
	if err != nil {
		t.Fatal(err)
	}
	text = append(bytes.TrimRight(text, "\n"), '\n')
	for i := range 20 {
		text = fmt.Appendf(text, "<extra_id_%d>\n", i)
	}
	path := filepath.Join(t.TempDir(), "vocab.txt")
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// must runs a command that must succeed, and returns what it said.
func must(t *testing.T, arguments ...string) string {
	t.Helper()
	talk, code := run(arguments...)
	if code != 0 {
		t.Fatalf("%s: exit code %d: %s", strings.Join(arguments, " "), code, talk)
	}
	return talk
}

// resumeDataset makes a dataset of 23 or so instances for a target, masked while training if the target is masked.
func resumeDataset(t *testing.T, target, vocabulary string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../corpora", resumable[target].corpus))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	corpus, dataset := filepath.Join(folder, "corpus.txt"), filepath.Join(folder, "dataset.pt")
	if err := os.WriteFile(corpus, bytes.Join(bytes.SplitAfterN(text, []byte("\n"), 24)[:23], nil), 0o666); err != nil {
		t.Fatal(err)
	}
	arguments := []string{"preprocess", "--corpus_path", corpus, "--vocab_path", vocabulary, "--dataset_path", dataset,
		"--target", target, "--seq_length", "32", "--tgt_seq_length", "16"}
	if task.ByName[target].Masked {
		arguments = append(arguments, "--dynamic_masking")
	}
	if task.ByName[target].Output {
		arguments = append(arguments, "--tgt_vocab_path", vocabulary)
	}
	must(t, arguments...)
	return dataset
}

// move copies a checkpoint to a folder.
func move(t *testing.T, path, folder string) string {
	t.Helper()
	to := filepath.Join(folder, filepath.Base(path))
	for _, suffix := range []string{"", ".state"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// expectSame compares two checkpoints: the bytes of the weights, the optimizer state, and the position in the data.
func expectSame(t *testing.T, got, want string) {
	t.Helper()
	a, errA := os.ReadFile(got)
	b, errB := os.ReadFile(want)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("the weights of %s differ (%v, %v)", filepath.Base(got), errA, errB)
		return
	}
	x, err := statedict.OpenSafetensors(got + ".state")
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	y, err := statedict.OpenSafetensors(want + ".state")
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	for i := range len(y.Tensors) - 1 { // the last one holds checksums, of the settings, too
		if x.Tensors[i].Name != y.Tensors[i].Name || !bytes.Equal(x.Tensors[i].Raw, y.Tensors[i].Raw) {
			t.Errorf("%s of %s differs", x.Tensors[i].Name, filepath.Base(got))
		}
	}
	for _, name := range []string{"step", "updates", "position", "dataset"} {
		if x.Metadata[name] != y.Metadata[name] {
			t.Errorf("%s: %s is %.200s, want %.200s", filepath.Base(got), name, x.Metadata[name], y.Metadata[name])
		}
	}
}

// TestResume trains 10 steps, and again from the checkpoint after 4 to the end, with two batches an update and from the
// middle of one, with dropout, masks drawn in training, each target and optimizer, and one and two ranks. All must be the
// same to the bit.
func TestResume(t *testing.T) {
	vocabulary := resumeVocabulary(t)
	for _, target := range slices.Sorted(maps.Keys(resumable)) {
		dataset := resumeDataset(t, target, vocabulary)
		for _, name := range registry.Names(optimizer.ByName) {
			for _, ranks := range []int{1, 2} {
				if testing.Short() && (ranks == 2) != (name == "adamw") {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%d", target, name, ranks), func(t *testing.T) {
					flags := append(append([]string{"--target", target, "--vocab_path", vocabulary, "--dataset_path", dataset,
						"--optimizer", name, "--accumulation_steps", "3"}, tinyModel...), resumable[target].flags...)
					if task.ByName[target].Output {
						flags = append(flags, "--tgt_vocab_path", vocabulary)
					}
					testResume(t, ranks, flags)
				})
			}
		}
	}
	if len(resumable) != len(task.ByName) {
		t.Errorf("%d of %d targets are tested", len(resumable), len(task.ByName))
	}
}

// testResume trains without and with a stop after 4 steps.
func testResume(t *testing.T, ranks int, flags []string) {
	t.Helper()
	whole := filepath.Join(t.TempDir(), "m.bin")
	if ranks > 1 {
		flags = append(flags, "--world_size", fmt.Sprint(ranks), "--gpu_ranks", fmt.Sprintf("0..%d", ranks-1))
	}
	must(t, append([]string{"pretrain", "--device", "cpu", "--output_model_path", whole, "--total_steps", "10", "--batch_size", "2",
		"--save_checkpoint_steps", "4", "--learning_rate", "1e-2", "--dropout", "0.2"}, flags...)...)
	stopped := t.TempDir()
	from := move(t, checkpoint.Path(whole, 4), stopped)
	talk := must(t, "pretrain", "--resume", from)
	if !strings.Contains(talk, "Resume   "+from+": step 3 of 10\n") {
		t.Errorf("it said %s", talk)
	}
	for _, step := range []int{8, 10} {
		expectSame(t, checkpoint.Path(filepath.Join(stopped, "m.bin"), step), checkpoint.Path(whole, step))
	}
}

// TestResumeInUERsOrder does the same with datasets by UER-py, and with its buffer.
func TestResumeInUERsOrder(t *testing.T) {
	for _, file := range []string{"mlm_dynamic", "bert_static"} {
		for _, ranks := range []int{1, 2} {
			for _, buffer := range []string{"0", "5"} {
				target, _, _ := strings.Cut(file, "_")
				flags := append([]string{"--target", target, "--vocab_path", "testdata/golden/vocab.txt",
					"--dataset_path", filepath.Join("testdata", "golden", file+".pt"), "--instances_buffer_size", buffer}, tinyModel...)
				t.Run(fmt.Sprintf("%s/%d/%s", file, ranks, buffer), func(t *testing.T) { testResume(t, ranks, append(flags, "--accumulation_steps", "3")) })
			}
		}
	}
}
