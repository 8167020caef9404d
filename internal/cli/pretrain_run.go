package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"uer/internal/checkpoint"
	"uer/internal/console"
	"uer/internal/exchange"
	"uer/internal/model"
	"uer/internal/optimizer"
	"uer/internal/trainer"
)

// train builds the model, prints what it is about to do, and trains. resumed is the checkpoint to continue from, nil if the
// training begins.
func train(ctx context.Context, options pretrainOptions, resumed *checkpoint.File, streams Streams) (err error) {
	speaks := options.Devices.placement.ranks[0] == 0 // rank 0 writes and speaks for all
	if speaks {
		lock, err := claimOutputs(options, resumed, streams.Err)
		if err != nil {
			return err
		}
		defer lock.Release()
	} else {
		options.Profile = ""
	}
	end := console.NewStatus(streams.Err).ShowTime("Read", strings.Join(options.DatasetPaths, " "))
	data, err := openData(options, resumed, streams.Err)
	end()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.close()) }()
	had := newBudget()
	if err := had.checkBatches(options, data); err != nil {
		return err
	}
	others, connections, err := join(ctx, options, data, streams.Err)
	if err != nil {
		return err
	}
	defer func() { err = others.leave(err) }()
	if !speaks && !options.DryRun {
		streams.Err = io.Discard
	}
	end = console.NewStatus(streams.Err).ShowTime("Open", counted(int64(len(connections)), "device"))
	ranks, err := openRanks(options, data, connections, others.hosts())
	end()
	if err != nil {
		return err
	}
	// Closing a device that failed fails too, for the same reason.
	defer func() { err = cmp.Or(err, closeRanks(ranks, others.failed())) }()
	limits, err := ranks[0].device.Limits()
	if err != nil {
		return err
	}
	trainers, err := prepare(options, data, ranks, streams)
	if err != nil {
		return adviseMemory(err)
	}
	if err := others.compare(trainers[0], data); err != nil {
		return err
	}
	needed := memoryOf(had, options, data, trainers, ranks)
	if err := had.check(needed); err != nil {
		return err
	}
	if layout := &trainers[0].Optimizer.Whole; !options.DryRun && speaks {
		if err := checkSpace(options, resumed, 4*int64(layout.ParameterSize+layout.StateSize)); err != nil {
			return err
		}
	}
	announce(options, data, needed, ranks, streams.Err)
	announceRanks(options, data, streams.Err)
	trainers[0].Limits = limits
	if err := printDetails(ranks[0].device, limits, streams.Err); err != nil {
		return err
	}
	defer settle()()
	return profile(options.Profile, trainers[0], streams.Err, func() error {
		if options.ReplayBatch != "" {
			return replay(options, data, trainers[0], streams.Out)
		}
		if options.DryRun {
			return dryRun(ctx, options, data, trainers, needed, streams.Out)
		}
		return withRecords(options, data, trainers[0], ranks, streams.Err, func() error {
			return runRanks(ctx, trainers, streams.Err)
		})
	})
}

// runRanks trains, and says how to continue if the training does not come to its end.
func runRanks(ctx context.Context, trainers []*trainer.Trainer, status io.Writer) error {
	err := trainer.RunRanks(ctx, trainers)
	if saved := trainers[0].Saved(); err != nil && saved != "" {
		fmt.Fprintf(status, "Go on    %s\n", resumeCommand(saved))
	} else if ctx.Err() != nil && saved == "" {
		fmt.Fprintln(status, "         nothing is saved: no update was complete")
	}
	if errors.Is(err, trainer.ErrDeadline) {
		err = console.Stopped{Signal: syscall.SIGTERM, Reason: err.Error()}
	}
	return err
}

// prepare builds everything that training needs.
func prepare(options pretrainOptions, data trainingData, ranks []rank, streams Streams) ([]*trainer.Trainer, error) {
	limits := model.Limits{
		Sequences: options.BatchSize, Length: data.dataset.Metadata.SequenceLength, Output: ranks[0].batches.OutputLength,
		Activations: ranks[0].device.Activations(),
	}
	if data.targetVocabulary != nil {
		limits.OutputVocabulary = data.targetVocabulary.Size()
	}
	m, err := model.New(options.Model, data.vocabulary.Size(), limits)
	if err != nil {
		return nil, err
	}
	if err := setForward(options, data, ranks); err != nil {
		return nil, err
	}
	if options.Optimizer == "muon" && !optimizer.HasHiddenMatrices(m.Program.Layout) {
		return nil, console.UsageError{Err: console.Hint(
			fmt.Errorf("--optimizer muon has no effect on --encoder %s: it is for matrices between hidden layers", options.Model.Encoder),
			"leave it out: adamw would update all parameters")}
	}
	fmt.Fprintf(streams.Err, "Model    %s, %s %d x %d, %s: %s parameters\n", options.Model.Embedding, options.Model.Encoder,
		options.Model.LayersNumber, options.Model.HiddenSize, options.Model.Target, console.Count(m.Program.Trained()))
	end := console.NewStatus(streams.Err).ShowTime("Load", cmp.Or(data.resumedPath(), options.PretrainedModelPath, "random parameters"))
	parameters, err := initialParameters(options, data, m, streams.Err)
	end()
	if err != nil {
		return nil, err
	}
	defer console.NewStatus(streams.Err).ShowTime("Load", counted(int64(len(ranks)), "device"))()
	deadline := jobEnd(streams.Err)
	state := origin(options, data)
	trainers := make([]*trainer.Trainer, len(ranks))
	for i, r := range ranks {
		if trainers[i], err = newTrainer(options, data.resumed, m, parameters, r); err != nil {
			return nil, err
		}
		trainers[i].Deadline, trainers[i].Origin, trainers[i].DebugBatch = deadline, state, options.DebugBatch
	}
	trainers[0].Lines, trainers[0].Status, trainers[0].Live = streams.Out, streams.Err, console.NewStatus(streams.Err)
	return trainers, nil
}

