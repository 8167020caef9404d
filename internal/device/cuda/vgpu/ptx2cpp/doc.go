// Package ptx2cpp translates PTX to C++ that runs on the stand-in for a GPU: so the kernels are tested as they ship,
// not only as they were written. It knows the part of the PTX ISA that clang emits for the project's kernels. Anything
// else is an error, never a guess.
//
// A register becomes a variable, a label a label, an instruction a line: ../runtime/vgpu_ptx.h holds the functions that
// they call. Registers that were never written hold garbage, shared memory is addressed by its offset and checked for
// its size, and addresses are checked for their alignment.
package ptx2cpp
