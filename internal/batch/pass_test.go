package batch

import (
	"slices"
	"testing"

	"uer/internal/dataset"
)

// seen is what all batches of a pass hold, without what depends on how they are cut.
type seen struct{ tokens, labels, lengths []int32 }

func (s *seen) add(b *Batch) {
	s.tokens, s.labels = append(s.tokens, b.Tokens...), append(s.labels, b.Labels...)
	s.lengths = append(s.lengths, b.Lengths...)
}

func goThrough(t *testing.T, d *dataset.Dataset, o Options) (all seen) {
	t.Helper()
	p, err := NewPass(d, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Len() {
		b, err := p.Batch(i)
		if err != nil {
			t.Fatal(err)
		}
		all.add(b)
	}
	// A batch is the same whenever it is made.
	first, err := p.Batch(0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(first.Tokens, all.tokens[:len(first.Tokens)]) {
		t.Error("the first batch differs when it is made again")
	}
	return all
}

// TestPass wants each instance once, in the order of the file, with masks that depend on nothing but the instance.
func TestPass(t *testing.T) {
	d := corpusOf(t, "mlm", 100)
	g := mlmGolden("")
	o := g.options(t, false)
	want := goThrough(t, d, o)
	if len(want.lengths) != d.Len() || want.lengths[1] != 38 || len(want.labels) == 0 {
		t.Fatalf("%d instances, of %v tokens, %d predictions", len(want.lengths), want.lengths[:2], len(want.labels))
	}
	for _, size := range []int{1, 7, 100, 1000} {
		for seed := range 2 {
			o := o
			o.BatchSize, o.Seed, o.BufferSize, o.WorldSize = size, int64(seed), 3, 2
			got := goThrough(t, d, o)
			if !slices.Equal(got.tokens, want.tokens) || !slices.Equal(got.labels, want.labels) || !slices.Equal(got.lengths, want.lengths) {
				t.Errorf("batches of %d, seed %d: other instances or masks", size, seed)
			}
		}
	}
}

// TestMasksOfAPassDiffer wants masks that are not those of another instance with the same text.
func TestMasksOfAPassDiffer(t *testing.T) {
	d := corpusOf(t, "mlm", 129) // the last is the first again, moved by 128 ids
	g := mlmGolden("")
	o := g.options(t, false)
	o.BatchSize = 1
	p, err := NewPass(d, o)
	if err != nil {
		t.Fatal(err)
	}
	masked := map[int32]bool{}
	for i := range p.Len() {
		b, err := p.Batch(i)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Tokens) > 100 {
			masked[b.Predicted[0]] = true
		}
	}
	if len(masked) < 5 {
		t.Errorf("the first mask of long instances is always at one of %v", masked)
	}
}

func TestPassRefuses(t *testing.T) {
	g := mlmGolden("")
	o := g.options(t, false)
	o.Target = "lm"
	if _, err := NewPass(corpusOf(t, "mlm", 3), o); err == nil {
		t.Error("a dataset for another target was accepted")
	}
}
