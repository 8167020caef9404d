package trainer

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"uer/internal/graph"
)

// debugLimits are those of the tests' dataset.
var debugLimits = BatchLimits{Vocabulary: vocabularySize, OutputVocabulary: vocabularySize, Length: 32, Classes: 2}

// spoil changes an element of a parameter.
func (t *Trainer) spoil(test *testing.T, name string, element int, value float32) {
	test.Helper()
	for _, p := range t.Model.Program.Parameters {
		if p.Name == name {
			if err := t.Memory.Write(graph.InParameters, p.Offset+element, []float32{value}); err != nil {
				test.Fatal(err)
			}
			return
		}
	}
	test.Fatalf("no parameter %s", name)
}

// TestDiagnose plants values that overflow, and wants the operation, the tensor, the pass and the instances; and the same from
// the batch that was saved.
func TestDiagnose(t *testing.T) {
	const linear, bias = "encoder.transformer.1.feed_forward.linear_1.weight", "encoder.transformer.0.layer_norm_1.gamma"
	for name, test := range map[string]struct {
		parameter string
		value     float32
		steps     int // per update
		want      string
	}{
		"overflow": {linear, 3e38, 1, `step 1: the (loss is|gradients are) not finite: the first value that is not finite is (NaN|[+-]Inf) in output \d of ` +
			`"linear" at encoder.transformer.1.feed_forward.linear_1.weight, element \d+ of \d+, in the forward pass, for token \d+ of instance \d+`},
		"parameter": {bias, float32(math.NaN()), 2, `step 1: the loss is not finite: the parameter encoder.transformer.0.layer_norm_1.gamma \(?\S* holds NaN at \[3\], ` +
			`written by the update before`},
	} {
		r := newRanks(t, 1, 2, 0.1)[0]
		r.Collective, r.AccumulationSteps, r.DebugBatch = nil, test.steps, filepath.Join(t.TempDir(), "batch")
		r.spoil(t, test.parameter, 3, test.value)
		err := r.Run(t.Context())
		if err == nil || !regexp.MustCompile(test.want).MatchString(err.Error()) || !strings.Contains(err.Error(), "\nit is saved in "+r.DebugBatch) {
			t.Errorf("%s: %v\nwant %s", name, err, test.want)
			continue
		}
		fresh := newRanks(t, 1, 2, 0.1)[0]
		fresh.Collective = nil
		about, found, err := fresh.Replay(r.DebugBatch, debugLimits)
		if err != nil || found == "" || !strings.HasPrefix(about, "step 1, instances ") {
			t.Errorf("%s: replaying: %q, %q, %v", name, about, found, err)
		}
	}
}

// TestKeptBatches: batches are kept up to their update, and one of a good training has nothing to find, replayed or not.
func TestKeptBatches(t *testing.T) {
	r := newRanks(t, 1, 5, 0)[0]
	r.Collective, r.AccumulationSteps, r.DebugBatch = nil, 2, filepath.Join(t.TempDir(), "batch")
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.kept) > 0 {
		t.Errorf("%d batches are kept after the last update", len(r.kept))
	}
	if _, err := os.Stat(r.DebugBatch); err == nil {
		t.Error("a batch was saved although nothing went wrong")
	}
	b, err := newLoader(t, 0, 1).Next()
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Instances) != 4 || slices.Max(b.Instances) == 0 {
		t.Errorf("the batch has the instances %v", b.Instances)
	}
	r.inputs = b.Inputs(r.inputs)
	r.keep(b, 6)
	found, err := r.replay(r.kept[0].inputs, b.Instances, 7, 6)
	if found != "" || err != nil {
		t.Errorf("a batch of a good training has %q, %v", found, err)
	}
	if err := r.saveBatch(r.DebugBatch, r.kept[0], ""); err != nil {
		t.Fatal(err)
	}
	if _, found, err := r.Replay(r.DebugBatch, debugLimits); found != "" || err != nil {
		t.Errorf("replayed, it has %q, %v", found, err)
	}
	small := debugLimits
	small.Vocabulary = 5
	if _, _, err := r.Replay(r.DebugBatch, small); err == nil || !strings.Contains(err.Error(), "must be below 5") {
		t.Errorf("ids outside the vocabulary: %v", err)
	}
}
