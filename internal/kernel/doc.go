// Package kernel holds the operations of training on the CPU: matrix products, attention, norms, recurrent cells, losses
// and updates over flat buffers of float32, or of bfloat16 for what may be stored so ([Array]).
//
// A [CPU] is an instruction set and a pool of threads, and every operation is one of its methods. A method checks
// the shapes, cuts the work into tiles and runs a routine on each tile. Tiles depend on the shapes alone and
// every sum is taken in a fixed order, so a result has the same bits for any number of threads.
//
// The parts lie in packages of their own:
//
//   - routine is the contract between this package and the routines: a table of them, and the argument of each.
//   - portable has all routines in plain Go, written to be read. The others are tested against them.
//   - native has routines in C, by instruction set. Each set starts from the portable table and overwrites what it has.
//     Without cgo there are none.
//   - workers is the pool of threads.
//
// What cuts tiles, here, knows no instruction set; what runs on one tile knows no threads. The C is compiled again only
// when native or routine change.
package kernel
