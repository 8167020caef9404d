package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/graph"
)

// NotFinite implements device.Prober.
func (e *executable) NotFinite(instruction int) (device.NotFinite, error) {
	if err := e.device.gpu.Compute.Synchronize(); err != nil {
		return device.NotFinite{}, e.device.explained(err)
	}
	for i := range e.steps {
		s := &e.steps[i]
		if s.number != instruction {
			continue
		}
		for j, v := range s.Out {
			o := s.out[j]
			if v == graph.None || o.At == 0 || o.Type != graph.Float32 || e.program.Values[v].Shape.IsSaved() {
				continue
			}
			values := make([]float32, o.Shape.Elements())
			if err := driver.Download(e.device.gpu.Compute, values, o.At); err != nil {
				return device.NotFinite{}, e.device.explained(err)
			}
			if at := device.FirstNotFinite(values); at >= 0 {
				rows := 1
				if len(o.Shape) > 0 {
					rows = o.Shape[0]
				}
				return device.NotFinite{Output: j, Index: at, Rows: rows, Size: len(values), Value: float64(values[at])}, nil
			}
		}
	}
	return device.NotFinite{Index: -1}, nil
}
