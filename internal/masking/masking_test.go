package masking

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"uer/internal/random"
	"uer/internal/task"
	"uer/internal/vocab"
)

func vocabulary(t testing.TB) *vocab.Vocabulary {
	t.Helper()
	v, err := vocab.Read("testdata/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func masker(t testing.TB, options Options) *Masker {
	t.Helper()
	m, err := New(vocabulary(t), options)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// golden holds results of UER-py's masking.
type golden struct {
	Sequences []struct {
		Name        string
		Seed        int64
		WholeWord   bool `json:"whole_word"`
		Span        bool
		Probability float64 `json:"span_geo_prob"`
		MaxLength   int     `json:"span_max_length"`
		In, Out     []int32
		Targets     [][2]int32
		Next        float64 `json:"rng_next"`
	} `json:"mask_seq"`
	Lengths []struct {
		P             float64
		Max           int
		Seed          int64
		Lengths       []int32
		Probabilities []float64
	} `json:"span_len"`
	Predicted [][2]int `json:"num_to_predict_by_length"`
}

func readGolden(t testing.TB) (g golden) {
	t.Helper()
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestMaskOfUER(t *testing.T) {
	compared := 0
	for _, c := range readGolden(t).Sequences {
		if c.WholeWord {
			continue // would need UER-py's word segmenter
		}
		compared++
		m := masker(t, Options{Span: c.Span, GeometricProbability: c.Probability, MaxLength: c.MaxLength})
		generator := random.NewPython(random.Seed(c.Seed)...)
		tokens := slices.Clone(c.In)
		got := m.Mask(tokens, generator, nil)
		want := []task.Mask{}
		for _, target := range c.Targets {
			want = append(want, task.Mask{Position: target[0], ID: target[1]})
		}
		if !slices.Equal(got, want) || !slices.Equal(tokens, c.Out) {
			t.Errorf("%s, seed %d, span %v:\n got %v %v\nwant %v %v", c.Name, c.Seed, c.Span, got, tokens, want, c.Out)
		}
		if next := generator.Float64(); next != c.Next {
			t.Errorf("%s, seed %d, span %v: next random number %v, want %v", c.Name, c.Seed, c.Span, next, c.Next)
		}
	}
	if compared == 0 {
		t.Error("no case was compared")
	}
}

func TestSpanLengthsOfUER(t *testing.T) {
	for _, c := range readGolden(t).Lengths {
		m := masker(t, Options{Span: true, GeometricProbability: c.P, MaxLength: c.Max})
		generator := random.NewPython(random.Seed(c.Seed)...)
		for i, want := range c.Lengths {
			if got := m.spanLength(generator); got != want {
				t.Errorf("p %v, max %d: length %d is %d, want %d", c.P, c.Max, i, got, want)
			}
		}
		previous := 0.0
		for i, want := range c.Probabilities {
			got := (m.cumulative[i] - previous) / m.cumulative[len(m.cumulative)-1]
			if math.Abs(got-want) > 1e-12 {
				t.Errorf("p %v, max %d: length %d has probability %v, want %v", c.P, c.Max, i+1, got, want)
			}
			previous = m.cumulative[i]
		}
	}
}

func TestNumberOfTargets(t *testing.T) {
	for _, c := range readGolden(t).Predicted {
		if got := masker(t, Options{}).predicted(c[0]); got != c[1] {
			t.Errorf("%d tokens: %d targets, want %d", c[0], got, c[1])
		}
	}
}

func TestBadSpansAreRefused(t *testing.T) {
	for _, o := range []Options{
		{Span: true, MaxLength: 10}, {Span: true, GeometricProbability: -0.1, MaxLength: 10},
		{Span: true, GeometricProbability: 1.1, MaxLength: 10}, {Span: true, GeometricProbability: math.NaN(), MaxLength: 10},
		{Span: true, GeometricProbability: 0.2}, {Rate: -0.1}, {Rate: 1.1}, {Rate: math.NaN()},
		{Span: true, GeometricProbability: 0.2, MaxLength: 10, WholeWord: true},
	} {
		if _, err := New(vocabulary(t), o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	if _, err := New(vocabulary(t), Options{}); err != nil {
		t.Errorf("without spans: %v", err)
	}
}

func TestMaskProperties(t *testing.T) {
	v := vocabulary(t)
	special := func(id int32) bool { return id == v.Padding || id == v.Class || id == v.Separator }
	rapid.Check(t, func(t *rapid.T) {
		options := Options{Span: rapid.Bool().Draw(t, "span"), GeometricProbability: rapid.Float64Range(0.01, 1).Draw(t, "p"),
			MaxLength: rapid.IntRange(1, 12).Draw(t, "max")}
		m, err := New(v, options)
		if err != nil {
			t.Fatal(err)
		}
		before := rapid.SliceOfN(rapid.Int32Range(0, int32(v.Size()-1)), 0, 150).Draw(t, "tokens")
		after := slices.Clone(before)
		kept := []task.Mask{{Position: 99, ID: 99}}
		targets := m.Mask(after, random.NewPython(rapid.Uint32().Draw(t, "seed")), kept)
		if targets[0] != kept[0] {
			t.Fatal("Mask did not keep the targets it was given")
		}
		targets = targets[1:]
		candidates := 0
		for _, id := range before {
			if !special(id) {
				candidates++
			}
		}
		if limit := m.predicted(len(before)); len(targets) > limit {
			t.Fatalf("%d targets, want at most %d", len(targets), limit)
		} else if !options.Span && len(targets) < min(candidates, m.predicted(trimmed(before, v))) {
			t.Fatalf("%d targets of %d candidates among %d tokens", len(targets), candidates, len(before))
		}
		hidden := map[int32]bool{}
		for i, target := range targets {
			if i > 0 && target.Position <= targets[i-1].Position {
				t.Fatalf("positions are not increasing: %v", targets)
			}
			if before[target.Position] != target.ID {
				t.Fatalf("target %v, but the token was %d", target, before[target.Position])
			}
			if !options.Span && special(target.ID) {
				t.Fatalf("special token %v is a target", target)
			}
			hidden[target.Position] = true
		}
		for i := range after {
			if !hidden[int32(i)] && after[i] != before[i] {
				t.Fatalf("token %d changed without being a target", i)
			}
			if after[i] != before[i] && special(after[i]) {
				t.Fatalf("token %d became special token %d", i, after[i])
			}
		}
	})
}

func trimmed(tokens []int32, v *vocab.Vocabulary) int {
	n := len(tokens)
	for n > 0 && tokens[n-1] == v.Padding {
		n--
	}
	return n
}

// TestShares masks many tokens, of which 80 % must become [MASK], 10 % another token and 10 % stay unchanged.
func TestShares(t *testing.T) {
	for _, span := range []bool{false, true} {
		m := masker(t, Options{Span: span, GeometricProbability: 0.2, MaxLength: 10})
		generator := random.NewPython(1)
		var masked, same, all float64
		for range 2000 {
			before := make([]int32, 100)
			for i := range before {
				before[i] = int32(10 + i)
			}
			after := slices.Clone(before)
			for _, target := range m.Mask(after, generator, nil) {
				all++
				switch after[target.Position] {
				case m.Vocabulary.Mask:
					masked++
				case target.ID:
					same++
				}
			}
		}
		if math.Abs(masked/all-0.8) > 0.02 || math.Abs(same/all-0.1) > 0.02 || math.Abs(all/200000-0.15) > 0.005 {
			t.Errorf("span %v: %.3f of the tokens chosen, %.3f masked, %.3f unchanged", span, all/200000, masked/all, same/all)
		}
	}
}

func BenchmarkMask(b *testing.B) {
	for name, options := range map[string]Options{"token": {}, "span": {Span: true, GeometricProbability: 0.2, MaxLength: 10}} {
		b.Run(name, func(b *testing.B) {
			m := masker(b, options)
			generator := random.NewPython(7)
			tokens := make([]int32, 128)
			var targets []task.Mask
			for b.Loop() {
				for i := range tokens {
					tokens[i] = int32(9 + i)
				}
				targets = m.Mask(tokens, generator, targets[:0])
			}
		})
	}
}
