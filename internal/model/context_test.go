package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"uer/internal/config"
	"uer/internal/device"
	"uer/internal/encoder"
	"uer/internal/registry"
	"uer/internal/target"
	"uer/internal/task"
)

// TestContext changes one token after another and checks that the encodings that change, in the left half and in the right,
// are those that the context of the encoder says.
func TestContext(t *testing.T) {
	const length, prefix = 8, 5
	on := processor{threads: 1}
	for _, name := range encoders() {
		m := tiny("word", name, "bilm") // whose two losses see one half each
		m.Dropout, m.KernelSize = 0, length
		p := newProbe(t, on, m, length, prefix)
		context := encoder.ByName[m.Encoder].Context(m)
		for i := range length {
			before := p.losses(t, i)
			for j := range length {
				p.tokens[j]++
				after := p.losses(t, i)
				p.tokens[j]--
				want := [2]bool{j <= i, j <= i}
				switch context {
				case task.PastAndPrefix:
					want = [2]bool{j <= i || j < prefix, j <= i || j < prefix}
				case task.Full:
					want = [2]bool{true, true}
				case task.PastAndFutureSplit:
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
	*loaded
	tokens []int32
}

func newProbe(t *testing.T, on processor, m config.Model, length, prefix int32) *probe {
	t.Helper()
	const vocabulary = 10
	p := &probe{loaded: unchecked(t, on, m, vocabulary, Limits{Sequences: 1, Length: int(length)})}
	for i := range length {
		p.tokens = append(p.tokens, 1+i%(vocabulary-2))
	}
	p.set("tokens", p.tokens...)
	p.set("rows", make([]int32, length)...)
	p.set("starts", 0, length)
	p.set("prefix", prefix)
	p.set("labels", 1)
	p.set("backward_labels", 1)
	return p
}

// losses returns the losses of a prediction from the left half of the encoding of token i, and of one from the right half.
func (p *probe) losses(t *testing.T, i int) [2]float32 {
	t.Helper()
	p.set("predicted", int32(i))
	p.set("backward_predicted", int32(i))
	p.run(t, device.Run{})
	return [2]float32{float32(p.outputs[1]), float32(p.outputs[3])}
}

// unchecked builds a model without Check. Its parameters are large, so that every dependency has a visible effect.
func unchecked(t *testing.T, on processor, m config.Model, vocabulary int, limits Limits) *loaded {
	t.Helper()
	made, err := compile(m, vocabulary, limits)
	if err != nil {
		t.Fatal(err)
	}
	parameters := make([]float32, made.Program.ParameterSize)
	generator := rand.New(rand.NewPCG(1, 2))
	for i := range parameters {
		parameters[i] = float32(generator.NormFloat64() / 2)
	}
	return on.load(t, "fp32", made.Program, made.Program.Layout, parameters)
}

// TestPadding trains on batches with and without padding: the losses must differ exactly where keep_padding is accepted. In
// short mode each encoder is tested with one pooling.
func TestPadding(t *testing.T) {
	text := openDemo(t)
	on := processor{threads: 1}
	for i, name := range encoders() {
		m := tiny("word_pos_seg", name, "mlm")
		text.comparePadding(t, on, name+", mlm", m)
		poolings := registry.Names(target.Poolings)
		if testing.Short() {
			poolings = poolings[i%len(poolings):][:1]
		}
		for _, pooling := range poolings {
			m := tiny("word_pos_seg", name, "cls")
			m.Pooling = pooling
			text.comparePadding(t, on, name+", cls, pooling "+pooling, m)
		}
	}
}

func (d *demo) comparePadding(t *testing.T, on processor, name string, m config.Model) {
	t.Helper()
	m.Dropout = 0
	var losses [2]float64
	for i, keep := range []bool{false, true} {
		m.KeepPadding = keep
		reads := m
		reads.Target = "mlm" // its texts have many different lengths
		loader := d.loader(t, reads, 12)
		b, err := loader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if padded := len(b.Tokens) == 12*demoLength; padded != keep {
			t.Fatalf("keep_padding %v gives %d tokens", keep, len(b.Tokens))
		}
		l := unchecked(t, on, m, d.vocabulary.Size(), Limits{Sequences: 12, Length: demoLength})
		l.inputs = b.Inputs(nil)
		l.set("sentence_labels", make([]int32, 12)...)
		l.run(t, device.Run{})
		losses[i] = l.outputs[0]
		loader.Close()
	}
	differs := math.Abs(losses[0]-losses[1]) > 1e-5*losses[0]
	p, err := find(m)
	if err != nil {
		t.Fatal(err)
	}
	if differs != p.paddingMatters() {
		t.Errorf("%s: loss %v without padding, %v with it; want a difference: %v", name, losses[0], losses[1], p.paddingMatters())
	}
}
