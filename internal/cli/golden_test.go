package cli

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uer/internal/kernel"
	"uer/internal/statedict"
)

const goldenRate = 1e-4

// goldenRuns holds the datasets and flags of UER-py's runs.
var goldenRuns = map[string]struct {
	dataset   string
	arguments []string
}{
	"roberta": {"mlm_dynamic.pt", []string{"--embedding", "word_pos_seg", "--mask", "fully_visible", "--target", "mlm"}},
	"bert":    {"bert_static.pt", []string{"--embedding", "word_pos_seg", "--mask", "fully_visible", "--target", "bert"}},
	"gpt2": {"lm.pt", []string{"--tie_weight", "--embedding", "word_pos", "--remove_embedding_layernorm",
		"--mask", "causal", "--layernorm_positioning", "pre", "--target", "lm"}},
}

// TestGoldenRuns trains as UER-py did, from its dataset and initial parameters, with its seed, with every instruction set
// (in short mode, the best one). Shuffles, masks and report lines must be the same, and within rounding the checkpoints
// after 10 and 20 steps.
func TestGoldenRuns(t *testing.T) {
	sets := kernel.InstructionSets()
	if testing.Short() {
		sets = sets[:1]
	}
	for _, set := range sets {
		for name := range goldenRuns {
			t.Run(set+"/"+name, func(t *testing.T) {
				t.Setenv("UER_CPU", set)
				compareRun(t, set, name)
			})
		}
	}
}

func compareRun(t *testing.T, set, name string) {
	run, golden := goldenRuns[name], filepath.Join("testdata", "golden")
	prefix := filepath.Join(t.TempDir(), "model.bin")
	var out, talk bytes.Buffer
	code := Main(append([]string{"pretrain", "--dataset_path", filepath.Join(golden, run.dataset),
		"--vocab_path", filepath.Join(golden, "vocab.txt"),
		"--config_path", filepath.Join(golden, name, "config.json"),
		"--pretrained_model_path", filepath.Join("..", "model", "testdata", name, "init.bin"), "--output_model_path", prefix,
		"--encoder", "transformer", "--learning_rate", fmt.Sprint(goldenRate), "--weight_decay", "0", "--batch_size", "4",
		"--checkpoint_names", "2021", "--total_steps", "20", "--report_steps", "5", "--save_checkpoint_steps", "10"}, run.arguments...),
		Streams{Out: &out, Err: &talk})
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, talk.String())
	}
	if !strings.Contains(talk.String(), "CPU ("+set+",") {
		t.Errorf("it does not say that it uses %s: %s", set, talk.String())
	}
	want, err := os.ReadFile(filepath.Join(golden, name, "stdout.txt"))
	if err != nil {
		t.Fatal(err)
	}
	compareLines(t, out.String(), string(want))
	for _, step := range []string{"-10", "-20"} {
		compareCheckpoints(t, prefix+step, filepath.Join(golden, name, "model.bin"+step), 0.02*goldenRate)
	}
}

var speed = regexp.MustCompile(`\d+\.\d\d tokens/s`)

// compareLines checks that the report lines begin like UER-py's, except for the speed. UER-py does not report step 1.
func compareLines(t *testing.T, got, want string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(got), "\n")[1:]
	wanted := strings.Split(strings.TrimSpace(want), "\n")[2:]
	if len(lines) != len(wanted) {
		t.Fatalf("%d report lines, want %d:\n%s", len(lines), len(wanted), got)
	}
	for i, line := range lines {
		line, start := speed.ReplaceAllString(line, ""), speed.ReplaceAllString(wanted[i], "")
		// The width of the speed varies, so the comparison starts after it.
		if !strings.HasPrefix(strings.Join(strings.Fields(line), " "), strings.Join(strings.Fields(start), " ")+"|") {
			t.Errorf("line\n%s, want\n%s", lines[i], wanted[i])
		}
	}
}

func compareCheckpoints(t *testing.T, path, golden string, tolerance float64) {
	t.Helper()
	got, want := readTensors(t, path), readTensors(t, golden)
	if len(got) != len(want) {
		t.Errorf("%s holds %d tensors, want %d", path, len(got), len(want))
	}
	for name, values := range want {
		worst := 0.0
		for i, v := range values {
			worst = max(worst, math.Abs(float64(got[name][i])-float64(v)))
		}
		if !(worst <= tolerance) {
			t.Errorf("%s: %s is off by %.3g, tolerance %.3g", path, name, worst, tolerance)
		}
	}
}

func readTensors(t *testing.T, path string) map[string][]float32 {
	t.Helper()
	tensors, err := statedict.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string][]float32{}
	for _, tensor := range tensors {
		byName[tensor.Name] = tensor.Data
	}
	return byName
}
