package cli

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"uer/internal/batch"
	"uer/internal/collective"
	"uer/internal/console"
	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/device/cuda"
	"uer/internal/trainer"
)

// rank holds what each replica of the model has to itself: a device and a part of the data.
type rank struct {
	device     device.Device
	batches    *batch.Loader
	connection collective.Collective // to the other ranks; nil if there are none
	heldOut    *trainer.HeldOut      // nil without --dev_path
}

// openRanks opens all ranks of this process.
func openRanks(options pretrainOptions, data trainingData) ([]rank, error) {
	connections := collective.NewLocal(options.Devices.WorldSize)
	var ranks []rank
	for number := range options.Devices.WorldSize {
		r, err := openRank(options, data, connections[number])
		if err != nil {
			closeRanks(ranks)
			return nil, err
		}
		ranks = append(ranks, r)
	}
	return ranks, nil
}

func openRank(options pretrainOptions, data trainingData, connection *collective.Local) (rank, error) {
	masker, err := data.newMasker()
	if err != nil {
		return rank{}, err
	}
	var from *batch.Position
	if data.resumed != nil {
		from = &data.resumed.Position
	}
	batches, err := batch.New(data.dataset, batch.Options{
		Target: options.Model.Target, Vocabulary: data.vocabulary, TargetVocabulary: data.targetVocabulary,
		Masker:    masker,
		BatchSize: options.BatchSize, BufferSize: data.bufferSize(options), Seed: options.Seed,
		Rank: connection.Rank(), WorldSize: connection.Size(), KeepPadding: options.Model.KeepPadding,
		From: from, Verify: connection.Rank() == 0,
	})
	if err != nil {
		return rank{}, err
	}
	r := rank{batches: batches}
	if r.device, err = openDevice(options.Devices, connection); err != nil {
		batches.Close()
		return rank{}, err
	}
	if connection.Size() > 1 {
		r.connection = connection
	}
	if r.heldOut, err = data.newHeldOut(options, r.connection); err != nil {
		closeRanks([]rank{r})
		return rank{}, err
	}
	return r, nil
}

// openDevice opens the device of one rank.
func openDevice(o deviceOptions, connection *collective.Local) (device.Device, error) {
	if number, asked := o.gpu(); asked {
		gpu, err := cuda.New(cuda.Options{Number: number, Precision: o.Precision})
		var unavailable *driver.Unavailable
		if errors.As(err, &unavailable) {
			err = console.Hint(err, unavailable.Hint+"; --device cpu trains on the CPU, with the same batches")
		}
		if err != nil {
			return nil, err
		}
		return gpu, nil
	}
	settings := cpu.Options{Threads: threads(o.Threads, connection.Rank(), connection.Size()), Precision: o.Precision}
	if connection.Size() > 1 {
		settings.Ranks = connection.Duplicate()
	}
	processor, err := cpu.New(settings)
	if err != nil {
		return nil, err
	}
	return processor, nil
}

// threads returns a rank's share of all threads, at least one.
func threads(all, number, ranks int) int {
	if all == 0 {
		all = runtime.GOMAXPROCS(0)
	}
	share := all / ranks
	if number < all%ranks {
		share++
	}
	return max(share, 1)
}

func closeRanks(ranks []rank) (err error) {
	for _, r := range ranks {
		r.batches.Close()
		err = errors.Join(err, r.device.Close())
	}
	return err
}

// describeDevices names the devices of all ranks, with the number of equal ones.
func describeDevices(ranks []rank) string {
	var names []string
	count := map[string]int{}
	for _, r := range ranks {
		name := r.device.Name()
		if count[name]++; count[name] == 1 {
			names = append(names, name)
		}
	}
	for i, name := range names {
		if len(ranks) > 1 {
			names[i] = fmt.Sprintf("%d x %s", count[name], name)
		}
	}
	return strings.Join(names, " + ")
}

// printDetails prints the memory and the software of a GPU, and what is missing there.
func printDetails(d device.Device, status io.Writer) error {
	gpu, ok := d.(*cuda.Device)
	if !ok {
		return nil
	}
	details, err := gpu.Details()
	if err != nil {
		return err
	}
	blas := "cuBLASLt " + details.BLAS.Version
	if details.NoBLAS != nil {
		blas = "no cuBLASLt"
	}
	fmt.Fprintf(status, "         %s of GPU memory, %s free; driver %s; %s\n",
		console.Bytes(details.Memory), console.Bytes(details.Free), details.Driver, blas)
	if details.NoBLAS != nil {
		fmt.Fprintf(status, "         Products of matrices are slow: %v\n         hint: %s\n", details.NoBLAS, driver.Hint(details.NoBLAS))
	}
	return nil
}
