package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"

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

// openRanks opens all ranks of this process, at the same time, since GPUs wait for one another. If one fails, none stays open.
func openRanks(options pretrainOptions, data trainingData, connections []*collective.Local, hosts []collective.Host) ([]rank, error) {
	// Without its GPU a rank would wait for the others first; and the lowest rank without one is named.
	for i, connection := range connections {
		if err := findGPU(options.Devices, i); err != nil && connection.Size() > 1 {
			return nil, connection.Abort(err)
		} else if err != nil {
			return nil, err
		}
	}
	ranks, errs := make([]rank, len(connections)), make([]error, len(connections))
	var all sync.WaitGroup
	for i, connection := range connections {
		all.Go(func() {
			if ranks[i], errs[i] = openRank(options, data, connection, i, hosts); errs[i] != nil && connection.Size() > 1 {
				errs[i] = connection.Abort(errs[i])
			}
		})
	}
	all.Wait()
	if err := cmp.Or(errs...); err != nil {
		ranks = slices.DeleteFunc(ranks, func(r rank) bool { return r.device == nil })
		return nil, errors.Join(err, closeRanks(ranks, false))
	}
	return ranks, nil
}

func openRank(options pretrainOptions, data trainingData, connection *collective.Local, number int, hosts []collective.Host) (rank, error) {
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
	if r.device, err = openDevice(options.Devices, connection, number, hosts); err != nil {
		batches.Close()
		return rank{}, err
	}
	if connection.Size() > 1 {
		r.connection = connection
	}
	if r.heldOut, err = data.newHeldOut(options, r.connection); err != nil {
		closeRanks([]rank{r}, false)
		return rank{}, err
	}
	return r, nil
}

// findGPU returns why the GPU of the number-th rank of this process cannot be used, if it is to train on one.
func findGPU(o deviceOptions, number int) error {
	if o.placement.gpus == nil {
		return nil
	}
	_, err := driver.Find(o.placement.gpus[number])
	return withHint(err, o.placement.world)
}

// openDevice opens the device of one rank, which is the number-th of this process. With a connection, it sums gradients over
// the ranks.
func openDevice(o deviceOptions, connection *collective.Local, number int, hosts []collective.Host) (device.Device, error) {
	if o.placement.gpus != nil {
		settings := cuda.Options{Number: o.placement.gpus[number], Precision: o.Precision}
		if connection != nil && connection.Size() > 1 {
			id, err := groupID(connection)
			if err != nil {
				return nil, err
			}
			settings.Ranks = &cuda.Ranks{ID: id, Rank: connection.Rank(), Size: connection.Size(), Over: connection.Over()}
		}
		gpu, err := cuda.New(settings)
		if err != nil {
			return nil, withHint(err, o.placement.world)
		}
		return gpu, nil
	}
	index, ranks := number, len(o.placement.ranks)
	if len(hosts) > 0 {
		index, ranks = onThisMachine(hosts, connection.Rank())
	}
	settings := cpu.Options{Threads: threads(o.Threads, index, ranks), Precision: o.Precision}
	if connection != nil && connection.Size() > 1 {
		settings.Ranks = connection.Duplicate()
	}
	processor, err := cpu.New(settings)
	if err != nil {
		return nil, err
	}
	return processor, nil
}

// groupID returns the name of the group of all GPUs, which rank 0 makes.
func groupID(connection *collective.Local) (id driver.GroupID, err error) {
	var own []byte
	if connection.Rank() == 0 {
		id, err = driver.NewGroupID()
		own = id[:]
	}
	if err != nil {
		return id, withHint(err, connection.Size())
	}
	all, err := connection.Gather(own)
	if err == nil {
		copy(id[:], all[0])
	}
	return id, err
}

// withHint adds to the error of a GPU that cannot be used what to do about it without changing what is trained.
func withHint(err error, ranks int) error {
	var unavailable *driver.Unavailable
	if !errors.As(err, &unavailable) {
		return err
	}
	hint := unavailable.Hint + "; --device cpu trains on the CPU, with the same batches"
	if ranks > 1 {
		hint += fmt.Sprintf(" of all %d ranks (without --world_size and --gpu_ranks, a batch would be 1/%d of that)", ranks, ranks)
	}
	return console.Hint(err, hint)
}

// onThisMachine returns the number of ranks that share the machine of a rank, and its number among them.
func onThisMachine(hosts []collective.Host, rank int) (index, ranks int) {
	machine := ""
	for _, h := range hosts {
		if slices.Contains(h.Ranks, rank) {
			machine = h.Name
		}
	}
	for _, h := range hosts {
		if h.Name != machine {
			continue
		}
		for _, r := range h.Ranks {
			if ranks++; r < rank {
				index++
			}
		}
	}
	return index, ranks
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

// closeRanks closes what openRanks opened. If another process has failed, a rank here may still wait for it, so its device
// is left to the end of the program.
func closeRanks(ranks []rank, failed bool) (err error) {
	for _, r := range ranks {
		r.batches.Close()
		if !failed {
			err = errors.Join(err, r.device.Close())
		}
	}
	return err
}

// describeDevices names the devices of all ranks, with the number of equal ones.
func describeDevices(ranks []rank) string {
	var names []string
	count := map[string]int{}
	for _, r := range ranks {
		name := r.device.Name()
		if gpu, ok := r.device.(*cuda.Device); ok && len(ranks) > 1 {
			name = gpu.Kind()
		}
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
func printDetails(d device.Device, limits device.Limits, status io.Writer) error {
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
	fmt.Fprintf(status, "         at most %.3g TFLOP/s in products and %.3g TB/s in copies, as measured now\n",
		limits.Products/1e12, limits.Bandwidth/1e12)
	if details.NoBLAS != nil {
		fmt.Fprintf(status, "         Products of matrices are slow: %v\n         hint: %s\n", details.NoBLAS, driver.Hint(details.NoBLAS))
	}
	return nil
}
