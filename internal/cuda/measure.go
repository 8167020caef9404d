//go:build gpu

package cuda

/*
#include "blas.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
	"unsafe"
)

// choose sets the algorithm of a plan: the one that is known to be the fastest for its class, or else the fastest of those
// that cuBLASLt proposes, measured now. Without choices to keep, it is the first one proposed.
func (p *Products) choose(plan *C.struct_plan, product *Product) error {
	key := fmt.Sprintf("%s, cuBLASLt %s, %v", p.stream.device.Name, p.blas.Version, plan.class)
	if p.choices != nil {
		if known, ok := p.choices.find(key); ok {
			*(*choice)(unsafe.Pointer(&plan.algorithm)) = known
			return nil
		}
	}
	proposed, err := p.proposals(plan, product)
	if err != nil {
		return err
	}
	plan.algorithm = proposed[0]
	if p.choices == nil || len(proposed) == 1 {
		return nil
	}
	times, err := p.times(plan, *product, proposed)
	if full := (*OutOfMemory)(nil); errors.As(err, &full) {
		return nil
	}
	if err != nil {
		return err
	}
	plan.algorithm = proposed[slices.Index(times, slices.Min(times))]
	kept, err := p.choices.keep(key, *(*choice)(unsafe.Pointer(&plan.algorithm)))
	*(*choice)(unsafe.Pointer(&plan.algorithm)) = kept
	return err
}

// proposals are the algorithms that cuBLASLt proposes, at least one.
func (p *Products) proposals(plan *C.struct_plan, product *Product) ([]C.algorithm, error) {
	algorithms := make([]C.algorithm, C.MOST_CHOICES)
	wanted, found := C.int(len(algorithms)), C.int(0)
	if p.choices == nil {
		wanted = 1
	}
	status := C.plan_choices(&p.blas.functions, p.handle, plan, workspaceBytes, &algorithms[0], wanted, &found)
	if status != 0 {
		return nil, p.failure(status, "choosing an algorithm for", product)
	}
	return algorithms[:found], nil
}

// times are what a product takes by each algorithm, or the longest time for one that does not compute it. The result goes to
// memory of its own, since a product may add to what is there.
func (p *Products) times(plan *C.struct_plan, product Product, algorithms []C.algorithm) ([]time.Duration, error) {
	result, err := p.stream.device.Allocate(int64((product.Batch-1)*product.D.Next+product.M*product.D.Stride) * product.Result.bytes())
	if err != nil {
		return nil, err
	}
	product.D.At, product.C = result.At, Matrix{At: result.At, Stride: product.D.Stride, Next: product.D.Next}
	medians := make([]time.Duration, len(algorithms))
	for i, a := range algorithms {
		plan.algorithm = a
		if medians[i], err = p.time(plan, &product); err != nil {
			break
		}
	}
	return medians, errors.Join(err, result.Close())
}

// errRefused means that an algorithm does not compute a product.
var errRefused = errors.New("cuBLASLt refuses the product")

// time is the median of three measurements of a few products each. Before them the GPU is kept busy for as long as the host
// takes to begin them.
func (p *Products) time(plan *C.struct_plan, product *Product) (time.Duration, error) {
	const long = 200 * time.Microsecond
	count := 1 // the first one is not counted
	var times [1 + 3]time.Duration
	for i := range times {
		for range 4 {
			if err := p.stream.Fill8(p.workspace.At, 0, p.workspace.Bytes); err != nil {
				return 0, err
			}
		}
		elapsed, err := p.stream.Time(func() error {
			for range count {
				if p.run(plan, product) != 0 {
					return errRefused
				}
			}
			return nil
		})
		if errors.Is(err, errRefused) {
			return math.MaxInt64, nil
		}
		if err != nil {
			return 0, err
		}
		times[i] = elapsed / time.Duration(count)
		if i == 0 {
			if count = 2; elapsed < long {
				count = 6
			}
		}
	}
	slices.Sort(times[1:])
	return times[2], nil
}
