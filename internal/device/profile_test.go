package device

import (
	"strings"
	"testing"
	"time"
)

func TestProfile(t *testing.T) {
	p := NewProfile()
	p.Add("norm", time.Second, Work{Bytes: 2e9}, false)
	p.Add("linear", 2*time.Second, Work{FLOPs: 4e11, Bytes: 3e9}, false)
	p.Add("linear", time.Second, Work{FLOPs: 2e11, Bytes: 3e9}, true)
	if got := p.FLOPs(); got != 4e11 {
		t.Errorf("%d operations, want those that are not recomputed", got)
	}
	var table strings.Builder
	if err := p.Write(&table); err != nil {
		t.Fatal(err)
	}
	want := "linear                              2 calls      3.000 s   75.0%    200.0 GFLOP/s     2.0 GB/s\n" +
		"norm                                1 calls      1.000 s   25.0%                      2.0 GB/s\n"
	if table.String() != want {
		t.Errorf("table\n%swant\n%s", table.String(), want)
	}
}
