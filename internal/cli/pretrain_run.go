package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"uer/internal/console"
	"uer/internal/exchange"
	"uer/internal/model"
	"uer/internal/optimizer"
	"uer/internal/trainer"
)

// train builds the model, prints what it is about to do, and trains.
func train(ctx context.Context, options pretrainOptions, streams Streams) (err error) {
	data, err := openData(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.dataset.Close()) }()
	ranks, err := openRanks(options, data)
	if err != nil {
		return err
	}
	// Closing a device that failed fails too, for the same reason.
	defer func() { err = cmp.Or(err, closeRanks(ranks)) }()
	trainers, err := prepare(options, data, ranks, streams)
	if err != nil {
		return err
	}
	return profile(options.Profile, trainers[0], streams.Err, func() error {
		if options.DryRun {
			return dryRun(ctx, options, data, trainers, streams.Out)
		}
		return trainer.RunRanks(ctx, trainers)
	})
}

// prepare builds everything that training needs, and prints a summary.
func prepare(options pretrainOptions, data trainingData, ranks []rank, streams Streams) ([]*trainer.Trainer, error) {
	limits := model.Limits{
		Sequences: options.BatchSize, Length: data.dataset.Metadata.SequenceLength, Output: ranks[0].batches.OutputLength,
	}
	if data.targetVocabulary != nil {
		limits.OutputVocabulary = data.targetVocabulary.Size()
	}
	m, err := model.New(options.Model, data.vocabulary.Size(), limits)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(streams.Err, "Model    %s, %s %d x %d, %s: %s parameters\n", options.Model.Embedding, options.Model.Encoder,
		options.Model.LayersNumber, options.Model.HiddenSize, options.Model.Target, console.Count(m.Program.Trained()))
	parameters := make([]float32, m.Program.ParameterSize)
	model.Initialize(options.Model, m.Program, parameters, options.Seed)
	if err := loadPretrained(options, data, m, parameters, streams.Err); err != nil {
		return nil, err
	}
	trainers := make([]*trainer.Trainer, len(ranks))
	for i, r := range ranks {
		if trainers[i], err = newTrainer(options, m, parameters, r); err != nil {
			return nil, err
		}
	}
	trainers[0].Lines, trainers[0].Status = streams.Out, streams.Err
	announce(options, data, trainers, ranks, streams.Err)
	return trainers, printDetails(ranks[0].device, streams.Err)
}

// newTrainer returns the trainer of one rank, whose replica starts from the given parameters.
func newTrainer(options pretrainOptions, m *model.Model, parameters []float32, r rank) (*trainer.Trainer, error) {
	updates := trainer.Updates(options.TotalSteps, options.AccumulationSteps)
	schedule, err := optimizer.NewSchedule(options.Scheduler, updates, options.Warmup, options.LearningRate)
	if err != nil {
		return nil, err
	}
	t := &trainer.Trainer{
		Settings: trainer.Settings{
			TotalSteps: options.TotalSteps, AccumulationSteps: options.AccumulationSteps, ReportSteps: options.ReportSteps,
			SaveCheckpointSteps: options.SaveCheckpointSteps, BatchSize: options.BatchSize, Seed: options.Seed,
			OutputModelPath: options.OutputModelPath,
			Naming:          exchange.Naming{Versions: options.CheckpointNames, Target: options.Model.Target},
		},
		Model: m, Batches: r.batches, Collective: r.connection,
	}
	t.Optimizer, err = optimizer.New(optimizer.Settings{
		Name: options.Optimizer, LearningRate: options.LearningRate, Beta1: options.Beta1, Beta2: options.Beta2,
		WeightDecay: options.WeightDecay, ClipNorm: options.ClipGradNorm, Schedule: schedule,
	}, m.Program.Layout)
	if err != nil {
		return nil, err
	}
	if err := t.Load(r.device, parameters); err != nil {
		return nil, err
	}
	return t, nil
}

// announce prints what training will do.
func announce(options pretrainOptions, data trainingData, trainers []*trainer.Trainer, ranks []rank, status io.Writer) {
	pass := stepsPerPass(options, data)
	fmt.Fprintf(status, "Data     %s: %s of up to %d tokens; %s per pass\n", options.DatasetPath,
		counted(int64(data.dataset.Len()), "instance"), data.dataset.Metadata.SequenceLength, counted(int64(pass), "step"))
	fmt.Fprintf(status, "Run      %s, batch %d x %d; %s steps = %.1f passes; up to %s of memory\n",
		describeDevices(ranks), options.BatchSize*len(ranks), options.AccumulationSteps, console.Count(options.TotalSteps),
		float64(options.TotalSteps)/float64(pass), console.Bytes(memoryOf(trainers).peak()))
}
