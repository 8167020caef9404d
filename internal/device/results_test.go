package device

import "testing"

// TestResults checks that outputs are read once, in order, and stay valid until the next call.
func TestResults(t *testing.T) {
	var r Results
	var kept []Figures
	next := 0.0
	for _, runs := range []int{2, 0, 3, 1} {
		before := next
		for range runs {
			figures := r.Add()
			figures.Outputs = append(figures.Outputs, next, -next)
			next++
		}
		for i, f := range kept {
			if want := before - float64(len(kept)-i); f.Outputs[0] != want {
				t.Errorf("what was read has changed to %v, want %v", f.Outputs[0], want)
			}
		}
		if kept = r.Take(); len(kept) != runs {
			t.Fatalf("the outputs of %d runs, want %d", len(kept), runs)
		}
		for i, f := range kept {
			if want := before + float64(i); len(f.Outputs) != 2 || f.Outputs[0] != want || f.Outputs[1] != -want {
				t.Errorf("outputs %v, want %v", f.Outputs, want)
			}
		}
	}
	if allocations := testing.AllocsPerRun(10, func() {
		f := r.Add()
		f.Outputs = append(f.Outputs, 1, 2)
		r.Take()
	}); allocations > 0 {
		t.Errorf("%v allocations a run", allocations)
	}
}
