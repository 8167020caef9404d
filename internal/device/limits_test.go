package device

import (
	"strings"
	"testing"
	"time"

	"uer/internal/graph"
	"uer/internal/op"
)

func TestFloor(t *testing.T) {
	limits := Limits{Products: 1e12, Bandwidth: 1e9}
	for _, c := range []struct {
		work Work
		want float64
	}{
		{Work{FLOPs: 2e12, Bytes: 1e9}, 2}, // the products take longer
		{Work{FLOPs: 1e12, Bytes: 3e9}, 3}, // the memory does
		{Work{}, 0},
	} {
		if got := limits.Floor(c.work); got != c.want {
			t.Errorf("%+v takes at least %g s, want %g s", c.work, got, c.want)
		}
	}
	if got := (Limits{}).Floor(Work{FLOPs: 1}); got != 0 {
		t.Errorf("without limits, the floor is %g", got)
	}
}

func TestProfileWithLimits(t *testing.T) {
	p := NewProfile()
	p.Limits = Limits{Products: 4e11, Bandwidth: 1e12}
	p.Add("linear", time.Second, Work{FLOPs: 2e11, Bytes: 1e9}, false)
	p.AddHost(3 * time.Millisecond)
	p.AddHost(time.Millisecond)
	var table strings.Builder
	if err := p.Write(&table); err != nil {
		t.Fatal(err)
	}
	want := "linear                              1 calls      1.000 s  100.0%    200.0 GFLOP/s     1.0 GB/s  50% of it needed\n" +
		"all                                 2 runs       1.000 s          0.500 s at least; the host took 2000 µs a run to begin them\n"
	if table.String() != want {
		t.Errorf("table\n%swant\n%s", table.String(), want)
	}
}

func TestTraffic(t *testing.T) {
	of := func(bytes int, shape ...int) Operand { return Operand{Shape: shape, ElementBytes: bytes} }
	for _, c := range []struct {
		name       string
		o          graph.Op
		in, out    []Operand
		accumulate bool
		want       int64
	}{
		{"a norm reads x, γ, β and writes y and stats", op.Norm{}, []Operand{of(2, 10, 8), of(4, 8), of(4, 8)},
			[]Operand{of(2, 10, 8), of(4, 10, 2)}, false, 2*80 + 2*32 + 2*80 + 80},
		{"what is added to is read, too", op.Dropout{}, []Operand{of(2, 10, 8)}, []Operand{of(2, 10, 8)}, true, 3 * 160},
		{"of a table only rows are read", op.Embedding{Tables: 1}, []Operand{of(4, 1000, 8), of(4, 10)},
			[]Operand{of(2, 10, 8)}, false, 320 + 40 + 160},
		{"of gathered rows only those", op.Gather{}, []Operand{of(2, 1000, 8), of(4, 10)}, []Operand{of(2, 10, 8)}, false, 160 + 40 + 160},
		{"an output that nobody reads", op.Norm{}, []Operand{of(2, 10, 8)}, []Operand{of(2, 10, 8), {}}, false, 320},
	} {
		accumulate := make([]bool, len(c.out))
		accumulate[0] = c.accumulate
		if got := Traffic(c.o, c.in, c.out, accumulate); got != c.want {
			t.Errorf("%s: %d bytes, want %d", c.name, got, c.want)
		}
	}
}
