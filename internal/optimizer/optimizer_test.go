package optimizer

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"uer/internal/kernel"
)

func newCPU(t testing.TB, threads int) *kernel.CPU {
	t.Helper()
	cpu, err := kernel.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cpu.Close)
	return cpu
}

func mustNew(t testing.TB, cpu *kernel.CPU, s Settings, parameters []Parameter) *Optimizer {
	t.Helper()
	s.Name = cmp.Or(s.Name, "adamw")
	if s.Schedule == nil {
		s.Schedule = constant(Plan{})
	}
	o, err := New(cpu, s, parameters)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func mustStep(t testing.TB, o *Optimizer, parameters, gradients []float32, scale float32) (rate, norm float64) {
	t.Helper()
	rate, norm, err := o.Step(parameters, gradients, scale)
	if err != nil {
		t.Fatal(err)
	}
	return rate, norm
}

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

// TestSteps compares with four updates of UER-py's optimizers, without and with weight decay.
func TestSteps(t *testing.T) {
	type run struct{ Init, Grads, Params []any }
	var cases struct {
		Rate float64 `json:"lr"`
		Runs map[string]run
	}
	readJSON(t, "steps.json", &cases)
	for name, test := range cases.Runs {
		settings := Settings{LearningRate: cases.Rate}
		if _, err := fmt.Sscanf(strings.Replace(name, "_wd", " ", 1), "%s %g", &settings.Name, &settings.WeightDecay); err != nil {
			t.Fatal(err)
		}
		var list []Parameter
		offset := 0
		for i, tensor := range test.Init {
			list = append(list, Parameter{fmt.Sprintf("tensor.%d.weight", i), shapeOf(tensor), offset})
			offset += len(flatten(tensor))
		}
		parameters := flatten(test.Init)
		o := mustNew(t, newCPU(t, 1), settings, list)
		if len(test.Grads) != 4 || len(parameters) == 0 {
			t.Fatalf("%s: %d steps of %d values", name, len(test.Grads), len(parameters))
		}
		for step, gradients := range test.Grads {
			mustStep(t, o, parameters, flatten(gradients), 1)
			for i, want := range flatten(test.Params[step]) {
				if math.Abs(float64(parameters[i]-want)) > 1e-6*(1+math.Abs(float64(want))) {
					t.Errorf("%s, step %d: value %d is %v, want %v", name, step, i, parameters[i], want)
				}
			}
		}
	}
}

// TestDecayGroups compares with the groups of UER-py: for a transformer, a gated CNN, whose biases called conv_b and
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

func TestSpans(t *testing.T) {
	sorted, err := inOrder([]Parameter{
		{"c.bias", []int{5}, 32},
		{"a.weight", []int{3, 4}, 0},
		{"b.weight", []int{10}, 16},
		{"d.gamma", []int{16}, 48},
		{"e.beta", []int{2}, 64},
		{"f.weight", []int{2}, 80},
		{"g.weight", []int{2}, 112}, // after a gap that is more than padding
	})
	got := spans(sorted)
	want := []span{{0, 26, true}, {32, 66, false}, {80, 82, true}, {112, 114, true}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
	if _, err := inOrder([]Parameter{{"a", []int{3}, 0}, {"b", []int{1}, 2}}); err == nil {
		t.Error("overlapping parameters were taken")
	}
}

// model gives flat buffers of several tensors with padding between them.
func model(seed uint64) (list []Parameter, parameters, gradients []float32) {
	generator := rand.New(rand.NewPCG(seed, 1))
	offset := 0
	for i, size := range []int{5, 70000, 17, 1, 300, 2000} {
		name := fmt.Sprintf("layer.%d.weight", i)
		if i%2 == 0 {
			name = fmt.Sprintf("layer.%d.bias", i)
		}
		shape := []int{size}
		if size%100 == 0 {
			shape = []int{size / 100, 100}
		}
		list = append(list, Parameter{name, shape, offset})
		offset += (size + 15) / 16 * 16
	}
	parameters, gradients = make([]float32, offset), make([]float32, offset)
	for _, p := range list {
		for i := range p.elements() {
			parameters[p.Offset+i] = float32(generator.NormFloat64())
			gradients[p.Offset+i] = float32(generator.NormFloat64())
		}
	}
	return list, parameters, gradients
}

// TestWeightDecayOfGroups decays with a gradient of zero, so that nothing else moves.
func TestWeightDecayOfGroups(t *testing.T) {
	list, parameters, gradients := model(1)
	clear(gradients)
	before := slices.Clone(parameters)
	mustStep(t, mustNew(t, newCPU(t, 2), Settings{LearningRate: 0.5, WeightDecay: 0.5}, list), parameters, gradients, 1)
	for _, p := range list {
		want := before[p.Offset]
		if strings.HasSuffix(p.Name, "weight") {
			want *= 0.75
		}
		if got := parameters[p.Offset]; math.Abs(float64(got-want)) > 1e-6 {
			t.Errorf("%s went from %v to %v, want %v", p.Name, before[p.Offset], got, want)
		}
	}
}

func TestClipping(t *testing.T) {
	list, start, gradients := model(2)
	squares := 0.0
	for _, g := range gradients {
		squares += float64(g) * float64(g)
	}
	norm := math.Sqrt(squares)
	cpu := newCPU(t, 2)
	for _, test := range []struct {
		limit  float64
		scale  float32
		factor float64 // by which the gradients of an update without clipping must be scaled to equal this one
	}{
		{0, 1, 1}, {2 * norm, 1, 1}, {norm / 4, 1, 0.25}, {norm / 4, 0.5, 0.25}, {norm, 0.5, 0.5},
	} {
		clipped, plain := slices.Clone(start), slices.Clone(start)
		o := mustNew(t, cpu, Settings{LearningRate: 1e-3, ClipNorm: test.limit}, list)
		_, got := mustStep(t, o, clipped, gradients, test.scale)
		if want := norm * float64(test.scale); math.Abs(got-want) > 1e-6*want {
			t.Errorf("limit %g, scale %g: norm %v, want %v", test.limit, test.scale, got, want)
		}
		mustStep(t, mustNew(t, cpu, Settings{LearningRate: 1e-3}, list), plain, gradients, float32(test.factor))
		for i := range plain {
			if math.Abs(float64(clipped[i]-plain[i])) > 1e-6 {
				t.Fatalf("limit %g, scale %g: value %d is %v, want %v", test.limit, test.scale, i, clipped[i], plain[i])
			}
		}
	}
}

// TestNotFinite makes sure that a broken gradient leaves everything as it was.
func TestNotFinite(t *testing.T) {
	list, parameters, gradients := model(3)
	o := mustNew(t, newCPU(t, 2), Settings{LearningRate: 1e-3}, list)
	mustStep(t, o, parameters, gradients, 1)
	before, first := slices.Clone(parameters), slices.Clone(o.State()[0].Values)
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		gradients[len(gradients)-17] = float32(bad)
		if _, _, err := o.Step(parameters, gradients, 1); err == nil || err.Error() != "the gradients are not finite" {
			t.Errorf("a gradient of %v: got error %v", bad, err)
		}
	}
	if !slices.Equal(parameters, before) || !slices.Equal(o.State()[0].Values, first) || o.Updates != 1 {
		t.Error("the refused updates changed something")
	}
}

// TestSchedulesFollowUpdates makes sure that each update takes the next factor, and that 0 leaves the parameters.
func TestSchedulesFollowUpdates(t *testing.T) {
	list, parameters, gradients := model(4)
	schedule, err := NewSchedule("linear", 20, 0.1, 1e-3)
	if err != nil {
		t.Fatal(err)
	}
	o := mustNew(t, newCPU(t, 1), Settings{LearningRate: 1e-3, WeightDecay: 0.1, Schedule: schedule}, list)
	before := slices.Clone(parameters)
	for update, want := range []float64{0, 5e-4, 1e-3, 1e-3 * 17 / 18} {
		rate, _ := mustStep(t, o, parameters, gradients, 1)
		if math.Abs(rate-want) > 1e-15 {
			t.Errorf("update %d has rate %v, want %v", update, rate, want)
		}
		if update == 0 && !slices.Equal(parameters, before) {
			t.Error("an update with rate 0 changed parameters")
		}
	}
}

// TestThreads makes sure that results are the same bits for any number of threads, and that padding stays zero.
func TestThreads(t *testing.T) {
	for name := range ByName {
		list, start, gradients := model(5)
		var want []float32
		for _, threads := range []int{1, 2, 5} {
			parameters := slices.Clone(start)
			settings := Settings{Name: name, LearningRate: 1e-3, WeightDecay: 0.01, ClipNorm: 1}
			o := mustNew(t, newCPU(t, threads), settings, list)
			for range 3 {
				mustStep(t, o, parameters, gradients, 1)
			}
			if want == nil {
				want = parameters
			}
			if !slices.Equal(parameters, want) {
				t.Errorf("%s: %d threads give other parameters than 1", name, threads)
			}
		}
		for i, p := range list[:len(list)-1] {
			for j := p.Offset + p.elements(); j < list[i+1].Offset; j++ {
				if want[j] != 0 {
					t.Errorf("%s: padding at %d became %v", name, j, want[j])
				}
			}
		}
	}
}

// TestResume stores the state after two updates and goes on from it in a new optimizer.
func TestResume(t *testing.T) {
	for name := range ByName {
		list, parameters, gradients := model(6)
		schedule := linear(Plan{Updates: 10, Warmup: 0.2})
		settings := Settings{Name: name, LearningRate: 1e-3, WeightDecay: 0.01, Schedule: schedule}
		o := mustNew(t, newCPU(t, 2), settings, list)
		mustStep(t, o, parameters, gradients, 1)
		mustStep(t, o, parameters, gradients, 1)

		resumed := mustNew(t, newCPU(t, 2), settings, list)
		resumed.Updates = o.Updates
		for i, state := range resumed.State() {
			copy(state.Values, o.State()[i].Values)
		}
		copied := slices.Clone(parameters)
		for range 3 {
			mustStep(t, o, parameters, gradients, 1)
			mustStep(t, resumed, copied, gradients, 1)
		}
		if !slices.Equal(parameters, copied) {
			t.Errorf("%s: the resumed training went elsewhere", name)
		}
	}
}

// TestAdafactorMemory: a matrix costs its rows and columns, further axes as many matrices.
func TestAdafactorMemory(t *testing.T) {
	o := mustNew(t, newCPU(t, 1), Settings{Name: "adafactor"}, []Parameter{
		{"table", []int{300, 70}, 0},
		{"conv.weight", []int{8, 1, 4, 5}, 21008},
		{"bias", []int{9}, 21168},
	})
	sizes := map[string]int{}
	for _, state := range o.State() {
		sizes[state.Name] = len(state.Values)
	}
	want := map[string]int{"row_moment": 300 + 8*4 + 9, "column_moment": 70 + 8*5}
	if !maps.Equal(sizes, want) {
		t.Errorf("the moments have sizes %v, want %v", sizes, want)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		settings Settings
		want     string
	}{
		{Settings{Name: "sgd"}, `no optimizer is called "sgd"; there are adafactor, adamw`},
		{Settings{Name: "adamw", Beta1: 1}, "the moments cannot decay by 1,"},
		{Settings{Name: "adamw", Beta2: -0.5}, "the moments cannot decay by -0.5,"},
	} {
		if _, err := New(newCPU(t, 1), test.settings, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got error %v, want %s", err, test.want)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	const rows, width = 21128, 768
	parameters, gradients := make([]float32, rows*width), make([]float32, rows*width)
	for i := range gradients {
		gradients[i] = float32(i%13) - 6
	}
	for name := range ByName {
		b.Run(name, func(b *testing.B) {
			settings := Settings{Name: name, LearningRate: 1e-3, WeightDecay: 0.01}
			o := mustNew(b, newCPU(b, 0), settings, []Parameter{{"w", []int{rows, width}, 0}})
			b.ReportAllocs()
			for b.Loop() {
				mustStep(b, o, parameters, gradients, 1)
			}
			b.ReportMetric(rows*width*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mparameters/s")
		})
	}
}
