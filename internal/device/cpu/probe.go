package cpu

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/kernel"
)

// NotFinite implements device.Prober.
func (e *executable) NotFinite(instruction int) (device.NotFinite, error) {
	for i := range e.steps {
		s := &e.steps[i]
		if s.number != instruction {
			continue
		}
		for j, v := range s.Out {
			if v == graph.None || e.program.Values[v].Shape.IsSaved() {
				continue
			}
			o := s.out[j]
			if !o.Present() {
				continue
			}
			floats := o.Floats
			if o.Halves != nil {
				floats = make([]float32, o.Shape.Elements())
				e.device.kernel.Copy(kernel.Floats(floats), o.Slice(0, len(floats)), false)
			}
			if at := device.FirstNotFinite(floats[:o.Shape.Elements()]); at >= 0 {
				return device.NotFinite{Output: j, Index: at, Rows: rows(o.Shape), Size: o.Shape.Elements(), Value: float64(floats[at])}, nil
			}
		}
	}
	return device.NotFinite{Index: -1}, nil
}

func rows(shape graph.Shape) int {
	if len(shape) == 0 {
		return 1
	}
	return shape[0]
}