// initialParameters returns the parameters that training starts from: those of the checkpoint to resume, or random ones and
// those of the pretrained model.
func initialParameters(options pretrainOptions, data trainingData, m *model.Model, status io.Writer) ([]float32, error) {
	if err := checkParameters(m.Program.ParameterSize); err != nil {
		return nil, err
	}
	parameters := make([]float32, m.Program.ParameterSize)
	model.Initialize(options.Model, m.Program, parameters, options.Seed)
	if data.resumed != nil {
		return parameters, data.resumed.Weights(m.Program, parameters)
	}
	return parameters, loadPretrained(options, data, m, parameters, status)
}

// newTrainer returns the trainer of one rank, whose replica starts from the given parameters, and from a checkpoint if there
// is one to resume.
func newTrainer(options pretrainOptions, resumed *checkpoint.File, m *model.Model, parameters []float32, r rank) (
	*trainer.Trainer, error) {
	updates := trainer.Updates(options.TotalSteps, options.AccumulationSteps)
	if resumed != nil {
		updates = resumed.Updates + trainer.Updates(options.TotalSteps-resumed.Step, options.AccumulationSteps)
	}
	schedule, err := optimizer.NewSchedule(options.Scheduler, optimizer.Plan{
		Updates: updates, Warmup: options.Warmup, LearningRate: options.LearningRate,
		Falling: trainer.Updates(options.DecaySteps, options.AccumulationSteps),
	})
	if err != nil {
		return nil, err
	}
	t := &trainer.Trainer{
		Settings: trainer.Settings{
			TotalSteps: options.TotalSteps, AccumulationSteps: options.AccumulationSteps, ReportSteps: options.ReportSteps,
			SaveCheckpointSteps: options.SaveCheckpointSteps, BatchSize: options.BatchSize, Seed: options.Seed,
			OutputModelPath: options.OutputModelPath, Overwrite: options.Overwrite, KeepCheckpoints: options.KeepCheckpoints,
			SkipOutliers: options.SkipOutliers, Naming: exchange.Naming{Versions: options.CheckpointNames, Target: options.Model.Target},
		},
		Model: m, Batches: r.batches, Collective: r.connection, HeldOut: r.heldOut,
	}
	settings := optimizer.Settings{
		Name: options.Optimizer, LearningRate: options.LearningRate, Beta1: options.Beta1, Beta2: options.Beta2,
		WeightDecay: options.WeightDecay, ClipNorm: options.ClipGradNorm, Schedule: schedule,
	}
	if options.Devices.Zero == 1 {
		settings.Ranks = options.Devices.WorldSize
		if r.connection != nil {
			settings.Rank = r.connection.Rank()
		}
	}
	if t.Optimizer, err = optimizer.New(settings, m.Program.Layout); err != nil {
		return nil, err
	}
	if options.DryRun && t.Optimizer.Division != nil { // it opens the rank that takes the most
		settings.Rank = t.Optimizer.Division.Largest()
		if t.Optimizer, err = optimizer.New(settings, m.Program.Layout); err != nil {
			return nil, err
		}
	}
	if err := t.Load(r.device, parameters); err != nil {
		return nil, err
	}
	if resumed != nil {
		return t, t.Resume(resumed)
	}
	return t, nil
}

// jobEnd returns when the job ends that this process is part of, if Slurm says so; the zero time if not.
func jobEnd(status io.Writer) time.Time {
	text := os.Getenv("SLURM_JOB_END_TIME")
	if text == "" {
		return time.Time{}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		fmt.Fprintf(status, "Job      SLURM_JOB_END_TIME=%q is not a time in seconds: the end of the job is unknown\n", text)
		return time.Time{}
	}
	end := time.Unix(seconds, 0)
	fmt.Fprintf(status, "Job      ends at %s; training saves and stops before\n", end.Format(time.DateTime))
	return end
}

// announce prints what training will do.
func announce(options pretrainOptions, data trainingData, needed memory, ranks []rank, status io.Writer) {
	batch := options.BatchSize * options.Devices.WorldSize
	passes := float64(options.TotalSteps) * float64(batch) / float64(data.dataset.Len())
	if data.bufferSize(options) > 0 {
		passes = float64(options.TotalSteps) / float64(stepsPerPass(options, data))
	}
	perPass, inAll := fmt.Sprintf("; %s per pass", counted(int64(stepsPerPass(options, data)), "step")), fmt.Sprintf(" = %.1f passes", passes)
	if data.dataset.Parts != nil {
		perPass, inAll = "", "" // each dataset has passes of its own
	}
	fmt.Fprintf(status, "Data     %s: %s of up to %d tokens%s\n", data.dataset.Path,
		counted(int64(data.dataset.Len()), "instance"), data.dataset.Metadata.SequenceLength, perPass)
	announceMix(options, data, status)
	announceHeldOut(options, data, status)
	fmt.Fprintf(status, "Run      %s, batch %d x %d; %s%s; up to %s of memory\n",
		describeDevices(ranks), batch, options.AccumulationSteps, counted(int64(options.TotalSteps), "step"), inAll,
		console.Bytes(needed.peak()))
	if left := options.TotalSteps % options.AccumulationSteps; left > 0 {
		fmt.Fprintf(status, "         The last update is after %s: --total_steps is no multiple of --accumulation_steps %d\n",
			counted(int64(left), "step"), options.AccumulationSteps)
	}
	for _, set := range data.dataset.Files() {
		for _, warning := range set.Metadata.Warnings {
			fmt.Fprintf(status, "Warning  %s: %s\n", set.Path, warning)
		}
	}
}
