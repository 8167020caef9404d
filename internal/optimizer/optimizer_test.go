package optimizer

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"uer/internal/graph"
	"uer/internal/op"
)

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
