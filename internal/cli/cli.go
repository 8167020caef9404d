// Package cli holds the commands of uer, one file each.
//
// [Main] runs a command line. Each command has an options struct, whose addFlags declares the flags, and a function that
// runs the command with these options. Package config reads the options from the command line, the environment and a
// configuration file. Results go to [Streams].Out, everything else to Streams.Err; package console prints errors and turns
// them into exit codes. Settings are checked before anything slow begins.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"uer/internal/config"
	"uer/internal/console"
)

// Streams are the outputs of a command: Out for results, Err for everything else.
type Streams struct{ Out, Err io.Writer }

// Main runs uer with the arguments after the program name and returns the exit code. Output that cannot be written fails the
// command only when it has ended.
func Main(arguments []string, streams Streams) int {
	// A write to a pipe without a reader is an error then, and does not kill the process.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := console.NotifyContext(context.Background())
	defer stop()
	out, talk := console.NewOutputs(streams.Out, streams.Err)
	err := execute(ctx, arguments, Streams{Out: out, Err: talk})
	if errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = errors.Join(out.Err(), talk.Err())
	}
	return console.Report(talk, err)
}

func execute(ctx context.Context, arguments []string, streams Streams) error {
	root := newRoot(streams)
	arguments, err := rewrite(root, arguments)
	if err != nil {
		return err
	}
	root.SetArgs(arguments)
	return root.ExecuteContext(ctx)
}

// rewrite converts the arguments of a command from the forms that Python's argparse accepts to those that cobra accepts.
// The shell asks for completions by commands whose names begin with "__"; their arguments are incomplete and left as they
// are.
func rewrite(root *cobra.Command, arguments []string) ([]string, error) {
	if len(arguments) > 0 && strings.HasPrefix(arguments[0], "__") {
		return arguments, nil
	}
	command, own, err := root.Find(arguments)
	if err != nil {
		return nil, console.UsageError{Err: err}
	}
	command.InitDefaultHelpFlag()
	command.InitDefaultVersionFlag()
	flags, err := config.Arguments(command.Flags(), own)
	if err != nil {
		return nil, err
	}
	return append(strings.Fields(command.CommandPath())[1:], flags...), nil
}

const rootExamples = `  # the demo: a small Chinese corpus, a small RoBERTa
  mkdir -p build
  uer preprocess --corpus_path corpora/demo.txt \
                 --vocab_path models/demo_vocab.txt \
                 --dataset_path build/demo.pt --dynamic_masking --target mlm
  uer pretrain --config_path configs/demo.yaml`

func newRoot(streams Streams) *cobra.Command {
	root := &cobra.Command{
		Use:     "uer",
		Short:   "Pre-train language models: an embedding, an encoder and a target, chosen by name",
		Example: rootExamples,
		Version: version(),
		Args:    knownCommand,
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },

		PersistentPreRun: func(command *cobra.Command, _ []string) { warnOfVariables(command, streams) },

		SilenceErrors: true,
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2,
	}
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetVersionTemplate("uer {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return config.FlagError(err) })
	root.SetHelpFunc(help)
	root.AddCommand(newBuildVocab(streams), newPreprocess(streams), newPretrain(streams), newEvaluate(streams),
		newFill(streams), newGenerate(streams), newEmbed(streams), newScore(streams), newNearest(streams),
		newConvert(streams), newInspect(streams), newPlot(streams), newDevices(streams), newSelftest(streams))
	root.AddCommand(helpTopics()...)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	standAlone(root)
	return root
}

// warnOfVariables says which environment variables look like a setting of the command and are none.
func warnOfVariables(command *cobra.Command, streams Streams) {
	isSetting := func(name string) bool {
		return slices.ContainsFunc(command.Root().Commands(), func(c *cobra.Command) bool { return c.Flags().Lookup(name) != nil })
	}
	for _, remark := range config.Misspelt(os.Environ(), command.Flags(), isSetting) {
		fmt.Fprintf(streams.Err, "Warning  %s\n", remark)
	}
}

func knownCommand(command *cobra.Command, arguments []string) error {
	if len(arguments) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", arguments[0])
	if names := command.SuggestionsFor(arguments[0]); len(names) > 0 {
		err = console.Hint(err, fmt.Sprintf("did you mean %s?", strings.Join(names, " or ")))
	}
	return console.UsageError{Err: err}
}

func noArguments(_ *cobra.Command, arguments []string) error {
	if len(arguments) == 0 {
		return nil
	}
	return console.UsageError{Err: fmt.Errorf("unexpected argument %q", arguments[0])}
}

// newCommand returns a command whose settings come from flags, environment variables and a configuration file.
func newCommand(name, short, long string, run func(command *cobra.Command) error) *cobra.Command {
	command := &cobra.Command{
		Use:                   name + " --FLAG VALUE ...",
		Short:                 short,
		Long:                  long,
		Args:                  noArguments,
		DisableFlagsInUseLine: true,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := config.Load(command.Flags()); err != nil {
				return err
			}
			return run(command)
		},
	}
	command.ValidArgsFunction = cobra.NoFileCompletions
	command.SetUsageFunc(groupedUsage)
	return command
}
