package cli

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/device/cpu"
	"uer/internal/device/cuda"
	"uer/internal/launcher"
	"uer/internal/registry"
)

type deviceOptions struct {
	Device    string
	Threads   int
	WorldSize int
	GPURanks  []int
	MasterIP  string
	Launcher  string
	Backend   string
	Timeout   int // seconds
	Precision string
	Zero      int // 1: the optimizer is divided over the ranks

	placement placement // found by check
}

// maxWorkers bounds threads and workers, each of which takes memory of its own.
const maxWorkers = 1 << 12

func (o *deviceOptions) addFlags(flags *pflag.FlagSet) {
	group := config.NewGroup(flags, "Devices")
	o.addDevice(group, "device to train on")
	group.Choice(&o.Precision, "precision", "fp32", precisions(),
		"number format of the factors in matrix products; bf16 also stores activations in it; on GPUs, tf32 rounds fp32 factors; "+
			"on CPUs, bf16x3 and bf16x6 stand for fp32 with AMX, bf16x6 without a loss of accuracy")
	group.IntTo(&o.Threads, "threads", 0, 0, maxWorkers, "CPU threads; one per core by default")
	group.Int(&o.WorldSize, "world_size", 1, 1, "number of processes that train together")
	group.Ints(&o.GPURanks, "gpu_ranks", "ranks of the processes to start on this machine, such as 0 1 2 or 0..7; the number of a GPU if there is one rank only")
	group.Text(&o.MasterIP, "master_ip", "tcp://localhost:12345", "address of rank 0, where the processes meet, or file:// and a folder that they share")
	group.Choice(&o.Launcher, "launcher", "", launcher.Names(), "what started this process and tells it its ranks; found by its variables if --gpu_ranks is left out")
	group.Choice(&o.Backend, "backend", "nccl", []string{"nccl", "gloo"}, "how the processes exchange gradients: nccl on GPUs, gloo on CPUs; needs not be given")
	group.Int(&o.Zero, "zero", 0, 0, "1: divide the update and the optimizer state over the processes (ZeRO-1), with the same results and less memory; 0: do not")
	group.Int(&o.Timeout, "dist_timeout", 600, 1, "seconds after which a rank that does not get ahead ends the training of all")
}

func (o *deviceOptions) addDevice(group config.Group, usage string) {
	group.Choice(&o.Device, "device", "auto", []string{"auto", "cpu", "cuda"}, usage)
}

// check finds the placement of the ranks and rejects what contradicts it.
func (o *deviceOptions) check(flags *pflag.FlagSet) (err error) {
	if o.placement, err = o.place(flags); err != nil {
		return err
	}
	p := &o.placement
	o.WorldSize = p.world
	backend := "gloo"
	if p.gpus != nil {
		backend = "nccl"
	}
	if p.world > 1 && config.SourceOf(flags.Lookup("backend")) != config.Default && o.Backend != backend {
		return console.UsageError{Err: console.Hint(fmt.Errorf("--backend %s does not connect %s", o.Backend,
			map[string]string{"gloo": "CPUs", "nccl": "GPUs"}[backend]), "leave out --backend, or pass --backend "+backend)}
	}
	o.Backend = backend
	if err := o.checkPrecision(); err != nil {
		return err
	}
	if note := cpu.Note(o.Precision); note != "" && p.gpus == nil {
		p.lines = append(p.lines, "Note     "+note)
	}
	if o.Zero > 1 {
		return console.UsageError{Err: console.Hint(fmt.Errorf("--zero %d: there are 0 and 1", o.Zero),
			"--zero 1 divides the optimizer; gradients and parameters are not divided")}
	}
	return nil
}

// precisions are those of all devices.
func precisions() []string {
	names := append(registry.Names(cpu.Precisions), registry.Names(cuda.Precisions)...)
	slices.Sort(names)
	return slices.Compact(names)
}

// checkPrecision rejects a precision that the device does not have.
func (o *deviceOptions) checkPrecision() error {
	_, onCPU := cpu.Precisions[o.Precision]
	_, onGPU := cuda.Precisions[o.Precision]
	switch gpu := o.placement.gpus != nil; {
	case !gpu && !onCPU:
		return console.UsageError{Err: console.Hint(fmt.Errorf("--precision %s is for GPUs, and this training runs on the CPU", o.Precision),
			"leave out --precision, or pass --device cuda")}
	case gpu && !onGPU:
		return console.UsageError{Err: console.Hint(fmt.Errorf("--precision %s is for CPUs, and this training runs on a GPU", o.Precision),
			"leave out --precision, or pass --precision tf32 or bf16")}
	}
	return nil
}

// plan prepares for a dry run, which opens one rank only. If that shall have a GPU and there is none, the CPU takes its
// place.
func (o *deviceOptions) plan() {
	p := &o.placement
	if p.gpus == nil || o.visibleGPUs() > 0 {
		return
	}
	p.gpus, p.ranks, o.Precision = nil, p.ranks[:1], "fp32"
	p.lines = append(p.lines, "Note     there is no GPU here: this plan is made on the CPU; on a GPU, activations and time differ")
}

// timeout is how long a rank may not get ahead.
func (o *deviceOptions) timeout() time.Duration { return time.Duration(o.Timeout) * time.Second }
