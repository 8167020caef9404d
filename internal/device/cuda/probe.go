package cuda

import (
	"cmp"
	"math"

	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/graph"
)

// NotFinite implements device.Prober.
func (e *executable) NotFinite(instruction int) (device.NotFinite, error) {
	err := e.device.pending.begin(e.device.gpu.Compute)
	if err = cmp.Or(err, e.device.gpu.Compute.Synchronize()); err != nil {
		return device.NotFinite{}, e.device.explained(err)
	}
	for i := range e.steps {
		s := &e.steps[i]
		if s.number != instruction {
			continue
		}
		for j, v := range s.Out {
			o := s.out[j]
			if v == graph.None || o.At == 0 || o.Type == graph.Int32 || e.program.Values[v].Shape.IsSaved() {
				continue
			}
			values, err := e.read(o)
			if err != nil {
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

// read copies a value to the host, in float32 whatever its type.
func (e *executable) read(o operand) ([]float32, error) {
	values, compute := make([]float32, o.Shape.Elements()), e.device.gpu.Compute
	switch o.Type {
	case graph.Float32:
		return values, driver.Download(compute, values, o.At)
	case graph.BFloat16:
		halves := make([]uint16, len(values))
		if err := driver.Download(compute, halves, o.At); err != nil {
			return nil, err
		}
		for i, half := range halves {
			values[i] = math.Float32frombits(uint32(half) << 16)
		}
	case graph.Float64:
		doubles := make([]float64, len(values))
		if err := driver.Download(compute, doubles, o.At); err != nil {
			return nil, err
		}
		for i, double := range doubles {
			values[i] = float32(double)
		}
	}
	return values, nil
}
