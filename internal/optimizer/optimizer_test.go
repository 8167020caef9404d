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
	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/graph"
	"uer/internal/op"
)

// training is an optimizer whose updates the CPU computes.
type training struct {
	*Optimizer
	memory  device.Memory
	program device.Executable
	norm    float64 // of the last update
	halted  bool
}

func newTraining(t testing.TB, threads int, s Settings, layout graph.Layout, parameters, gradients []float32) *training {
	t.Helper()
	s.Name = cmp.Or(s.Name, "adamw")
	if s.Schedule == nil {
		s.Schedule = constant(Plan{})
	}
	o, err := New(s, layout)
	if err != nil {
		t.Fatal(err)
	}
	d, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	r := &training{Optimizer: o}
	if r.memory, err = d.Allocate(o.Program.Layout); err != nil {
		t.Fatal(err)
	}
	if r.program, err = d.Load(o.Program, r.memory); err != nil {
		t.Fatal(err)
	}
	r.write(t, graph.InParameters, parameters)
	r.write(t, graph.InGradients, gradients)
	return r
}

func (r *training) write(t testing.TB, p graph.Place, values []float32) {
	t.Helper()
	if err := r.memory.Write(p, 0, values); err != nil {
		t.Fatal(err)
	}
}

// read copies the parameters or the optimizer state.
func (r *training) read(t testing.TB, p graph.Place) []float32 {
	t.Helper()
	size := map[graph.Place]int{graph.InParameters: r.Program.ParameterSize, graph.InState: r.Program.StateSize}[p]
	values := make([]float32, size)
	if err := r.memory.Read(p, 0, values); err != nil {
		t.Fatal(err)
	}
	return values
}

