package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/console"
)

// helpColumns returns the width of help that is written to w: that of the terminal, within limits that can be read.
func helpColumns(w io.Writer) int { return min(max(console.Columns(w), 40), 120) }

// help prints what a command does, in the width of the terminal, and its usage.
func help(command *cobra.Command, _ []string) {
	out, text := command.OutOrStdout(), strings.TrimSpace(cmp.Or(command.Long, command.Short))
	isTopic := !command.Runnable()
	if !isTopic { // it is one paragraph
		text = strings.Join(strings.Fields(text), " ")
	}
	for line := range strings.Lines(text) {
		fmt.Fprintln(out, hang(strings.TrimRight(line, "\n"), helpColumns(out)))
	}
	if !isTopic {
		fmt.Fprintln(out)
		_ = command.Usage() // it returns an error of writing, and an Output has none
	}
}

// hang breaks a line that is too wide, and aligns what follows with its last column: after two spaces or more.
func hang(line string, columns int) string {
	if len([]rune(line)) <= columns {
		return line
	}
	start := 0
	if i := strings.LastIndex(line, "  "); i >= 0 && i+2 < columns/2 {
		start = i + 2
	}
	return line[:start] + strings.Join(wrap(line[start:], columns-start), "\n"+strings.Repeat(" ", start))
}

// groupedUsage prints the flags of a command by section, each with its default, and its examples.
func groupedUsage(command *cobra.Command) error {
	var sections []string
	flags := map[string][]*pflag.Flag{}
	width := 0
	command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		section := config.GroupOf(flag)
		if flags[section] == nil {
			sections = append(sections, section)
		}
		flags[section] = append(flags[section], flag)
		width = max(width, len(flagName(flag)))
	})
	out := command.OutOrStderr()
	columns := helpColumns(command.OutOrStdout())
	fmt.Fprintf(out, "Usage:\n  %s\n", command.UseLine())
	for _, section := range sections {
		fmt.Fprintln(out)
		if section != "" {
			fmt.Fprintf(out, "%s:\n", section)
		}
		for _, flag := range flags[section] {
			fmt.Fprint(out, flagLine(flag, width, columns))
		}
	}
	fmt.Fprintf(out, "\nExamples:\n%s\n", command.Example)
	fmt.Fprintf(out, "\nSee also: uer help recipes, uer help environment, uer help exit-codes\n")
	return nil
}

// flagLine describes a flag beside its name, which takes a width; below it, where there is no room for both.
func flagLine(flag *pflag.Flag, width, columns int) string {
	const least = 30 // columns of a description beside a name
	if columns-width-4 < least {
		indent := "\n" + strings.Repeat(" ", 6)
		return fmt.Sprintf("  %s%s%s\n", flagName(flag), indent, strings.Join(wrap(describe(flag), columns-6), indent))
	}
	indent := "\n" + strings.Repeat(" ", width+4)
	return fmt.Sprintf("  %-*s  %s\n", width, flagName(flag), strings.Join(wrap(describe(flag), columns-width-4), indent))
}

func flagName(flag *pflag.Flag) string {
	if flag.NoOptDefVal != "" {
		return "--" + flag.Name
	}
	return "--" + flag.Name + " " + strings.ToUpper(flag.Value.Type())
}

func describe(flag *pflag.Flag) string {
	text := flag.Usage
	if choices := config.Choices(flag); choices != nil {
		text += ": " + strings.Join(choices, ", ")
	}
	if config.IsRequired(flag) {
		text += " (required)"
	}
	switch flag.DefValue {
	case "", "0", "false":
		return text // the text itself describes the default
	}
	return fmt.Sprintf("%s (default %s)", text, flag.DefValue)
}

// wrap breaks a text at spaces into lines of at most a width.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// helpTopics returns commands that have only a help text.
func helpTopics() []*cobra.Command {
	return []*cobra.Command{
		{
			Use:   "recipes",
			Short: "The commands of RoBERTa, BERT, GPT-2, ELMo and other recipes",
			Long:  recipes,
		},
		{
			Use:   "exit-codes",
			Short: "The exit codes of uer",
			Long: `0    success
1    failure: a file, a setting or the machine is not what the command needs
2    wrong usage: a flag, a value or a command that does not exist
130  stopped by SIGINT (Ctrl-C)
143  stopped by SIGTERM

A command that fails or is stopped never leaves an incomplete file under its final name.`,
		},
		{
			Use:   "environment",
			Short: "Where settings come from, and the environment variables that uer reads",
			Long: `Every flag of preprocess, pretrain, evaluate and selftest has an environment variable: UER_BATCH_SIZE=64 means --batch_size 64.
Variables override the configuration file of --config_path (JSON, YAML or TOML), and flags override both.

Flags:
  dashes may replace underscores                 --batch-size 64
  a unique prefix of a name is enough            --save_checkpoint 5000
  lists may use spaces, commas or ranges         --gpu_ranks 0 1 2, 0,1,2 or 0..2
  lists of paths use spaces, variables lines     --corpus_path a.txt b.txt
  the last value of a repeated flag counts       --seed 7 --seed 8

Variables without a flag:
  UER_CPU         instruction set to use, such as portable, avx2, avx512 or amx; the best one by default
  UER_CUDA_LIB    folders of cuBLASLt, before those where it is usually found; colons between them
  UER_LIBCUDA     another NVIDIA driver library
  NO_COLOR        never use colours
  CLICOLOR_FORCE  use colours even if the output is not a terminal`,
		},
	}
}
