package graph

import (
	"cmp"
	"slices"
)

// Bucket is a contiguous range of the flat buffer of gradients.
type Bucket struct {
	Start, End  int // elements
	Instruction int // the last one that reads or writes gradients of the bucket: after it they are complete
}

// Buckets divides the gradients into buckets of at most size elements, in the order in which a run completes them. A larger
// parameter has a bucket of its own. Gradients that no instruction computes need not be in any bucket.
func (p *Program) Buckets(size int) []Bucket {
	lastUses := p.lastGradientUses()
	var buckets []Bucket
	end := p.ParameterSize
	// The backward pass completes the last parameters first.
	for _, parameter := range slices.Backward(p.Parameters) {
		last, computed := lastUses[parameter.Offset]
		if !computed {
			last = None
		}
		if n := len(buckets); n > 0 && buckets[n-1].End-parameter.Offset <= size {
			buckets[n-1].Start = parameter.Offset
			buckets[n-1].Instruction = max(buckets[n-1].Instruction, last)
		} else {
			buckets = append(buckets, Bucket{Start: parameter.Offset, End: end, Instruction: last})
		}
		end = parameter.Offset
	}
	buckets = slices.DeleteFunc(buckets, func(b Bucket) bool { return b.Instruction == None })
	slices.SortStableFunc(buckets, func(a, b Bucket) int { return cmp.Compare(a.Instruction, b.Instruction) })
	return buckets
}

// lastGradientUses maps the offset of each gradient to the last instruction that reads or writes it.
func (p *Program) lastGradientUses() map[int]int {
	last := map[int]int{}
	for i, instruction := range p.Instructions {
		for _, v := range slices.Concat(instruction.In, instruction.Out) {
			if v != None && p.Values[v].Place == InGradients {
				last[p.Values[v].Offset] = i
			}
		}
	}
	return last
}
