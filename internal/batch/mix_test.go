package batch

import (
	"fmt"
	"slices"
	"testing"

	"uer/internal/dataset"
	"uer/internal/task"
)

// corpusOfLength makes a dataset of instances with about so many tokens, all the same token, so that batches show where they
// come from.
func corpusOfLength(t testing.TB, count, length int, token int32) dataset.Part {
	t.Helper()
	instances := make([]task.Instance, count)
	var totals dataset.Totals
	for i := range instances {
		n := length/2 + i*37%(length+1)
		instances[i] = task.Instance{Tokens: slices.Repeat([]int32{token}, n), Ends: []int32{int32(n)}}
		totals.Tokens += int64(n)
	}
	m := dataset.Metadata{Target: "lm", SequenceLength: 2 * length, VocabularySize: 232, Totals: totals}
	for i := range instances { // lm predicts one more
		instances[i].Tokens = append(instances[i].Tokens, token)
	}
	return dataset.Part{Dataset: write(t, m, instances)}
}

func mixOf(t testing.TB, parts ...dataset.Part) *dataset.Dataset {
	t.Helper()
	d, err := dataset.Mix(parts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestMixedTokens trains 10,000 steps on mixes, in the middle of which it is resumed with other ranks: the datasets have their
// shares of the tokens, in every stretch.
func TestMixedTokens(t *testing.T) {
	short, middle, long := corpusOfLength(t, 97, 10, 20), corpusOfLength(t, 1000, 30, 21), corpusOfLength(t, 333, 60, 22)
	for _, weights := range [][]float64{{0.7, 0.3}, {1, 1}, {1, 2, 5}, {0.001, 10}} {
		parts := []dataset.Part{short, long, middle}[:len(weights)]
		total := 0.0
		for i, w := range weights {
			parts[i].Weight, total = w, total+w
		}
		d := mixOf(t, parts...)
		const steps, size = 10_000, 8
		tokens := map[int32]int{}
		all := 0
		read := func(l *Loader, steps int) (after Progress) {
			for range steps {
				b, err := l.Next()
				if err != nil {
					t.Fatal(err)
				}
				for s := range b.Lengths {
					n := int(b.Starts[s+1] - b.Starts[s])
					tokens[b.Tokens[b.Starts[s]]] += n
					all += n
				}
				after = b.After
			}
			return after
		}
		o := (&golden{Target: "lm", WorldSize: 1, BatchSize: size, Seed: 7}).options(t, false)
		after := read(newLoader(t, d, o), steps/2)
		position, err := after.Gather(nil)
		if err != nil {
			t.Fatal(err)
		}
		for rank := range 2 {
			o := o
			o.Rank, o.WorldSize, o.From = rank, 2, &position
			read(newLoader(t, d, o), steps/4)
		}
		var achieved []string
		for i, token := range []int32{20, 22, 21}[:len(weights)] {
			got, want := float64(tokens[token])/float64(all), weights[i]/total
			achieved = append(achieved, fmt.Sprintf("%.5f (of %.5f)", got, want))
			if got < want*0.995-1e-5 || got > want*1.005+1e-5 {
				t.Errorf("weights %v: share %d is %v, want %v", weights, i, got, want)
			}
		}
		t.Logf("weights %v, %d tokens: shares %v", weights, all, achieved)
	}
}

// TestMixedPasses: of each dataset, every pass has each instance once, and the instances of a step are the same for any number
// of ranks and wherever they begin.
func TestMixedPasses(t *testing.T) {
	a, b, c := corpusOfLength(t, 7, 10, 20), corpusOfLength(t, 40, 30, 21), corpusOfLength(t, 23, 60, 22)
	a.Weight, b.Weight, c.Weight = 1, 3, 2
	d := mixOf(t, a, b, c)
	const total = 1200
	var whole []place
	order := newGlobal(d, &Options{Seed: 7, WorldSize: 1, BatchSize: total}, 0)
	whole = append(whole, order.take()...)
	times := make([]int, d.Len())
	for _, p := range whole {
		times[p.number]++
	}
	start := 0
	for _, part := range d.Parts {
		own := times[start : start+part.Len()]
		if slices.Max(own)-slices.Min(own) > 1 {
			t.Errorf("the instances of %s are read %v times", part.Path, own)
		}
		start += part.Len()
	}
	for world := 1; world <= 3; world++ {
		for from := 0; from < total-100; from += 53 {
			var got []place
			for rank := range world {
				got = append(got, newGlobal(d, &Options{Seed: 7, WorldSize: world, Rank: rank, BatchSize: 10}, int64(from)).take()...)
			}
			if want := whole[from : from+10*world]; !slices.Equal(got, want) {
				t.Fatalf("%d ranks from instance %d: %v, want %v", world, from, got, want)
			}
		}
	}
}
