package random

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// recorded holds numbers drawn by Python's random module, in the order of the fields.
type recorded struct {
	Seed        int64     `json:"seed"`
	Random      []float64 `json:"random"`
	Randint206  []int     `json:"randint_1_206"`
	Randint0    int       `json:"randint_0_0"`
	Randint125  []int     `json:"randint_2_125"`
	Shuffle20   []int     `json:"shuffle_20"`
	Shuffle3    []int     `json:"shuffle_3"`
	RandomAfter float64   `json:"random_after"`
	Getrandbits []uint64  `json:"getrandbits"`
}

func draw(p *Python, like recorded) recorded {
	shuffled := func(n int) []int {
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		p.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
		return order
	}
	drawn := recorded{Seed: like.Seed}
	for range like.Random {
		drawn.Random = append(drawn.Random, p.Float64())
	}
	for range like.Randint206 {
		drawn.Randint206 = append(drawn.Randint206, p.Between(1, 206))
	}
	drawn.Randint0 = p.Between(0, 0)
	for range like.Randint125 {
		drawn.Randint125 = append(drawn.Randint125, p.Between(2, 125))
	}
	drawn.Shuffle20, drawn.Shuffle3 = shuffled(20), shuffled(3)
	drawn.RandomAfter = p.Float64()
	for _, k := range []int{1, 5, 32, 33, 64} {
		drawn.Getrandbits = append(drawn.Getrandbits, p.Bits(k))
	}
	return drawn
}

func TestPythonDrawsWhatPythonDraws(t *testing.T) {
	data, err := os.ReadFile("testdata/python_random.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []recorded
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, want := range cases {
		if got := draw(NewPython(Seed(want.Seed)...), want); !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d:\n got %+v\nwant %+v", want.Seed, got, want)
		}
		if got := draw(NewPython(Seed(-want.Seed)...), want); !reflect.DeepEqual(got, want) {
			t.Errorf("seed %d draws different numbers from seed %d", -want.Seed, want.Seed)
		}
	}
}

// TestKeyOfSeveralWords draws the example of the reference implementation, init_by_array({0x123, 0x234, 0x345, 0x456}).
func TestKeyOfSeveralWords(t *testing.T) {
	p := NewPython(0x123, 0x234, 0x345, 0x456)
	for i, want := range []uint64{1067595299, 955945823, 477289528, 4107218783, 4228976476} {
		if got := p.Bits(32); got != want {
			t.Errorf("word %d is %d, want %d", i, got, want)
		}
	}
}

func TestStateRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := NewPython(rapid.SliceOfN(rapid.Uint32(), 0, 700).Draw(t, "key")...)
		for range rapid.IntRange(0, 1300).Draw(t, "drawn") {
			p.Bits(32)
		}
		data, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		q := NewPython(1)
		if err := q.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		for i := range 700 {
			if a, b := p.Float64(), q.Float64(); a != b {
				t.Fatalf("number %d after restoring the state is %v, want %v", i, b, a)
			}
		}
	})
}

func TestDamagedStateIsRefused(t *testing.T) {
	data, err := NewPython(7).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var p Python
	if p.UnmarshalBinary(data[:len(data)-1]) == nil {
		t.Error("a state that is too short was accepted")
	}
	data[len(data)-1] = 1
	if p.UnmarshalBinary(data) == nil {
		t.Error("a position out of range was accepted")
	}
}

func TestRanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := NewPython(rapid.Uint32().Draw(t, "key"))
		n := rapid.IntRange(1, 1<<62).Draw(t, "n")
		if got := p.Below(n); got < 0 || got >= n {
			t.Fatalf("Below(%d) = %d", n, got)
		}
		if got := p.Float64(); got < 0 || got >= 1 {
			t.Fatalf("Float64() = %v", got)
		}
		k := rapid.IntRange(0, 64).Draw(t, "k")
		if got := p.Bits(k); k < 64 && got>>k != 0 {
			t.Fatalf("Bits(%d) = %d", k, got)
		}
	})
}

func BenchmarkFloat64(b *testing.B) {
	p := NewPython(7)
	for b.Loop() {
		p.Float64()
	}
}

func BenchmarkReset(b *testing.B) {
	p := NewPython(7)
	for i := uint32(0); b.Loop(); i++ {
		p.Reset(7, 0, i)
	}
}
