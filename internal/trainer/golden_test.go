package trainer

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"uer/internal/kernel"
	"uer/internal/npz"
)

// goldenStep is what a rank of UER-py computed in one step.
type goldenStep struct {
	Loss  float64            `json:"rank_total_loss"`
	Norms map[string]float64 `json:"averaged_grad_norms"`
}

// TestGoldenRanks trains as two ranks of UER-py did, with every instruction set (in short mode, the best one), and
// compares the losses and gradient norms of three steps, the mean gradients of the first and the parameters after the
// third. The tolerance is 1e-6 of the loss, 1e-4 of the largest element of a gradient, and for parameters 0.02 of the
// learning rate, four times the difference between UER-py's own float32 and float64 runs.
func TestGoldenRanks(t *testing.T) {
	sets := kernel.InstructionSets()
	if testing.Short() {
		sets = sets[:1]
	}
	for _, set := range sets {
		t.Run(set, func(t *testing.T) {
			t.Setenv("UER_CPU", set)
			compareRanks(t)
		})
	}
}

func compareRanks(t *testing.T) {
	const size, steps = 2, 3
	for step := 1; step <= steps; step++ {
		ranks := newRanks(t, size, step, 0)
		if err := RunRanks(t.Context(), ranks); err != nil {
			t.Fatal(err)
		}
		for i, r := range ranks {
			name := fmt.Sprintf("step %d, rank %d", step, i)
			want := readGoldenSteps(t, fmt.Sprintf("testdata/rank%d.json", i))[step-1]
			if loss := r.loss(); math.Abs(loss-want.Loss) > 1e-6*want.Loss {
				t.Errorf("%s: loss %v, want %v", name, loss, want.Loss)
			}
			for tensor, norm := range want.Norms {
				if got := length(r.tensor(r.gradients(t), tensor)) / size; math.Abs(got-norm) > gradientTolerance(tensor, norm) {
					t.Errorf("%s: gradient of %s has norm %v, want %v", name, tensor, got, norm)
				}
			}
		}
		switch step {
		case 1:
			for tensor, want := range npz.Read(t, "testdata/averaged_grads_step1.npz") {
				got := ranks[0].tensor(ranks[0].gradients(t), tensor)
				compare(t, tensor, got, 1./size, want.Data, gradientTolerance(tensor, largest(want.Data)))
			}
		case steps:
			for tensor, want := range npz.Read(t, "testdata/after3_linear20.npz") {
				compare(t, tensor, ranks[1].tensor(ranks[1].parameters(t), tensor), 1, want.Data, 0.02*testRate)
			}
		}
	}
}

func gradientTolerance(tensor string, size float64) float64 {
	if strings.HasSuffix(tensor, "_attn.linear_layers.1.bias") {
		return 1e-7 // the true gradient of a key's bias is 0
	}
	return 1e-4 * size
}

// tensor returns the elements of a parameter in a flat buffer.
func (t *Trainer) tensor(buffer []float32, name string) []float32 {
	for _, p := range t.Model.Program.Parameters {
		if p.Name == name {
			return buffer[p.Offset:][:p.Shape.Elements()]
		}
	}
	return nil
}

func compare(t *testing.T, name string, got []float32, scale float64, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s has %d elements, want %d", name, len(got), len(want))
		return
	}
	worst := 0.0
	for i, v := range want {
		worst = max(worst, math.Abs(scale*float64(got[i])-float64(v)))
	}
	if !(worst <= tolerance) {
		t.Errorf("%s is off by %.3g, tolerance %.3g", name, worst, tolerance)
	}
}

func length(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

func largest(values []float32) float64 {
	size := 0.0
	for _, v := range values {
		size = max(size, math.Abs(float64(v)))
	}
	return size
}

func readGoldenSteps(t *testing.T, path string) []goldenStep {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var steps []goldenStep
	if err := json.Unmarshal(data, &steps); err != nil {
		t.Fatal(err)
	}
	return steps
}
