package kernel

// matmulRoutines are the parts of the matrix product that depend on the instruction set.
type matmulRoutines struct {
}

var portableMatmul = matmulRoutines{}
