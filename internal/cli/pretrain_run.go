package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"uer/internal/checkpoint"
	"uer/internal/console"
	"uer/internal/model"
	"uer/internal/optimizer"
	"uer/internal/trainer"
)

// train builds the model, prints what it is about to do, and trains.
func train(ctx context.Context, options pretrainOptions, streams Streams) (err error) {
	lock, err := claimOutputs(options, streams.Err)
	if err != nil {
		return err
	}
	defer lock.Release()
	data, err := openData(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.dataset.Close()) }()
	had := newBudget()
	if err := had.checkBatches(options, data); err != nil {
		return err
	}
	ranks, err := openRanks(options, data)
	if err != nil {
		return err
	}
	// Closing a device that failed fails too, for the same reason.
	defer func() { err = cmp.Or(err, closeRanks(ranks)) }()
	trainers, err := prepare(options, data, ranks, streams)
	if err != nil {
		return adviseMemory(err)
	}
	needed := memoryOf(had, options, data, trainers, ranks)
	if err := had.check(needed); err != nil {
		return err
	}
	announce(options, data, needed, ranks, streams.Err)
	if err := printDetails(ranks[0].device, streams.Err); err != nil {
		return err
	}
	settle()
	return profile(options.Profile, trainers[0], streams.Err, func() error {
		if options.DryRun {
			return dryRun(ctx, options, data, trainers, needed, streams.Out)
		}
		return trainer.RunRanks(ctx, trainers)
	})
}

// prepare builds everything that training needs.
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
	if !options.DryRun {
		if err := checkSpace(options, 4*int64(m.Program.ParameterSize)); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(streams.Err, "Model    %s, %s %d x %d, %s: %s parameters\n", options.Model.Embedding, options.Model.Encoder,
		options.Model.LayersNumber, options.Model.HiddenSize, options.Model.Target, console.Count(m.Program.Trained()))
	if err := checkParameters(m.Program.ParameterSize); err != nil {
		return nil, err
	}
	parameters := make([]float32, m.Program.ParameterSize)
	model.Initialize(options.Model, m.Program, parameters, options.Seed)
	if err := load(options.PretrainedModelPath, m, parameters, streams.Err); err != nil {
		return nil, err
	}
	trainers := make([]*trainer.Trainer, len(ranks))
	for i, r := range ranks {
		if trainers[i], err = newTrainer(options, m, parameters, r); err != nil {
			return nil, err
		}
	}
	trainers[0].Lines, trainers[0].Status = streams.Out, streams.Err
	return trainers, nil
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
			OutputModelPath: options.OutputModelPath, Overwrite: options.Overwrite, KeepCheckpoints: options.KeepCheckpoints,
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

// load reads the parameters of a pretrained model and prints which of them it has.
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
		fmt.Fprintf(status, "         %d in the file, not used: %s\n", len(match.Unused), some(match.Unused))
	}
	return nil
}

// some joins the first few names of a list.
func some(names []string) string {
	const few = 4
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:few], ", ") + ", ..."
}

// announce prints what training will do.
func announce(options pretrainOptions, data trainingData, needed memory, ranks []rank, status io.Writer) {
	pass := stepsPerPass(options, data)
	fmt.Fprintf(status, "Data     %s: %s of up to %d tokens; %s per pass\n", options.DatasetPath,
		counted(int64(data.dataset.Len()), "instance"), data.dataset.Metadata.SequenceLength, counted(int64(pass), "step"))
	fmt.Fprintf(status, "Run      %s, batch %d x %d; %s = %.1f passes; up to %s of memory\n",
		describeDevices(ranks), options.BatchSize*len(ranks), options.AccumulationSteps, counted(int64(options.TotalSteps), "step"),
		float64(options.TotalSteps)/float64(pass), console.Bytes(needed.peak()))
}
