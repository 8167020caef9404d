package random

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The numbers of a key are part of what a dataset is: they stay the same with every version of Go and of uer.
func TestStreamIsFixed(t *testing.T) {
	s := NewStream()
	s.Reset(7, 1, 2)
	integers := [3]int{s.Below(1000), s.Below(1 << 40), s.Between(-5, 5)}
	if want := [3]int{964, 223553745472, -5}; integers != want {
		t.Errorf("drew %v, want %v", integers, want)
	}
	if got, want := s.Float64(), 0.46796198392641597; got != want {
		t.Errorf("drew %v, want %v", got, want)
	}
	order := [6]int{0, 1, 2, 3, 4, 5}
	s.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	if want := [6]int{3, 1, 4, 2, 0, 5}; order != want {
		t.Errorf("order %v, want %v", order, want)
	}
}

func TestStreamDependsOnItsKeyAlone(t *testing.T) {
	a, b := NewStream(), NewStream()
	rapid.Check(t, func(t *rapid.T) {
		seed, key := rapid.Int64().Draw(t, "seed"), rapid.SliceOfN(rapid.IntRange(0, 3), 0, 3).Draw(t, "key")
		a.Reset(seed, key...)
		b.Reset(seed, key...)
		first := a.Below(1 << 60)
		if again := b.Below(1 << 60); first != again {
			t.Fatalf("%d, then %d", first, again)
		}
		b.Reset(seed, append(key, 0)...)
		if other := b.Below(1 << 60); first == other {
			t.Fatalf("a longer key draws %d, too", other)
		}
		b.Reset(seed+1, key...)
		if other := b.Below(1 << 60); first == other {
			t.Fatalf("another seed draws %d, too", other)
		}
	})
}

// Streams of neighbouring keys do not resemble each other: their numbers are uniform across the streams, too.
func TestStreamsOfNeighboursAreIndependent(t *testing.T) {
	const streams, draws, bins = 40000, 8, 16
	s := NewStream()
	var counts [draws][bins]int
	var same, sum float64
	previous := make([]int, draws)
	for i := range streams {
		s.Reset(7, 0, i)
		for j := range draws {
			x := s.Below(bins)
			counts[j][x]++
			if x == previous[j] {
				same++
			}
			previous[j] = x
			sum += s.Float64()
		}
	}
	for j := range draws {
		square := 0.0
		for _, n := range counts[j] {
			d := float64(n) - streams/bins
			square += d * d / (streams / bins)
		}
		if square > 50 { // chi-squared of 15 degrees of freedom: above 50 with probability 1e-5
			t.Errorf("draw %d of the streams: chi-squared %.1f", j, square)
		}
	}
	if share := same / (streams * draws); math.Abs(share-1.0/bins) > 0.003 {
		t.Errorf("%.4f of the draws are those of the stream before, want %.4f", share, 1.0/bins)
	}
	if mean := sum / (streams * draws); math.Abs(mean-0.5) > 0.003 {
		t.Errorf("mean %.4f", mean)
	}
}

func BenchmarkStreamReset(b *testing.B) {
	s := NewStream()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Reset(7, 0, i)
	}
}

func BenchmarkShuffle(b *testing.B) {
	for name, g := range map[string]Generator{"python": NewPython(7), "stream": NewStream()} {
		b.Run(name, func(b *testing.B) {
			var order [128]int
			for b.Loop() {
				g.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			}
		})
	}
}
