package cli

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"

	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/device/cpu"
	"uer/internal/registry"
)

type deviceOptions struct {
	Device    string
	Threads   int
	WorldSize int
	GPURanks  []int
	MasterIP  string
	Backend   string
	Precision string
}

func (o *deviceOptions) addFlags(flags *pflag.FlagSet) {
	group := config.NewGroup(flags, "Devices")
	o.addDevice(group, "device to train on")
	group.Choice(&o.Precision, "precision", "fp32", registry.Names(cpu.Precisions), "number format of the factors in matrix products")
	group.Int(&o.Threads, "threads", 0, 0, "CPU threads; one per core by default")
	group.Int(&o.WorldSize, "world_size", 1, 1, "number of processes that train together")
	group.Ints(&o.GPURanks, "gpu_ranks", "ranks of the processes to start on this machine, such as 0 1 2 or 0..7; the number of a GPU if there is one rank only")
	group.Text(&o.MasterIP, "master_ip", "tcp://localhost:12345", "address where the processes meet")
	group.Choice(&o.Backend, "backend", "nccl", []string{"nccl", "gloo"}, "how the processes exchange gradients")
}

func (o *deviceOptions) addDevice(group config.Group, usage string) {
	group.Choice(&o.Device, "device", "auto", []string{"auto", "cpu", "cuda"}, usage)
}

// check rejects contradictory ranks and devices that this machine does not have.
func (o *deviceOptions) check() error {
	if err := o.checkRanks(); err != nil {
		return console.UsageError{Err: err}
	}
	if o.Device == "cpu" {
		if here := len(o.GPURanks); o.WorldSize > 1 && here < o.WorldSize {
			return console.Hint(
				fmt.Errorf("--world_size %d with %d --gpu_ranks: on the CPU, one process trains all ranks", o.WorldSize, here),
				fmt.Sprintf("pass --gpu_ranks 0..%d", o.WorldSize-1))
		}
		return nil
	}
	if o.WorldSize > 1 {
		return console.Hint(fmt.Errorf("--world_size %d: this version of uer trains on one GPU", o.WorldSize),
			"pass --device cpu to train all ranks on the CPU, with the same batches")
	}
	return nil
}

// gpu returns the number of the GPU to train on, and whether a GPU is asked for at all.
func (o *deviceOptions) gpu() (number int, asked bool) {
	if len(o.GPURanks) == 1 {
		number = o.GPURanks[0]
	}
	return number, o.Device == "cuda" || o.Device == "auto" && len(o.GPURanks) > 0
}

func (o *deviceOptions) checkRanks() error {
	address, err := url.Parse(o.MasterIP)
	if err != nil || address.Scheme != "tcp" || !isHostPort(address.Host) || address.Path != "" {
		return fmt.Errorf("--master_ip %q is not of the form tcp://HOST:PORT", o.MasterIP)
	}
	sorted := slices.Sorted(slices.Values(o.GPURanks))
	if len(slices.Compact(slices.Clone(sorted))) < len(sorted) {
		return errors.New("--gpu_ranks names a rank twice")
	}
	if o.WorldSize == 1 && o.Device != "cpu" {
		if len(o.GPURanks) > 1 {
			return console.Hint(fmt.Errorf("%d --gpu_ranks, but --world_size is 1", len(o.GPURanks)),
				fmt.Sprintf("pass --world_size %d", len(o.GPURanks)))
		}
		return nil // a single rank is the number of a GPU
	}
	if o.WorldSize > 1 && len(o.GPURanks) == 0 {
		return console.Hint(fmt.Errorf("--world_size %d without --gpu_ranks starts no process", o.WorldSize),
			fmt.Sprintf("pass --gpu_ranks 0..%d, or the ranks that this machine starts", o.WorldSize-1))
	}
	if len(sorted) > 0 && sorted[len(sorted)-1] >= o.WorldSize {
		return console.Hint(fmt.Errorf("--gpu_ranks %d is not below --world_size %d", sorted[len(sorted)-1], o.WorldSize),
			"ranks number the processes from 0")
	}
	return nil
}

func isHostPort(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return false
	}
	number, err := strconv.Atoi(port)
	return err == nil && number > 0 && number < 1<<16
}
