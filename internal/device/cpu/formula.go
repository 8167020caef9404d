package cpu

import (
	"uer/internal/kernel"
	"uer/internal/op"
)

// The constants of package op as those of package kernel.
var (
	activations = [...]kernel.Activation{
		op.Identity: kernel.None, op.GELU: kernel.GELU, op.GELUFast: kernel.GELUFast, op.ReLU: kernel.ReLU,
		op.SiLU: kernel.SiLU, op.Tanh: kernel.Tanh, op.Sigmoid: kernel.Sigmoid,
	}
	norms    = [...]kernel.NormKind{op.NormUER: kernel.NormUER, op.NormRMS: kernel.NormRMS, op.NormStandard: kernel.NormStandard}
	cells    = [...]kernel.Cell{op.TanhCell: kernel.TanhCell, op.LSTMCell: kernel.LSTMCell, op.GRUCell: kernel.GRUCell}
	poolings = [...]kernel.Pooling{op.PoolMean: kernel.PoolMean, op.PoolMax: kernel.PoolMax}
)
