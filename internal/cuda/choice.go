//go:build gpu

package cuda

/*
#include "blas.h"
*/
import "C"

import (
	"slices"
	"time"
)

// times are the times that a product takes by the algorithms that cuBLASLt proposes, the medians of so many products.
func (p *Products) times(product Product, repeats int) ([]time.Duration, error) {
	if err := product.complete(); err != nil {
		return nil, err
	}
	class := classOf(&product)
	plan, err := p.plan(class, &product)
	if err != nil {
		return nil, err
	}
	var algorithms [C.MOST_CHOICES]C.algorithm
	var found C.int
	if status := C.plan_choices(&p.blas.functions, p.handle, plan, workspaceBytes, &algorithms[0], C.MOST_CHOICES, &found); status != 0 {
		return nil, p.failure(status, "choosing an algorithm for", &product)
	}
	chosen := plan.algorithm
	defer func() { plan.algorithm = chosen }()
	begin, err := p.stream.device.NewTimedEvent()
	if err != nil {
		return nil, err
	}
	end, err := p.stream.device.NewTimedEvent()
	if err != nil {
		return nil, err
	}
	var medians []time.Duration
	for _, a := range algorithms[:found] {
		plan.algorithm = a
		var list []time.Duration
		for range repeats {
			if err := begin.Record(p.stream); err != nil {
				return nil, err
			}
			for range 4 {
				if err := p.Multiply(product); err != nil {
					return nil, err
				}
			}
			if err := end.Record(p.stream); err != nil {
				return nil, err
			}
			if err := end.Synchronize(); err != nil {
				return nil, err
			}
			t, err := end.Since(begin)
			if err != nil {
				return nil, err
			}
			list = append(list, t/4)
		}
		slices.Sort(list)
		medians = append(medians, list[len(list)/2])
	}
	return medians, nil
}
