//go:build gpu

package cuda

import (
	"errors"
	"slices"
	"testing"
)

// A GPU alone is a group, too, so that every call can be tried where there is only one.
func TestGroupOfOne(t *testing.T) {
	d := open(t)
	id, err := NewGroupID()
	if unavailable := (*Unavailable)(nil); errors.As(err, &unavailable) {
		t.Skip(err)
	}
	check(t, err)
	library, err := FindNCCL()
	check(t, err)
	t.Logf("NCCL %s in %s", library.Version, library.Path)
	g, err := d.Join(id, 1, 0, make(chan struct{}))
	check(t, err)
	const n = 1000
	buffer, err := d.Allocate(2 * 4 * n)
	check(t, err)
	want := make([]float32, n)
	for i := range want {
		want[i] = float32(i)
	}
	check(t, Upload(d.Compute, buffer.At, want))
	check(t, d.Compute.Synchronize())
	check(t, g.Sum(buffer.At, n))
	check(t, g.Gather(buffer.At, []int{0, n}))
	check(t, g.Broadcast(buffer.At, buffer.At+4*n, n, 0))
	check(t, g.Stream.Synchronize())
	for _, at := range []Pointer{buffer.At, buffer.At + 4*n} {
		got := make([]float32, n)
		check(t, Download(d.Compute, got, at))
		if !slices.Equal(got, want) {
			t.Errorf("a group of one changed the values to %v …", got[:4])
		}
	}
	check(t, g.Err())
	check(t, g.Close())
	check(t, buffer.Close())
}
