package batch

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"uer/internal/collective"
	"uer/internal/dataset"
	"uer/internal/random"
	"uer/internal/task"
)

// TestPermutationsAreComplete: each number comes once.
func TestPermutationsAreComplete(t *testing.T) {
	for n := 1; n < 3000; n += 1 + n/7 {
		p := newPermutation(n, 7, int64(n))
		seen := make([]bool, n)
		for i := range n {
			if x := p.at(i); seen[x] {
				t.Fatalf("of %d numbers, %d comes twice", n, x)
			} else {
				seen[x] = true
			}
		}
	}
}

// TestSmallPermutationsAreUniform counts the orders of a few numbers over many passes.
func TestSmallPermutationsAreUniform(t *testing.T) {
	const passes = 6_000
	for n, orders := range map[int]int{2: 2, 3: 6, 4: 24} {
		counts := map[string]int{}
		for pass := range int64(passes) {
			p := newPermutation(n, 7, pass)
			order := ""
			for i := range n {
				order += fmt.Sprint(p.at(i))
			}
			counts[order]++
		}
		expected, squares := passes/float64(orders), 0.0
		for _, count := range counts {
			squares += (float64(count) - expected) * (float64(count) - expected) / expected
		}
		// χ² of orders-1 degrees of freedom; the limit is its mean and five deviations.
		freedom := float64(orders - 1)
		if limit := freedom + 5*math.Sqrt(2*freedom); len(counts) != orders || squares > limit {
			t.Errorf("%d numbers: %d orders, χ² %.1f, limit %.1f", n, len(counts), squares, limit)
		}
	}
}

// TestShuffledFile: over a million instances, the place in a pass tells nothing about the place in the file, nor does the
// place in the pass before.
func TestShuffledFile(t *testing.T) {
	const n = 1_000_000
	first, second := newPermutation(n, 7, 0), newPermutation(n, 7, 1)
	index, a, b := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		index[i], a[i], b[i] = float64(i), float64(first.at(i)), float64(second.at(i))
	}
	// The deviation of the correlation of independent numbers is 1/√n.
	for name, r := range map[string]float64{
		"place and index": correlation(index, a), "next pass and index": correlation(index, b), "two passes": correlation(a, b),
		"neighbours": correlation(a[1:], a[:n-1]),
	} {
		if math.Abs(r) > 5/math.Sqrt(n) {
			t.Errorf("%s: correlation %.4f", name, r)
		}
	}
}

func correlation(x, y []float64) float64 {
	mean := func(values []float64) (sum float64) {
		for _, v := range values {
			sum += v / float64(len(values))
		}
		return sum
	}
	mx, my := mean(x), mean(y)
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	return xy / math.Sqrt(xx*yy)
}

// TestEveryInstanceOnce: in a pass, the ranks together serve each instance once, in both orders, also where the last
// buffers are short.
func TestEveryInstanceOnce(t *testing.T) {
	for _, test := range []struct{ length, world, capacity, size int }{
		{10, 1, 100, 4}, {10, 1, 5, 4}, {10, 3, 2, 2}, {2, 5, 3, 4}, {1, 1, 1, 1}, {12, 4, 3, 2},
	} {
		served := make([]int, test.length)
		for rank := range test.world {
			o := Options{Rank: rank, WorldSize: test.world, BufferSize: test.capacity, BatchSize: test.size}
			order := newBuffered(test.length, &o, random.NewPython(7))
			// As many passes as there are ranks bring each rank each instance.
			for count := 0; count < test.length; {
				for _, p := range order.take() {
					served[p.number]++
					count++
				}
			}
		}
		for i, n := range served {
			if n != test.world {
				t.Errorf("%+v: instance %d was served %d times, not %d", test, i, n, test.world)
			}
		}
		for ordinal, n := range servedGlobally(test.length, test.world, test.size) {
			if n != 1 {
				t.Errorf("%+v: in pass %d, instance %d was served %d times", test, ordinal/test.length, ordinal%test.length, n)
			}
		}
	}
}

