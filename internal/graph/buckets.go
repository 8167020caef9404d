package graph

import (
	"cmp"
	"slices"
)

// Bucket is a contiguous part of the flat buffer of gradients.
type Bucket struct {
	Start, End  int // elements
	Instruction int // the last one that touches the gradients of the bucket: after it, they are complete
}

// Buckets cuts the gradients into parts of at most size elements, or of one parameter where that has more, in the order in
// which a run completes them. Gradients that nothing computes are in no bucket or among others.
func (p *Program) Buckets(size int) []Bucket {
	touched := p.gradientsTouched()
	var buckets []Bucket
	end := p.ParameterSize
	// The backward pass completes the last parameters first.
	for _, parameter := range slices.Backward(p.Parameters) {
		last, computed := touched[parameter.Offset]
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

// gradientsTouched finds the last instruction that reads or writes each gradient, by the gradient's offset.
func (p *Program) gradientsTouched() map[int]int {
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
