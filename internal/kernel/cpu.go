package kernel

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"uer/internal/kernel/native"
	"uer/internal/kernel/portable"
	"uer/internal/kernel/routine"
	"uer/internal/kernel/workers"
)

// CPU runs operations with one instruction set on a pool of threads. It belongs to one goroutine at a time.
type CPU struct {
	table     *routine.Table
	pool      *workers.Pool
	sizes     productSizes
	product   productScratch
	stages    []stage       // of the workers
	order     sequenceOrder // of recurrent layers
	attention attentionTiles
}

// New returns a CPU with the given number of threads, 0 for all cores, and the best instruction set of this machine for
// products in a precision or the one that the environment variable UER_CPU names.
func New(threads int, precision Precision) (*CPU, error) {
	cpu, err := NewWith(Choose(precision), threads)
	if err != nil && os.Getenv("UER_CPU") != "" {
		return nil, fmt.Errorf("UER_CPU: %w", err)
	}
	return cpu, err
}

// Choose names the instruction set that UER_CPU names or that is the best for products in a precision.
func Choose(precision Precision) string {
	if set := os.Getenv("UER_CPU"); set != "" {
		return set
	}
	best := InstructionSets()[0]
	if precision == BFloat16 && best != native.AMX && vdpbf16IsFast() {
		return native.VDPBF16
	}
	return best
}

// vdpbf16IsFast reports whether VDPBF16PS has a higher rate than multiply-adds in float32: on AMD's processors it has twice
// the rate, on Intel's half of it. That is measured once, in a millisecond, so that a process keeps to one choice.
var vdpbf16IsFast = sync.OnceValue(func() bool {
	i := slices.Index(InstructionSets(), native.VDPBF16)
	return i >= 0 && rate(tables()[i].Matmul[BFloat16].Peak) > rate(tables()[i].Matmul[Float32].Peak)
})

// rate is the best rate of a loop in some moments, in operations a nanosecond.
func rate(peak func(rounds int) int) float64 {
	const rounds, moments = 2000, 5
	best := 0.0
	for range moments {
		start := time.Now()
		operations := peak(rounds)
		best = max(best, float64(operations)/float64(time.Since(start).Nanoseconds()))
	}
	return best
}

// HasInstructions reports whether an instruction set has instructions for products in a precision. Without, they are
// computed by multiply-adds in float32, which takes longer than products in that.
func HasInstructions(set string, precision Precision) bool {
	return precision == Float32 || set == native.AMX || set == native.VDPBF16 && precision == BFloat16
}

// Refusal is why the system does not let this process use the tiles of its processor; nil if it does or there are none.
func Refusal() error { return native.Refusal() }

// NewWith returns a CPU with the instruction set of that name, one of [InstructionSets].
func NewWith(set string, threads int) (*CPU, error) {
	if threads < 0 {
		return nil, fmt.Errorf("start %d threads: the number is negative", threads)
	}
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	for _, table := range tables() {
		if table.Name == set {
			return &CPU{
				table:   table,
				pool:    workers.New(threads),
				sizes:   machineSizes(),
				product: productScratch{workers: make([][]float32, threads)},
				stages:  make([]stage, threads),
			}, nil
		}
	}
	return nil, fmt.Errorf("instruction set %q: this machine has %s", set, strings.Join(InstructionSets(), ", "))
}

// tables lists the tables that this machine can run, best first.
var tables = sync.OnceValue(func() (list []*routine.Table) {
	for _, set := range native.Sets() {
		table := portable.Table()
		native.Fill(set, &table)
		list = append(list, &table)
	}
	table := portable.Table()
	return append(list, &table)
})

// InstructionSets names the instruction sets that this program can use on this machine, best first.
func InstructionSets() []string {
	var names []string
	for _, table := range tables() {
		names = append(names, table.Name)
	}
	return names
}

// Name is the name of the instruction set.
func (c *CPU) Name() string { return c.table.Name }

// Threads is the number of threads that share the work.
func (c *CPU) Threads() int { return c.pool.Threads() }

// Close stops the threads. The CPU must be idle, and cannot be used afterwards.
func (c *CPU) Close() { c.pool.Close() }

// parallel calls body once for every tile in [0, tiles), on all threads, and returns when all calls have.
// The body must not call parallel. A panic in body is raised again here.
func (c *CPU) parallel(tiles int, body func(tile int)) {
	c.pool.Run(tiles, func(_, tile int) { body(tile) })
}

// parallelWorker is parallel for bodies that need scratch memory of their own: worker is in [0, Threads()), and no two
// calls with one worker run at the same time.
func (c *CPU) parallelWorker(tiles int, body func(worker, tile int)) {
	c.pool.Run(tiles, body)
}
