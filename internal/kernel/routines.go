package kernel

import "sync"

// routines is the table of one instruction set: what runs on a tile, on one thread.
type routines struct {
	name        string
	matmul      [BFloat16 + 1]matmulRoutines // without rows where a precision cannot be had
	rows        rowRoutines
	attention   attentionRoutines
	recurrent   recurrentRoutines
	convolution convolutionRoutines
}

// portable is the table in plain Go.
var portable = routines{
	name:        "portable",
	matmul:      [BFloat16 + 1]matmulRoutines{Float32: portableMatmul},
	rows:        portableRows,
	attention:   portableAttention,
	recurrent:   portableRecurrent,
	convolution: portableConvolution,
}

// tables lists the tables that this machine can run, the best first.
var tables = sync.OnceValue(func() []*routines { return append(nativeTables(), &portable) })
