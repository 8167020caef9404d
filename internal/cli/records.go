package cli

import (
	"errors"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"

	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/device/cuda"
	"uer/internal/machine"
	"uer/internal/record"
	"uer/internal/trainer"
)

// withRecords calls run. If there is a folder for it, what happens in the training is recorded there meanwhile.
func withRecords(options pretrainOptions, data trainingData, first *trainer.Trainer, ranks []rank, status io.Writer,
	run func() error) error {
	if options.LogDir == "" || options.DryRun || options.Devices.placement.ranks[0] > 0 {
		return run()
	}
	log, err := record.Open(options.LogDir, beginning(options, data, ranks), status)
	if err != nil {
		return console.Hint(err, "choose another --log_dir")
	}
	for _, warning := range data.dataset.Metadata.Warnings {
		log.Event(record.Warning, first.Step(), record.Field{Name: "text", Value: strings.Join(options.DatasetPaths, " ") + ": " + warning})
	}
	first.Records, first.MemoryUsed = log, func() []record.Figure { return memoryFigures(ranks[0].device) }
	err = run()
	reason, stopped := "done", new(console.Stopped)
	if err != nil {
		reason = err.Error()
	}
	failed := err != nil && !errors.As(err, stopped)
	return errors.Join(err, log.Close(first.Step(), reason, failed))
}

// beginning is what the records say of a training at its start.
func beginning(options pretrainOptions, data trainingData, ranks []rank) record.Beginning {
	b := record.Beginning{Versions: []record.Setting{
		{Name: "uer", Value: version()}, {Name: "go", Value: runtime.Version()},
		{Name: "system", Value: runtime.GOOS + "/" + runtime.GOARCH}, {Name: "device", Value: describeDevices(ranks)},
	}}
	for _, name := range slices.Sorted(maps.Keys(options.settings)) {
		b.Settings = append(b.Settings, record.Setting{Name: name, Value: options.settings[name]})
	}
	if data.resumed != nil {
		b.Step, b.Resumed = data.resumed.Step, data.resumed.Path
	}
	return b
}

// memoryFigures returns how much memory this process and its GPU use.
func memoryFigures(d device.Device) []record.Figure {
	list := []record.Figure{{Name: "memory_bytes", Value: float64(machine.Resident())}}
	if gpu, ok := d.(*cuda.Device); ok {
		if details, err := gpu.Details(); err == nil {
			list = append(list, record.Figure{Name: "gpu_memory_bytes", Value: float64(details.Memory - details.Free)})
		}
	}
	return list
}
