package graph

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Digest identifies what a program computes: its operations in order, and the values that they read and write.
func (p *Program) Digest() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%+v\n%v %v\n", p.Layout, p.Inputs, p.Outputs)
	for _, v := range p.Values {
		fmt.Fprintf(sum, "%+v\n", v)
	}
	for _, i := range p.Instructions {
		fmt.Fprintf(sum, "%T %+v %v %v %v %v\n", i.Op, i.Op, i.In, i.Out, i.Accumulate, i.Recomputed)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
