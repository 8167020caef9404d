package cli

import (
	"fmt"
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

func (o *deviceOptions) addFlags(flags *pflag.FlagSet) {
	group := config.NewGroup(flags, "Devices")
	o.addDevice(group, "device to train on")
	group.Choice(&o.Precision, "precision", "fp32", registry.Names(cuda.Precisions),
		"number format of the factors in matrix products; on GPUs, bf16 also stores activations in it, and tf32 rounds fp32 factors")
	group.Int(&o.Threads, "threads", 0, 0, "CPU threads; one per core by default")
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
	if _, known := cpu.Precisions[o.Precision]; !known && p.gpus == nil {
		return console.UsageError{Err: console.Hint(fmt.Errorf("--precision %s is for GPUs, and this training runs on the CPU", o.Precision),
			"leave out --precision, pass --precision bf16 on a CPU with AVX-512 BF16, or --device cuda")}
	}
	if o.Zero > 1 {
		return console.UsageError{Err: console.Hint(fmt.Errorf("--zero %d: there are 0 and 1", o.Zero),
			"--zero 1 divides the optimizer; gradients and parameters are not divided")}
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
