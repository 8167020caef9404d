//go:build gpu

package kernels

import "testing"

// TestPack copies parts of a buffer to others of it, also to places that lie no multiple of 16 bytes apart.
func TestPack(t *testing.T) {
	memory := storages[1].random(1, 9000)
	want := append([]float32{}, memory...)
	list := []uint64{}
	for _, c := range []struct{ to, from, size int }{{4096, 0, 2100}, {6300, 2101, 77}, {6400, 2200, 8}, {7001, 2300, 16}} {
		list = append(list, uint64(c.to), uint64(c.from), uint64(c.size))
		copy(want[c.to:], want[c.from:c.from+c.size])
	}
	launch(t, "pack_bf16", grid{ceilDivide(2100, 2048), 4}, memory, list)
	compareAll(t, "packed", memory, doubles(want), 0)
}