// servedGlobally counts how often our own order serves each instance in each of some passes.
func servedGlobally(length, world, size int) []int {
	batches := length // as many as make whole passes
	served := make([]int, batches*world*size)
	for rank := range world {
		o := Options{Rank: rank, WorldSize: world, BatchSize: size, Seed: 3}
		order := newGlobal(&dataset.Dataset{Metadata: dataset.Metadata{Instances: int64(length)}}, &o, 0)
		for range batches {
			for _, p := range order.take() {
				served[int(p.ordinal)/length*length+p.number]++
			}
			order.done(new(Progress))
		}
	}
	return served
}

// settings are what the order of a training depends on.
type settings struct {
	name     string
	capacity int
	world    int
}

var allSettings = []settings{{"ours", 0, 1}, {"ours, 2 ranks", 0, 2}, {"UER-py's", 5, 1}, {"UER-py's, 3 ranks", 5, 3}}

// loaders opens the loaders of all ranks.
func (s settings) loaders(t *testing.T, d *dataset.Dataset, from *Position) []*Loader {
	t.Helper()
	g := golden{Target: d.Metadata.Target, WorldSize: s.world, BatchSize: 2, BufferSize: s.capacity, Seed: 7}
	var list []*Loader
	for g.Rank = range s.world {
		o := g.options(t, false)
		o.From = from
		list = append(list, newLoader(t, d, o))
	}
	return list
}

// step returns the next batch of each rank, as text, and the position after it.
func step(t *testing.T, loaders []*Loader) ([]string, Position) {
	t.Helper()
	var shown []string
	var after []Progress
	for _, l := range loaders {
		b, err := l.Next()
		if err != nil {
			t.Fatal(err)
		}
		shown, after = append(shown, show(b)), append(after, b.After)
	}
	return shown, gather(t, after)
}

