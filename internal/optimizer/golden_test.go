package optimizer

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"uer/internal/graph"
)

// flatten writes nested JSON lists of numbers one after the other.
func flatten(value any) []float32 {
	switch value := value.(type) {
	case float64:
		return []float32{float32(value)}
	case []any:
		var flat []float32
		for _, item := range value {
			flat = append(flat, flatten(item)...)
		}
		return flat
	}
	return nil
}

// shapeOf is the shape of nested JSON lists.
func shapeOf(value any) []int {
	list, isList := value.([]any)
	if !isList {
		return nil
	}
	return append([]int{len(list)}, shapeOf(list[0])...)
}

// TestSteps compares with four updates of UER-py's optimizers, without and with weight decay, and of torch.optim.Muon, which
// computed in float64.
func TestSteps(t *testing.T) {
	testSteps(t, "steps.json", "tensor.%d.weight", 1e-6)
	testSteps(t, "muon.json", "encoder.%d.weight", 5e-6)
}

func testSteps(t *testing.T, file, name string, tolerance float64) {
	type run struct{ Init, Grads, Params []any }
	var cases struct {
		Rate float64 `json:"lr"`
		Runs map[string]run
	}
	readJSON(t, file, &cases)
	parameter := name
	for name, test := range cases.Runs {
		settings := Settings{LearningRate: cases.Rate}
		if _, err := fmt.Sscanf(strings.Replace(name, "_wd", " ", 1), "%s %g", &settings.Name, &settings.WeightDecay); err != nil {
			t.Fatal(err)
		}
		layout := graph.NewLayout()
		for i, tensor := range test.Init {
			layout.AddParameter(graph.Parameter{Name: fmt.Sprintf(parameter, i), Shape: shapeOf(tensor)})
		}
		// place copies tensors to their places in the layout.
		place := func(tensors any) []float32 {
			buffer := make([]float32, layout.ParameterSize)
			for i, tensor := range tensors.([]any) {
				copy(buffer[layout.Parameters[i].Offset:], flatten(tensor))
			}
			return buffer
		}
		if len(test.Grads) != 4 || len(test.Init) == 0 {
			t.Fatalf("%s: %d steps of %d tensors", name, len(test.Grads), len(test.Init))
		}
		r := newTraining(t, 1, settings, layout, place(test.Init), nil)
		for step, gradients := range test.Grads {
			r.write(t, graph.InGradients, place(gradients))
			r.step(t, 1)
			got := r.read(t, graph.InParameters)
			for i, want := range place(test.Params[step]) {
				if math.Abs(float64(got[i]-want)) > tolerance*(1+math.Abs(float64(want))) {
					t.Errorf("%s, step %d: value %d is %v, want %v", name, step, i, got[i], want)
				}
			}
		}
	}
}

// TestDecayGroups compares with UER-py's parameter groups for a transformer, a gated CNN, whose biases called conv_b and
// gate_b decay, and a GRU, whose biases do not.
func TestDecayGroups(t *testing.T) {
	for _, name := range []string{"roberta.json", "gatedcnn_lm.json", "gru_lm.json"} {
		var model struct {
			Parameters []string `json:"named_parameters"`
			Decaying   []string `json:"weight_decay_group"`
		}
		readJSON(t, name, &model)
		var got []string
		for _, parameter := range model.Parameters {
			if decays(parameter) {
				got = append(got, parameter)
			}
		}
		if !slices.Equal(got, model.Decaying) || len(got) == 0 {
			t.Errorf("%s: these decay: %v, want %v", name, got, model.Decaying)
		}
	}
}