// step updates the parameters with scale times the gradients, and returns the learning rate.
func (r *training) step(t testing.TB, scale float64) (rate float64) {
	t.Helper()
	number, rate := r.Next()
	if err := r.program.Run(device.Run{Update: device.Update{Number: number, Rate: rate, Scale: scale}}); err != nil {
		t.Fatal(err)
	}
	figures, err := r.program.Figures(true)
	if err != nil || len(figures) != 1 {
		t.Fatalf("figures of %d updates, error %v", len(figures), err)
	}
	r.norm, r.halted = figures[0].Outputs[Norm], figures[0].Outputs[Halted] != 0
	return rate
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

// TestStableAdamW compares with the formula in float64, over updates some of which are clipped.
func TestStableAdamW(t *testing.T) {
	const rate, decay, beta1, beta2, epsilon = 1e-2, 0.1, 0.9, 0.99, 1e-6
	layout := graph.NewLayout()
	layout.AddParameter(graph.Parameter{Name: "a.weight", Shape: graph.Shape{130, 70}}) // more than one block
	layout.AddParameter(graph.Parameter{Name: "b.bias", Shape: graph.Shape{5}})
	generator := rand.New(rand.NewPCG(3, 4))
	start := make([]float32, layout.ParameterSize)
	for _, p := range layout.Parameters {
		for i := range p.Shape.Elements() {
			start[p.Offset+i] = float32(generator.NormFloat64())
		}
	}
	r := newTraining(t, 2, Settings{Name: "stableadamw", LearningRate: rate, WeightDecay: decay, Beta1: beta1, Beta2: beta2}, layout, start, nil)
	want := map[int]*[3]float64{} // parameter and moments
	clipped := 0
	for step := 1; step <= 6; step++ {
		gradients := make([]float32, layout.ParameterSize)
		for _, p := range layout.Parameters {
			hat1 := beta1 * (1 - math.Pow(beta1, float64(step-1))) / (1 - math.Pow(beta1, float64(step)))
			hat2 := beta2 * (1 - math.Pow(beta2, float64(step-1))) / (1 - math.Pow(beta2, float64(step)))
			ratios, n := 0.0, p.Shape.Elements()
			for i := range n {
				at := p.Offset + i
				if want[at] == nil {
					want[at] = &[3]float64{float64(start[at])}
				}
				gradients[at] = float32(generator.NormFloat64() * math.Pow(3, float64(step%3)))
				g := float64(gradients[at])
				want[at][1] = hat1*want[at][1] + (1-hat1)*g
				want[at][2] = hat2*want[at][2] + (1-hat2)*g*g
				ratios += g * g / max(want[at][2], epsilon*epsilon)
			}
			step := rate / max(1, math.Sqrt(ratios/float64(n)))
			if step < rate {
				clipped++
			}
			for i := range n {
				w := want[p.Offset+i]
				shrink := 0.0
				if decays(p.Name) {
					shrink = step * decay * w[0]
				}
				w[0] -= shrink + step*w[1]/(math.Sqrt(w[2])+epsilon)
			}
		}
		r.write(t, graph.InGradients, gradients)
		r.step(t, 1)
	}
	got := r.read(t, graph.InParameters)
	for at, w := range want {
		if math.Abs(float64(got[at])-w[0]) > 1e-5 {
			t.Fatalf("value %d is %v, want %v", at, got[at], w[0])
		}
	}
	if clipped == 0 || clipped == 12 {
		t.Errorf("%d of 12 updates were clipped", clipped)
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

func TestRanges(t *testing.T) {
	got := ranges([]graph.Parameter{
		{Name: "a.weight", Shape: graph.Shape{3, 4}, Offset: 0},
		{Name: "b.weight", Shape: graph.Shape{10}, Offset: 16},
		{Name: "c.bias", Shape: graph.Shape{5}, Offset: 32},
		{Name: "d.gamma", Shape: graph.Shape{16}, Offset: 48},
		{Name: "e.beta", Shape: graph.Shape{2}, Offset: 64},
		{Name: "f.weight", Shape: graph.Shape{2}, Offset: 80},
		{Name: "g.weight", Shape: graph.Shape{2}, Offset: 112}, // after a gap that does more than align
	})
	want := []op.Range{{End: 26, Decays: true}, {Start: 32, End: 66}, {Start: 80, End: 82, Decays: true}, {Start: 112, End: 114, Decays: true}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// model returns flat buffers of several tensors with gaps between them, one of them frozen.
func model(seed uint64) (layout graph.Layout, parameters, gradients []float32) {
	generator := rand.New(rand.NewPCG(seed, 1))
	layout = graph.NewLayout()
	for i, size := range []int{5, 70000, 17, 1, 300, 2000} {
		p := graph.Parameter{Name: fmt.Sprintf("layer.%d.weight", i), Shape: graph.Shape{size}}
		if i%2 == 0 {
			p.Name = fmt.Sprintf("layer.%d.bias", i)
		}
		if size == 2000 {
			p.Name = "encoder.weight" // which muon orthogonalises
		}
		if size%100 == 0 {
			p.Shape = graph.Shape{size / 100, 100}
		}
		layout.AddParameter(p)
	}
	layout.AddParameter(graph.Parameter{Name: "frozen.weight", Shape: graph.Shape{40}, Frozen: true})
	parameters, gradients = make([]float32, layout.ParameterSize), make([]float32, layout.ParameterSize)
	for _, p := range layout.Parameters {
		for i := p.Offset; i < end(p); i++ {
			parameters[i] = float32(generator.NormFloat64())
			if !p.Frozen {
				gradients[i] = float32(generator.NormFloat64())
			}
		}
	}
	return layout, parameters, gradients
}

// TestWeightDecayOfGroups decays with a gradient of zero, so that nothing else moves.
func TestWeightDecayOfGroups(t *testing.T) {
	layout, before, gradients := model(1)
	r := newTraining(t, 2, Settings{LearningRate: 0.5, WeightDecay: 0.5}, layout, before, make([]float32, len(gradients)))
	r.step(t, 1)
	got := r.read(t, graph.InParameters)
	for _, p := range layout.Parameters {
		want := before[p.Offset]
		if strings.HasSuffix(p.Name, "weight") && !p.Frozen {
			want *= 0.75
		}
		if got := got[p.Offset]; math.Abs(float64(got-want)) > 1e-6 {
			t.Errorf("%s went from %v to %v, want %v", p.Name, before[p.Offset], got, want)
		}
	}
}

func TestClipping(t *testing.T) {
	layout, start, gradients := model(2)
	squares := 0.0
	for _, g := range gradients {
		squares += float64(g) * float64(g)
	}
	norm := math.Sqrt(squares)
	for _, test := range []struct {
		limit, scale float64
		factor       float64 // by which the gradients of an update without clipping must be scaled to equal this one
	}{
		{0, 1, 1}, {2 * norm, 1, 1}, {norm / 4, 1, 0.25}, {norm / 4, 0.5, 0.25}, {norm, 0.5, 0.5},
	} {
		clipped := newTraining(t, 2, Settings{LearningRate: 1e-3, ClipNorm: test.limit}, layout, start, gradients)
		clipped.step(t, test.scale)
		if want := norm * test.scale; math.Abs(clipped.norm-want) > 1e-6*want {
			t.Errorf("limit %g, scale %g: norm %v, want %v", test.limit, test.scale, clipped.norm, want)
		}
		plain := newTraining(t, 2, Settings{LearningRate: 1e-3}, layout, start, gradients)
		plain.step(t, test.factor)
		got := clipped.read(t, graph.InParameters)
		for i, want := range plain.read(t, graph.InParameters) {
			if math.Abs(float64(got[i]-want)) > 1e-6 {
				t.Fatalf("limit %g, scale %g: value %d is %v, want %v", test.limit, test.scale, i, got[i], want)
			}
		}
	}
}

// TestNotFinite checks that a gradient that is not finite changes nothing, nor do later updates: the host may learn of it
// some updates late.
func TestNotFinite(t *testing.T) {
	for name := range ByName {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			layout, parameters, gradients := model(3)
			r := newTraining(t, 2, Settings{Name: name, LearningRate: 1e-3}, layout, parameters, gradients)
			r.step(t, 1)
			if r.halted {
				t.Fatalf("%s: halted after a good update", name)
			}
			before, state := r.read(t, graph.InParameters), r.read(t, graph.InState)
			state[0] = 1 // the flag
			good := gradients[17]
			for _, g := range []float32{float32(bad), good} {
				gradients[17] = g
				r.write(t, graph.InGradients, gradients)
				r.step(t, 1)
				if !r.halted {
					t.Errorf("%s: a gradient of %v and then %v do not halt the updates", name, bad, g)
				}
				if !slices.Equal(r.read(t, graph.InParameters), before) || !slices.Equal(r.read(t, graph.InState), state) {
					t.Errorf("%s: an update with a gradient of %v, or one after it, changed something", name, bad)
				}
			}
		}
	}
}

// TestSchedulesFollowUpdates checks that each update takes the next factor, and that 0 leaves the parameters as they are.
func TestSchedulesFollowUpdates(t *testing.T) {
	layout, before, gradients := model(4)
	schedule, err := NewSchedule("linear", Plan{Updates: 20, Warmup: 0.1, LearningRate: 1e-3})
	if err != nil {
		t.Fatal(err)
	}
	settings := Settings{LearningRate: 1e-3, WeightDecay: 0.1, Schedule: schedule}
	r := newTraining(t, 1, settings, layout, before, gradients)
	for update, want := range []float64{0, 5e-4, 1e-3, 1e-3 * 17 / 18} {
		if rate := r.step(t, 1); math.Abs(rate-want) > 1e-15 {
			t.Errorf("update %d has rate %v, want %v", update, rate, want)
		}
		if update == 0 && !slices.Equal(r.read(t, graph.InParameters), before) {
			t.Error("an update with rate 0 changed parameters")
		}
	}
}

// TestThreads checks that results have the same bits for any number of threads, and that gaps and frozen parameters do not
// change.
func TestThreads(t *testing.T) {
	for name := range ByName {
		layout, start, gradients := model(5)
		var want []float32
		for _, threads := range []int{1, 2, 5} {
			settings := Settings{Name: name, LearningRate: 1e-3, WeightDecay: 0.01, ClipNorm: 1}
			r := newTraining(t, threads, settings, layout, start, gradients)
			for range 3 {
				r.step(t, 1)
			}
			got := r.read(t, graph.InParameters)
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %d threads give other parameters than 1", name, threads)
			}
		}
		moves := make([]bool, len(want))
		for _, p := range trained(layout) {
			for i := p.Offset; i < end(p); i++ {
				moves[i] = true
			}
		}
		for i, m := range moves {
			if !m && want[i] != start[i] {
				t.Fatalf("%s: element %d, which is not trained, went from %v to %v", name, i, start[i], want[i])
			}
		}
	}
}

// TestResume copies the state after two updates to a new optimizer and continues there.
func TestResume(t *testing.T) {
	for name := range ByName {
		layout, parameters, gradients := model(6)
		schedule := linear(Plan{Updates: 10, Warmup: 0.2})
		settings := Settings{Name: name, LearningRate: 1e-3, WeightDecay: 0.01, Schedule: schedule}
		r := newTraining(t, 2, settings, layout, parameters, gradients)
		r.step(t, 1)
		r.step(t, 1)

		resumed := newTraining(t, 2, settings, layout, r.read(t, graph.InParameters), gradients)
		resumed.Updates = r.Updates
		resumed.write(t, graph.InState, r.read(t, graph.InState))
		for range 3 {
			r.step(t, 1)
			resumed.step(t, 1)
		}
		if !slices.Equal(resumed.read(t, graph.InParameters), r.read(t, graph.InParameters)) {
			t.Errorf("%s: the resumed training went elsewhere", name)
		}
	}
}

// TestAdafactorMemory checks the sizes of moments: a matrix has one for each row and column.
func TestAdafactorMemory(t *testing.T) {
	layout := graph.NewLayout()
	layout.AddParameter(graph.Parameter{Name: "table", Shape: graph.Shape{300, 70}})
	layout.AddParameter(graph.Parameter{Name: "conv.weight", Shape: graph.Shape{8, 1, 4, 5}})
	layout.AddParameter(graph.Parameter{Name: "bias", Shape: graph.Shape{9}})
	o, err := New(Settings{Name: "adafactor", Schedule: constant(Plan{})}, layout)
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int{}
	for _, state := range o.Program.State {
		sizes[state.Name] = state.Size
	}
	want := map[string]int{"halted": 1, "row_moment": 300 + 8*4 + 9, "column_moment": 70 + 8*5}
	if !maps.Equal(sizes, want) {
		t.Errorf("the state has sizes %v, want %v", sizes, want)
	}
	if len(layout.State) != 1 {
		t.Error("the model's own layout has changed")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		settings Settings
		want     string
	}{
		{Settings{Name: "sgd"}, `optimizer "sgd" is not one of adafactor, adamw`},
		{Settings{Name: "adamw", Beta1: 1}, "beta1 1, beta2 0.999: must be above 0"},
		{Settings{Name: "adamw", Beta2: -0.5}, "beta1 0.9, beta2 -0.5: must be above 0"},
	} {
		if _, err := New(test.settings, graph.NewLayout()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got error %v, want %s", err, test.want)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	const rows, width = 21128, 768
	layout := graph.NewLayout()
	layout.AddParameter(graph.Parameter{Name: "w", Shape: graph.Shape{rows, width}})
	parameters, gradients := make([]float32, rows*width), make([]float32, rows*width)
	for i := range gradients {
		gradients[i] = float32(i%13) - 6
	}
	for name := range ByName {
		b.Run(name, func(b *testing.B) {
			r := newTraining(b, 0, Settings{Name: name, LearningRate: 1e-3, WeightDecay: 0.01}, layout, parameters, gradients)
			b.ReportAllocs()
			for b.Loop() {
				r.step(b, 1)
			}
			b.ReportMetric(rows*width*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mparameters/s")
		})
	}
}
