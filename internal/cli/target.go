package cli

import (
	"fmt"

	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/registry"
	"uer/internal/task"
	"uer/internal/tokenizer"
)

// targetOptions are the two flags that choose the pre-training target. Older versions of UER-py have only --target; newer
// ones choose the form of instances by --data_processor and list what to train by --target.
type targetOptions struct{ Target, DataProcessor string }

func (o *targetOptions) addFlags(group config.Group, usage string) {
	names := registry.Names(task.ByName)
	group.Words(&o.Target, "target", "bert", names, config.NewerTargets, usage)
	group.Words(&o.DataProcessor, "data_processor", "", names, config.NewerDataProcessors,
		"another name for --target, from newer versions of UER-py")
}

// resolve returns the target that the two flags name together. If they contradict each other, the one from the source of
// higher precedence counts.
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
		"leave one of them out")}
}

// checkTargetVocabulary requires a vocabulary for the outputs of seq2seq and rejects one for other targets.
func checkTargetVocabulary(target string, s tokenizer.Source) error {
	path := s.Path()
	switch needed := task.ByName[target].Output; {
	case needed && path == "":
		return console.UsageError{Err: console.Hint(fmt.Errorf("target %s needs --tgt_vocab_path", target),
			"if both sides share a vocabulary, pass it as --vocab_path and --tgt_vocab_path")}
	case !needed && path != "":
		return console.UsageError{Err: console.Hint(fmt.Errorf("--tgt_vocab_path has no effect with target %s", target),
			"leave it out; it is for target seq2seq")}
	}
	return nil
}
