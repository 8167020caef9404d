package trainer

import (
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/optimizer"
)

// bucketSize returns the number of gradients to sum at once: so many that waiting for the other ranks costs little, but few
// enough that most are summed before the backward pass ends.
func bucketSize(parameters int) int {
	const limit, buckets = 25 << 20 / 4, 8
	return min(limit, parameters/buckets)
}

// buckets makes a device sum the gradients over the ranks, bucket by bucket, during the backward pass. It is nil if there
// are no other ranks.
type buckets struct {
	memory device.Memory
	list   []graph.Bucket // in the order in which a run completes them
	shares []int          // which rank needs which sums; nil if all need all
	next   int            // the first one that is not complete
}

func newBuckets(program *graph.Program, memory device.Memory, division *optimizer.Division) *buckets {
	b := &buckets{memory: memory, list: program.Buckets(bucketSize(program.ParameterSize))}
	if division != nil {
		b.shares = division.Parameters
	}
	return b
}

// start prepares for the next run and returns the function that the run must call after each instruction.
func (b *buckets) start() func(instruction int) {
	if b == nil {
		return nil
	}
	b.next = 0
	return b.after
}

// after begins to sum the buckets that an instruction has completed. It does not wait.
func (b *buckets) after(instruction int) {
	for b.next < len(b.list) && b.list[b.next].Instruction <= instruction {
		b.memory.Sum(b.list[b.next].Start, b.list[b.next].End, b.shares)
		b.next++
	}
}
