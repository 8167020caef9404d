package cli

import (
	"fmt"
	"io"

	"uer/internal/checkpoint"
	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/durable"
)

const outputFlag = "--output_model_path"

// claimOutputs locks the outputs of a training, makes sure that they can be written and that its checkpoints replace
// nothing but checkpoints, and says what will be moved aside. A dry run writes nothing, and only checks. The caller must
// release the lock, which is nil then.
func claimOutputs(options pretrainOptions, resumed *checkpoint.File, status io.Writer) (lock *durable.Lock, err error) {
	if options.Profile != "" {
		if err := checkProfile(options); err != nil {
			return nil, err
		}
	}
	if options.DryRun {
		if err := checkOutput(outputFlag, options.OutputModelPath); err != nil {
			return nil, err
		}
		return nil, checkCheckpoints(options, resumed, io.Discard)
	}
	if lock, err = lockOutput(outputFlag, options.OutputModelPath, status); err != nil {
		return nil, err
	}
	err = checkCheckpoints(options, resumed, status)
	if err == nil {
		err = adviseOutput(outputFlag, durable.Try(options.OutputModelPath))
	}
	if err != nil {
		lock.Release()
		return nil, err
	}
	return lock, nil
}

// checkCheckpoints checks what is where checkpoints will be. A signal may make one of any step after the first or after that
// of the checkpoint to resume.
func checkCheckpoints(options pretrainOptions, resumed *checkpoint.File, status io.Writer) error {
	begins := 0
	if resumed != nil {
		begins = resumed.Step
	}
	steps, err := checkpoint.Existing(options.OutputModelPath, options.TotalSteps)
	if err != nil {
		return err
	}
	var replaced []string
	for _, step := range steps {
		if step <= begins {
			continue
		}
		path := checkpoint.Path(options.OutputModelPath, step)
		planned := step%options.SaveCheckpointSteps == 0 || step == options.TotalSteps
		if planned {
			if err := checkInputs(outputFlag, path, options.inputs()); err != nil {
				return console.Hint(err, "choose another "+outputFlag+", so that both are kept")
			}
		}
		if err := checkpoint.CheckAside(path); err != nil {
			return adviseOutput(outputFlag, err)
		}
		if planned {
			replaced = append(replaced, path)
		}
	}
	if best := checkpoint.Best(options.OutputModelPath); options.HeldOut.DevPath != "" {
		if err := checkInputs(outputFlag, best, options.inputs()); err != nil {
			return console.Hint(err, "choose another "+outputFlag+", so that both are kept")
		}
		if err := checkpoint.CheckAside(best); err != nil {
			return adviseOutput(outputFlag, err)
		}
		if resumed == nil && checkpoint.Replaceable(best)(best) == nil {
			replaced = append(replaced, best)
		}
	}
	switch {
	case replaced == nil:
	case options.Overwrite:
		fmt.Fprintf(status, "Replace  %s of an earlier run, when the new ones are saved\n", some(replaced))
	default:
		fmt.Fprintf(status, "Aside    %s of an earlier run will be moved to %s, when the new ones are saved\n",
			some(replaced), checkpoint.AsidePath("NAME-STEP"))
	}
	return nil
}

// inputs lists the files that a training reads.
func (o *pretrainOptions) inputs() []input {
	inputs := []input{{"--dev_path", o.HeldOut.DevPath}, {"--pretrained_model_path", o.PretrainedModelPath},
		{"--" + config.PathFlag, o.ConfigPath}}
	for _, path := range o.datasetFiles() {
		inputs = append(inputs, input{"--dataset_path", path})
	}
	for _, path := range append(o.Source.Files(), o.TargetSource.Files()...) {
		inputs = append(inputs, input{"--vocab_path", path})
	}
	return inputs
}

// checkSpace refuses a training whose checkpoints, each of a size in bytes, do not fit on the disk.
func checkSpace(options pretrainOptions, resumed *checkpoint.File, size int64) error {
	free, err := durable.Free(options.OutputModelPath)
	if err != nil {
		return nil // it is the writing that matters
	}
	begins := 0
	if resumed != nil {
		begins = resumed.Step
	}
	count := int64((options.TotalSteps-1)/options.SaveCheckpointSteps - begins/options.SaveCheckpointSteps + 1)
	if options.KeepCheckpoints > 0 {
		count = min(count, int64(options.KeepCheckpoints)+1) // the new one is complete before an old one is removed
	}
	if count <= free/size {
		return nil
	}
	err = fmt.Errorf("%s: %s of %s, %s in all, do not fit on this disk, where %s are free", options.OutputModelPath,
		counted(count, "checkpoint"), console.Bytes(size), console.Bytes(count*size), console.Bytes(free))
	if fitting := free/size - 1; fitting > 0 {
		return console.Hint(err, fmt.Sprintf("--keep_checkpoints %d keeps the last ones only; or raise --save_checkpoint_steps", fitting))
	}
	return console.Hint(err, "make room there, or choose another "+outputFlag)
}

// checkProfile makes sure that the file of --profile replaces nothing but a profile.
func checkProfile(options pretrainOptions) error {
	if err := checkInputs("--profile", options.Profile, options.inputs()); err != nil {
		return err
	}
	return adviseOutput("--profile", durable.Check(options.Profile, profileReplaceable))
}
