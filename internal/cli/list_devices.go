package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"uer/internal/console"
	"uer/internal/cuda"
	"uer/internal/device/cpu"
	device "uer/internal/device/cuda"
	"uer/internal/kernel"
	"uer/internal/registry"
)

const devicesExamples = `  uer devices

  # cuBLASLt from a folder of your own
  UER_CUDA_LIB=/opt/cuda-13.1/lib64 uer devices`

func newDevices(streams Streams) *cobra.Command {
	command := newCommand("devices", "List the devices to train on, or say why there is no GPU",
		"List what this machine can train on: its processor and its GPUs, with the NVIDIA driver, cuBLASLt, which\n"+
			"multiplies matrices on them, and NCCL, which connects several. Where there is no GPU, say why, and what to install.",
		func(*cobra.Command) error {
			if err := listCPU(streams.Out); err != nil {
				return err
			}
			listGPUs(streams.Out)
			return nil
		})
	command.Use = "devices"
	command.Example = devicesExamples
	return command
}

// listRow prints a line with a title before it.
func listRow(out io.Writer, title, format string, arguments ...any) {
	fmt.Fprintf(out, "%-9s%s\n", title, fmt.Sprintf(format, arguments...))
}

// listCPU prints the instruction set in use, the others of this machine, and the precisions.
func listCPU(out io.Writer) error {
	k, err := kernel.New(0, kernel.Float32)
	if err != nil {
		return err
	}
	defer k.Close()
	listRow(out, "CPU", "%s, %s", k.Name(), counted(int64(k.Threads()), "thread"))
	listRow(out, "", "instruction sets: %s", strings.Join(kernel.InstructionSets(), ", "))
	if err := kernel.Refusal(); err != nil {
		listRow(out, "", "AMX: refused by the system: %v", err)
	}
	var slow []string
	for _, name := range registry.Names(cpu.Precisions) {
		if precision := cpu.Precisions[name]; !kernel.HasInstructions(kernel.Choose(precision), precision) {
			slow = append(slow, name)
		}
	}
	listRow(out, "", "precisions: %s", strings.Join(registry.Names(cpu.Precisions), ", "))
	if slow != nil {
		listRow(out, "", "slower than fp32 here: %s", strings.Join(slow, ", "))
	}
	return nil
}

// listGPUs prints the driver, cuBLASLt, NCCL and the GPUs.
func listGPUs(out io.Writer) {
	driver, err := cuda.FindDriver()
	if err != nil {
		listMissing(out, "GPU", "none", err)
		return
	}
	listRow(out, "Driver", "%s: %s", driver, driver.Path)
	if blas, err := cuda.FindBLAS(); err != nil {
		listMissing(out, "cuBLASLt", "none, so products of matrices are slow", err)
	} else {
		listRow(out, "cuBLASLt", "%s: %s", blas.Version, blas.Path)
	}
	if nccl, err := cuda.FindNCCL(); err != nil {
		listMissing(out, "NCCL", "none, so several GPUs cannot train together", err)
	} else {
		listRow(out, "NCCL", "%s: %s", nccl.Version, nccl.Path)
	}
	gpus, err := cuda.Devices()
	if err != nil {
		listMissing(out, "GPU", "none", err)
	}
	for _, gpu := range gpus {
		title, about := fmt.Sprintf("GPU %d", gpu.Number), fmt.Sprintf("%s, compute capability %d.%d", gpu.Name, gpu.Major, gpu.Minor)
		free, err := freeMemory(gpu)
		if err != nil {
			listMissing(out, title, fmt.Sprintf("%s, %s of memory, cannot be used", about, console.Bytes(gpu.Memory)), err)
			continue
		}
		listRow(out, title, "%s, %s of memory, %s free; %s", about, console.Bytes(gpu.Memory), console.Bytes(free),
			strings.Join(registry.Names(device.Precisions), ", "))
	}
}

// freeMemory is how much memory of a GPU is free. The error is why the GPU cannot be used.
func freeMemory(gpu cuda.Info) (bytes int64, err error) {
	d, err := cuda.Open(gpu.Number)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.FreeMemory()
}

// listMissing prints what cannot be used, why, and what to do.
func listMissing(out io.Writer, title, what string, why error) {
	listRow(out, title, "%s: %v", what, why)
	if hint := cuda.Hint(why); hint != "" {
		listRow(out, "", "hint: %s", hint)
	}
}
