package cuda

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"uer/internal/device"
	"uer/internal/device/devicetest"
	"uer/internal/op"
)

// TestRecurrentFrom: a sequence that is read in pieces gets the bits that it has when it is read at once, which are near the
// CPU's.
func TestRecurrentFrom(t *testing.T) {
	const tokens, in = 5, 6
	processor := openProcessor(t)
	for _, precision := range []string{"fp32", "bf16"} {
		d := openIn(t, precision)
		for cell, name := range map[op.Cell]string{op.TanhCell: "tanh", op.LSTMCell: "lstm", op.GRUCell: "gru"} {
			sizes := []int{5, 32} // odd, and more than a tile
			if cell == op.LSTMCell {
				sizes = append(sizes, 1100) // more than a block copies
			}
			for _, hidden := range sizes {
				t.Run(fmt.Sprintf("%s/%s/%d", precision, name, hidden), func(t *testing.T) {
					read := func(d device.Device, pieces ...[2]int) []float32 {
						y, err := devicetest.ReadInPieces(d, cell, tokens, in, hidden, pieces...)
						if err != nil {
							t.Fatal(err)
						}
						return y
					}
					whole := read(d, [2]int{0, tokens})
					if got := read(d, [2]int{0, 2}, [2]int{2, 3}, [2]int{3, tokens}); !slices.Equal(got, whole) {
						t.Errorf("in pieces %v, at once %v", got, whole)
					}
					for i, want := range read(processor, [2]int{0, tokens}) {
						if e := math.Abs(float64(whole[i] - want)); !(e <= devicetest.Tolerances[precision]) {
							t.Fatalf("state %d is %v, on the CPU %v", i, whole[i], want)
						}
					}
				})
			}
		}
	}
}
