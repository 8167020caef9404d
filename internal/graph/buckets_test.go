package graph

import (
	"fmt"
	"slices"
	"testing"
)

// TestBuckets checks on a program with shared and frozen parameters that buckets cover each gradient once, keep to their
// size, and are complete when they say so, also where values are computed again between them.
func TestBuckets(t *testing.T) {
	for _, recompute := range []bool{false, true} {
		t.Run(fmt.Sprintf("recompute %v", recompute), func(t *testing.T) { testBuckets(t, recompute) })
	}
}

func testBuckets(t *testing.T, recompute bool) {
	b := NewBuilder()
	b.Recompute = recompute
	terms := []*Node{b.Parameter("first", 10)}
	for i := range 6 {
		terms = append(terms, b.Block(func() *Node {
			return b.Apply(square{}, b.Apply(square{}, b.Parameter(fmt.Sprint(i), 20)))
		}))
	}
	terms = append(terms, b.Frozen("table", 50), b.Apply(double{}, terms[0]))
	p, err := b.Compile(b.Apply(total{len(terms)}, terms...))
	if err != nil {
		t.Fatal(err)
	}
	if repeats := repeatsOf(p); recompute != (len(repeats) == 5) {
		t.Fatalf("repeats %v instructions", repeats)
	}
	for _, size := range []int{1, 64, 100, 1000} {
		covered := make([]int, p.ParameterSize)
		instruction := 0
		for _, bucket := range p.Buckets(size) {
			if bucket.Instruction < instruction {
				t.Errorf("size %d: bucket %+v comes after instruction %d", size, bucket, instruction)
			}
			instruction = bucket.Instruction
			count := 0
			for _, parameter := range p.Parameters {
				if parameter.Offset >= bucket.Start && parameter.Offset < bucket.End {
					count++
				}
			}
			if bucket.End-bucket.Start > size && count > 1 {
				t.Errorf("size %d: bucket %+v holds %d parameters", size, bucket, count)
			}
			for i := bucket.Start; i < bucket.End; i++ {
				covered[i]++
			}
			for _, later := range p.Instructions[bucket.Instruction+1:] {
				for _, v := range slices.Concat(later.In, later.Out) {
					if v == None || p.Values[v].Place != InGradients {
						continue
					}
					if offset := p.Values[v].Offset; offset >= bucket.Start && offset < bucket.End {
						t.Errorf("size %d: bucket %+v is touched by %v later", size, bucket, later)
					}
				}
			}
		}
		for _, parameter := range p.Parameters {
			for i := range parameter.Shape.Elements() {
				if n := covered[parameter.Offset+i]; n > 1 || n == 0 && !parameter.Frozen {
					t.Fatalf("size %d: element %d of %s is in %d buckets", size, i, parameter.Name, n)
				}
			}
		}
	}
	if n := len(p.Buckets(p.ParameterSize)); n != 1 {
		t.Errorf("%d buckets as large as the buffer", n)
	}
}
