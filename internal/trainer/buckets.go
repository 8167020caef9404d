package trainer

import (
	"uer/internal/device"
	"uer/internal/graph"
)

// bucketSize is the number of gradients that are summed at once: enough that waiting for the other ranks costs little, few
// enough that most are summed before the backward pass ends.
func bucketSize(parameters int) int {
	const limit, buckets = 25 << 20 / 4, 8
	return min(limit, parameters/buckets)
}

// buckets lets a device sum the gradients of a rank with those of the other ranks, bucket by bucket, while the backward
// pass goes on. Without other ranks it is nil and has nothing to do.
type buckets struct {
	memory device.Memory
	list   []graph.Bucket // in the order in which they are complete
	next   int            // the first one that is not complete
}

func newBuckets(program *graph.Program, memory device.Memory) *buckets {
	return &buckets{memory: memory, list: program.Buckets(bucketSize(program.ParameterSize))}
}

// start begins to sum the gradients of the coming run, which must call what it returns after each instruction.
func (b *buckets) start() func(instruction int) {
	if b == nil {
		return nil
	}
	b.next = 0
	return b.after
}

// after hands over the buckets that are complete. It never waits.
func (b *buckets) after(instruction int) {
	for b.next < len(b.list) && b.list[b.next].Instruction <= instruction {
		b.memory.Sum(b.list[b.next].Start, b.list[b.next].End)
		b.next++
	}
}
