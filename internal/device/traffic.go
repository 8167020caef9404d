package device

import (
	"uer/internal/graph"
	"uer/internal/op"
)

// Traffic returns the bytes that an operation has to read and write at least: each operand once, outputs that are added to
// twice, of tables what is looked up, and no intermediate results.
func Traffic(o graph.Op, in, out []Operand, accumulate []bool) int64 {
	var bytes int64
	for _, x := range in {
		bytes += x.bytes()
	}
	for i, x := range out {
		bytes += x.bytes()
		if accumulate[i] {
			bytes += x.bytes()
		}
	}
	switch o := o.(type) {
	case op.Embedding:
		for _, table := range in[:o.Tables] {
			bytes += rowCount(out[0])*rowWidth(table)*int64(table.ElementBytes) - table.bytes()
		}
	case op.Gather:
		bytes += out[0].bytes() - in[0].bytes()
	}
	return bytes
}

func (o Operand) bytes() int64 {
	if o.Shape == nil {
		return 0
	}
	return int64(o.Shape.Elements()) * int64(o.ElementBytes)
}
