package inference_test

import (
	"testing"

	"uer/internal/device/cuda"
	"uer/internal/device/cuda/gputest"
)

// TestGPUWrites: a GPU scores each token of a text as it does without memory, and as the CPU does.
func TestGPUWrites(t *testing.T) {
	gputest.Need(t)
	// Of the range of scores: from those without memory, and from those of the CPU.
	for precision, tolerances := range map[string][2]float64{"fp32": {1e-5, 1e-4}, "bf16": {0.02, 0.15}} {
		d, err := cuda.New(cuda.Options{Precision: precision})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range scored() {
			t.Run(precision+"/"+name, func(t *testing.T) { compareScores(t, d, name, tolerances) })
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}
