package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"uer/internal/config"
	device "uer/internal/device/cpu"
	"uer/internal/encoder"
	"uer/internal/kernel"
	"uer/internal/target"
)

// TestSight changes one token after the other and looks whose encodings change, in the left half and in the right.
func TestSight(t *testing.T) {
	const length, prefix = 8, 5
	cpu := newCPU(t, 1)
	for _, name := range encoders() {
		m := tiny("word", name, "bilm") // its losses see one half each
		m.Dropout, m.KernelSize = 0, length
		p := newProbe(t, cpu, m, length, prefix)
		sight := encoder.SightOf(m)
		for i := range length {
			before := p.losses(t, i)
			for j := range length {
				p.tokens[j]++
				after := p.losses(t, i)
				p.tokens[j]--
				want := [2]bool{j <= i, j <= i}
				switch sight {
				case encoder.SeesPrefix:
					want = [2]bool{j <= i || j < prefix, j <= i || j < prefix}
				case encoder.SeesAll:
					want = [2]bool{true, true}
				case encoder.SeesApart:
					want = [2]bool{j <= i, j >= i}
				}
				if got := [2]bool{after[0] != before[0], after[1] != before[1]}; got != want {
					t.Errorf("%s: token %d sees token %d: %v, want %v", name, i, j, got, want)
				}
			}
		}
	}
}

// probe is a bilm of one sequence whose settings are not checked.
type probe struct {
	executor *device.Executor
	tokens   []int32
}

func newProbe(t *testing.T, cpu *kernel.CPU, m config.Model, length, prefix int32) *probe {
	t.Helper()
	const vocabulary = 10
	p := &probe{executor: unchecked(t, cpu, m, vocabulary, Shape{Sequences: 1, Length: int(length)})}
	for i := range length {
		p.tokens = append(p.tokens, 1+i%(vocabulary-2))
	}
	feed(t, p.executor, map[string][]int32{
		"tokens": p.tokens, "rows": make([]int32, length), "starts": {0, length}, "prefix": {prefix}, "labels": {1},
		"backward_labels": {1},
	})
	return p
}

// losses predicts something from the left half of the encoding of token i, and from the right half.
func (p *probe) losses(t *testing.T, i int) [2]float32 {
	t.Helper()
	at := []int32{int32(i)}
	feed(t, p.executor, map[string][]int32{"predicted": at, "backward_predicted": at})
	if err := p.executor.Run(&device.Run{}); err != nil {
		t.Fatal(err)
	}
	return [2]float32{p.executor.Output(1), p.executor.Output(3)}
}

// unchecked builds a model whatever Check says, with parameters that are large, so that what is seen shows.
func unchecked(t *testing.T, cpu *kernel.CPU, m config.Model, vocabulary int, shape Shape) *device.Executor {
	t.Helper()
	made, err := compile(m, vocabulary, shape)
	if err != nil {
		t.Fatal(err)
	}
	parameters := make([]float32, made.Program.ParameterSize)
	generator := rand.New(rand.NewPCG(1, 2))
	for i := range parameters {
		parameters[i] = float32(generator.NormFloat64() / 2)
	}
	e, err := device.NewExecutor(device.NewCPU(cpu), made.Program, parameters)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestPadding trains on batches without padding and with it: the loss differs where keep_padding is taken, and nowhere
// else. In short mode each encoder is tested with one pooling.
func TestPadding(t *testing.T) {
	text := openDemo(t)
	cpu := newCPU(t, 1)
	for i, name := range encoders() {
		m := tiny("word_pos_seg", name, "mlm")
		text.comparePadding(t, cpu, name+", mlm", m)
		poolings := keys(target.Poolings)
		if testing.Short() {
			poolings = poolings[i%len(poolings):][:1]
		}
		for _, pooling := range poolings {
			m := tiny("word_pos_seg", name, "cls")
			m.Pooling = pooling
			text.comparePadding(t, cpu, name+", cls, pooling "+pooling, m)
		}
	}
}

func (d *demo) comparePadding(t *testing.T, cpu *kernel.CPU, name string, m config.Model) {
	t.Helper()
	m.Dropout = 0
	var losses [2]float64
	for i, keep := range []bool{false, true} {
		m.KeepPadding = keep
		reads := m
		reads.Target = "mlm" // its texts are of many lengths
		loader := d.loader(t, reads, 12)
		b, err := loader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if padded := len(b.Tokens) == 12*demoLength; padded != keep {
			t.Fatalf("keep_padding %v gives %d tokens", keep, len(b.Tokens))
		}
		e := unchecked(t, cpu, m, d.vocabulary.Size(), Shape{Sequences: 12, Length: demoLength})
		feedBatch(t, e, b)
		feed(t, e, map[string][]int32{"sentence_labels": make([]int32, 12)})
		if err := e.Run(&device.Run{}); err != nil {
			t.Fatal(err)
		}
		losses[i] = float64(e.Output(0))
		loader.Close()
	}
	differs := math.Abs(losses[0]-losses[1]) > 1e-5*losses[0]
	if m.KeepPadding = true; differs != paddingMatters(m) {
		t.Errorf("%s: loss %v without padding, %v with it; want a difference: %v", name, losses[0], losses[1], paddingMatters(m))
	}
}