// gather collects the position of all ranks.
func gather(t *testing.T, after []Progress) Position {
	t.Helper()
	if len(after) == 1 {
		position, err := after[0].Gather(nil)
		if err != nil {
			t.Fatal(err)
		}
		return position
	}
	positions := make([]Position, len(after))
	done := make(chan error)
	for i, ranks := range collective.NewLocal(len(after)) {
		go func() {
			var err error
			positions[i], err = after[i].Gather(ranks)
			done <- err
		}()
	}
	for range after {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range positions[1:] {
		if fmt.Sprint(p) != fmt.Sprint(positions[0]) {
			t.Fatal("the ranks have gathered different positions")
		}
	}
	return positions[0]
}

// TestResume: from each position, the batches are those that followed it, masks included.
func TestResume(t *testing.T) {
	const steps = 30
	d := corpusOf(t, "mlm", 23)
	for _, s := range allSettings {
		loaders := s.loaders(t, d, nil)
		var batches [][]string
		var positions []Position
		for range steps {
			shown, position := step(t, loaders)
			batches, positions = append(batches, shown), append(positions, position)
		}
		for at := range steps - 1 {
			resumed := s.loaders(t, d, &positions[at])
			for i := at + 1; i < min(at+10, steps); i++ {
				shown, position := step(t, resumed)
				if !slices.Equal(shown, batches[i]) {
					t.Fatalf("%s: resumed after batch %d, batch %d differs", s.name, at, i)
				}
				if fmt.Sprint(position) != fmt.Sprint(positions[i]) {
					t.Fatalf("%s: resumed after batch %d, the position after batch %d differs", s.name, at, i)
				}
			}
		}
	}
}

// TestOrderDoesNotDependOnRanks: in our own order, the instances of a step, and their masks, are the same for any number
// of ranks, and another number of ranks continues with them.
func TestOrderDoesNotDependOnRanks(t *testing.T) {
	d := corpusOf(t, "mlm", 23)
	// sequences returns the tokens and labels that a number of ranks get in batches of size, from a position on.
	sequences := func(world, size, steps int, from *Position) (list []string, after Position) {
		for i := range steps {
			for rank := range world {
				g := golden{Target: "mlm", WorldSize: world, Rank: rank, BatchSize: size, Seed: 7}
				o := g.options(t, false)
				o.From = from
				l := newLoader(t, d, o)
				var b *Batch
				for range i + 1 {
					var err error
					if b, err = l.Next(); err != nil {
						t.Fatal(err)
					}
				}
				for s := range b.Lengths {
					list = append(list, fmt.Sprint(b.Tokens[b.Starts[s]:b.Starts[s+1]]))
				}
				after, _ = b.After.Gather(nil)
			}
		}
		return list, after
	}
	want, _ := sequences(1, 24, 1, nil)
	for _, test := range []struct{ world, size, steps int }{{1, 4, 6}, {2, 4, 3}, {3, 4, 2}, {4, 2, 3}} {
		if got, _ := sequences(test.world, test.size, test.steps, nil); !slices.Equal(got, want) {
			t.Errorf("%+v: other sequences", test)
		}
	}
	first, position := sequences(2, 4, 1, nil)
	rest, _ := sequences(1, 4, 4, &position)
	if !slices.Equal(append(first, rest...), want) {
		t.Error("a step of two ranks and four of one give other sequences")
	}
}

// TestOtherRanksInUERsOrder: UER-py's order depends on the ranks. Others continue at the first instance not handed out.
func TestOtherRanksInUERsOrder(t *testing.T) {
	d := corpusOf(t, "mlm", 23)
	_, position := step(t, settings{capacity: 5, world: 3}.loaders(t, d, nil))
	if position.Instances != 6 {
		t.Fatalf("after 3 batches of 2, position %d", position.Instances)
	}
	loader := settings{capacity: 5, world: 1}.loaders(t, d, &position)
	b, err := loader[0].Next()
	if err != nil {
		t.Fatal(err)
	}
	// The buffer holds instances 6 to 10.
	for i, n := range b.Lengths {
		if number := slices.IndexFunc([]int{6, 7, 8, 9, 10}, func(i int) bool { return 1+i*37%128 == int(n) }); number < 0 {
			t.Errorf("sequence %d has %d tokens, as none of instances 6 to 10", i, n)
		}
	}
}

// TestNothingToPredictInOnePart: a part of a step without a token to predict is replaced by a later one, and the position
// does not depend on it.
func TestNothingToPredictInOnePart(t *testing.T) {
	blank := task.Instance{Ends: []int32{0}}
	text := task.Instance{Tokens: []int32{7, 9, 8}, Ends: []int32{3}}
	d := write(t, dataset.Metadata{Target: "lm", SequenceLength: 4, VocabularySize: 232},
		[]task.Instance{blank, blank, blank, text, blank, blank, blank, blank})
	for rank := range 2 {
		g := golden{Target: "lm", WorldSize: 2, Rank: rank, BatchSize: 1, Seed: 7}
		l := newLoader(t, d, g.options(t, false))
		for i := range 10 {
			b, err := l.Next()
			if err != nil {
				t.Fatal(err)
			}
			if len(b.Predicted) == 0 || b.After.Instances != int64(2*(i+1)) {
				t.Errorf("rank %d, batch %d: %d predictions, position %d", rank, i, len(b.Predicted), b.After.Instances)
			}
		}
	}
}

// TestPositionsThatDoNotFit: a damaged position is an error.
func TestPositionsThatDoNotFit(t *testing.T) {
	d := corpusOf(t, "mlm", 23)
	_, good := step(t, settings{capacity: 5, world: 1}.loaders(t, d, nil))
	change := func(change func(*RankPosition)) *Position {
		p := Position{Instances: good.Instances, Ranks: slices.Clone(good.Ranks)}
		change(&p.Ranks[0])
		return &p
	}
	for name, test := range map[string]struct {
		capacity int
		from     *Position
	}{
		"the other order":       {0, &good},
		"none of UER-py's":      {5, &Position{Instances: 4}},
		"before the start":      {0, &Position{Instances: -4}},
		"a generator cut short": {5, change(func(r *RankPosition) { r.Generator = r.Generator[:8] })},
		"a negative index":      {5, change(func(r *RankPosition) { r.From = -1 })},
	} {
		g := golden{Target: "mlm", WorldSize: 1, BatchSize: 2, BufferSize: test.capacity, Seed: 7}
		o := g.options(t, false)
		o.From = test.from
		if l, err := New(d, o); err == nil {
			l.Close()
			t.Errorf("%s was accepted", name)
		}
	}
}
