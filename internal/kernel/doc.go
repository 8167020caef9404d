// Package kernel holds the loops of training: matrix products, attention, norms, recurrent cells, losses and updates
// over flat float32 buffers.
//
// A [CPU] is an instruction set and a pool of threads, and every operation is one of its methods. A method checks
// the shapes, cuts the work into tiles and runs a routine on each tile. Tiles depend on the shapes alone and
// every sum is taken in a fixed order, so a result has the same bits for any number of threads.
//
// The routines of one instruction set make a table (routines.go). The portable table is plain Go, written to
// be read, and is what the others are tested against. The tables for AVX-512, AVX2 and the architecture's
// baseline are C: each native_*.c names an instruction set, then includes every *.inc.h, whose code is written once
// over the vector type of vector.h. Without cgo only the portable table exists. Products in bfloat16 are compiled apart
// (native_avx512bf16.c), for the processors with AVX-512 that have them.
//
// A routine family x therefore has these files: x.go (methods), portable_x.go (the portable routines), x.inc.h and x.h
// (the C routines and their prototypes) and x_cgo.go (Go wrappers around the C).
package kernel
