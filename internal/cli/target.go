package cli

import (
	"fmt"

	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/registry"
	"uer/internal/task"
)

// targetOptions are the two flags that say what a model learns. UER-py had only --target; its newer versions make the
// instances by --data_processor and train what --target lists.
type targetOptions struct{ Target, DataProcessor string }

func (o *targetOptions) addFlags(group config.Group, usage string) {
	names := registry.Names(task.ByName)
	group.Words(&o.Target, "target", "bert", names, config.NewerTargets, usage)
	group.Words(&o.DataProcessor, "data_processor", "", names, config.NewerDataProcessors,
		"another name of --target, from newer versions of UER-py")
}

// resolve returns the target that both flags together name. If they contradict each other, the one from the stronger
// source counts.
func (o *targetOptions) resolve(flags *pflag.FlagSet) (string, error) {
	name, agree := config.Target(o.Target, o.DataProcessor)
	target, processor := config.SourceOf(flags.Lookup("target")), config.SourceOf(flags.Lookup("data_processor"))
	switch {
	case agree || processor > target:
		return name, nil
	case target > processor:
		name, _ = config.Target(o.Target, "")
		return name, nil
	}
	return "", console.UsageError{Err: console.Hint(
		fmt.Errorf("--data_processor %s and --target %s contradict each other", o.DataProcessor, o.Target),
		"leave out one of them")}
}

// checkTargetVocabulary requires a vocabulary for the outputs of seq2seq and rejects one for other targets.
func checkTargetVocabulary(target, path string) error {
	switch needed := task.ByName[target].Output; {
	case needed && path == "":
		return console.UsageError{Err: console.Hint(fmt.Errorf("target %s needs --tgt_vocab_path", target),
			"if both sides have one vocabulary, pass it as --vocab_path and as --tgt_vocab_path")}
	case !needed && path != "":
		return console.UsageError{Err: console.Hint(fmt.Errorf("--tgt_vocab_path has no effect with target %s", target),
			"leave it out; it is for target seq2seq")}
	}
	return nil
}
