package cli

import (
	"fmt"
	"runtime"

	"uer/internal/batch"
	"uer/internal/console"
	"uer/internal/kernel"
)

// rank is what a replica of the model has to itself: threads and a part of the data.
type rank struct {
	cpu     *kernel.CPU
	batches *batch.Loader
}

// openRanks opens all ranks of this process.
func openRanks(options pretrainOptions, data trainingData) ([]rank, error) {
	var ranks []rank
	for number := range options.Devices.WorldSize {
		r, err := openRank(options, data, number)
		if err != nil {
			closeRanks(ranks)
			return nil, err
		}
		ranks = append(ranks, r)
	}
	return ranks, nil
}

func openRank(options pretrainOptions, data trainingData, number int) (rank, error) {
	masker, err := data.newMasker(options.Masking)
	if err != nil {
		return rank{}, err
	}
	batches, err := batch.New(data.dataset, batch.Options{
		Target: options.Model.Target, Vocabulary: data.vocabulary, TargetVocabulary: data.targetVocabulary,
		Masker:    masker,
		BatchSize: options.BatchSize, BufferSize: options.InstancesBufferSize, Seed: options.Seed,
		Rank: number, WorldSize: options.Devices.WorldSize, KeepPadding: options.Model.KeepPadding,
	})
	if err != nil {
		return rank{}, err
	}
	cpu, err := kernel.New(threads(options.Devices.Threads, number, options.Devices.WorldSize))
	if err != nil {
		batches.Close()
		return rank{}, err
	}
	if options.Devices.Precision == "bf16" && !cpu.SupportsBF16() {
		batches.Close()
		cpu.Close()
		return rank{}, console.Hint(fmt.Errorf("--precision bf16: the CPU, with %s, has no products in bfloat16", cpu.Name()),
			"leave out --precision; bfloat16 needs AVX-512 BF16")
	}
	return rank{cpu, batches}, nil
}

// threads is a rank's share of all threads, at least one.
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

func closeRanks(ranks []rank) {
	for _, r := range ranks {
		r.batches.Close()
		r.cpu.Close()
	}
}
