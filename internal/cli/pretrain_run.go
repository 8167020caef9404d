package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"uer/internal/batch"
	"uer/internal/checkpoint"
	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/kernel"
	"uer/internal/model"
	"uer/internal/optimizer"
	"uer/internal/trainer"
)

// train builds the model, says what will happen, and trains.
func train(ctx context.Context, options pretrainOptions, streams Streams) (err error) {
	data, err := openData(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.dataset.Close()) }()
	if err := checkOutput(options.OutputModelPath); err != nil {
		return err
	}
	cpu, err := kernel.New(options.Devices.Threads)
	if err != nil {
		return err
	}
	defer cpu.Close()
	batches, err := newBatches(options, data)
	if err != nil {
		return err
	}
	defer batches.Close()
	run, err := prepare(options, data, batches, cpu, streams.Err)
	if err != nil {
		return err
	}
	run.Lines, run.Status = streams.Out, streams.Err
	return run.Run(ctx)
}

func newBatches(options pretrainOptions, data trainingData) (*batch.Loader, error) {
	return batch.New(data.dataset, batch.Options{
		Target: options.Model.Target, Vocabulary: data.vocabulary, Labels: options.Model.LabelsNumber, Masker: data.masker,
		BatchSize: options.BatchSize, BufferSize: options.InstancesBufferSize, Seed: options.Seed, WorldSize: 1,
		KeepPadding: options.Model.KeepPadding,
	})
}

// prepare builds everything that training needs, and writes what it is.
func prepare(options pretrainOptions, data trainingData, batches *batch.Loader, cpu *kernel.CPU, status io.Writer) (*trainer.Trainer, error) {
	shape := model.Shape{
		Sequences: options.BatchSize, Length: data.dataset.Metadata.SequenceLength, Output: batches.OutputLength,
	}
	m, err := model.New(options.Model, data.vocabulary.Size(), shape)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(status, "Model    %s, %s %d x %d, %s: %s parameters\n", options.Model.Embedding, options.Model.Encoder,
		options.Model.LayersNumber, options.Model.HiddenSize, options.Model.Target, console.Count(m.Program.Trained()))
	parameters := make([]float32, m.Program.ParameterSize)
	model.Initialize(m.Program, parameters, options.Seed)
	if err := load(options.PretrainedModelPath, m, parameters, status); err != nil {
		return nil, err
	}
	executor, err := device.NewExecutor(device.NewCPU(cpu), m.Program, parameters)
	if err != nil {
		return nil, err
	}
	updates := trainer.Updates(options.TotalSteps, options.AccumulationSteps)
	schedule, err := optimizer.NewSchedule(options.Scheduler, updates, options.Warmup, options.LearningRate)
	if err != nil {
		return nil, err
	}
	update, err := optimizer.New(cpu, optimizer.Settings{
		Name: options.Optimizer, LearningRate: options.LearningRate, Beta1: options.Beta1, Beta2: options.Beta2,
		WeightDecay: options.WeightDecay, ClipNorm: options.ClipGradNorm, Schedule: schedule,
	}, m.Trained())
	if err != nil {
		return nil, err
	}
	announce(options, data, m, cpu, status)
	return &trainer.Trainer{
		Settings: trainer.Settings{
			TotalSteps: options.TotalSteps, AccumulationSteps: options.AccumulationSteps, ReportSteps: options.ReportSteps,
			SaveCheckpointSteps: options.SaveCheckpointSteps, BatchSize: options.BatchSize, Seed: options.Seed,
			OutputModelPath: options.OutputModelPath,
		},
		Model: m, Executor: executor, Batches: batches, Optimizer: update,
	}, nil
}

// load takes the parameters of a pretrained model and says which it has.
func load(path string, m *model.Model, parameters []float32, status io.Writer) error {
	if path == "" {
		return nil
	}
	match, err := checkpoint.Load(path, m.Program, parameters)
	if err != nil {
		return err
	}
	fmt.Fprintf(status, "Weights  %s: %d of %d tensors\n", path, match.Loaded, len(m.Program.Parameters))
	if len(match.Missing) > 0 {
		fmt.Fprintf(status, "         %d not in the file, initialised: %s\n", len(match.Missing), some(match.Missing))
	}
	if len(match.Unused) > 0 {
		fmt.Fprintf(status, "         %d of the file not used: %s\n", len(match.Unused), some(match.Unused))
	}
	return nil
}

// some names the first few of a list.
func some(names []string) string {
	const few = 4
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:few], ", ") + ", ..."
}

// announce says what training will do.
func announce(options pretrainOptions, data trainingData, m *model.Model, cpu *kernel.CPU, status io.Writer) {
	instances := data.dataset.Len()
	pass := (instances + options.BatchSize - 1) / options.BatchSize
	fmt.Fprintf(status, "Data     %s: %s instances of %d tokens at most; %s steps a pass\n", options.DatasetPath,
		console.Count(instances), data.dataset.Metadata.SequenceLength, console.Count(pass))
	fmt.Fprintf(status, "Run      CPU (%s, %d threads), batch %d x %d; %s steps = %.1f passes; up to %s of memory\n",
		cpu.Name(), cpu.Threads(), options.BatchSize, options.AccumulationSteps, console.Count(options.TotalSteps),
		float64(options.TotalSteps)/float64(pass), console.Bytes(m.Memory()))
}
