package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/config"
)

// columns is the width of the help.
const columns = 110

// groupedUsage prints the flags of a command by section, each with its default, and its examples.
func groupedUsage(command *cobra.Command) error {
	var sections []string
	flags := map[string][]*pflag.Flag{}
	width := 0
	command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		section := config.GroupOf(flag)
		if flags[section] == nil {
			sections = append(sections, section)
		}
		flags[section] = append(flags[section], flag)
		width = max(width, len(flagName(flag)))
	})
	out := command.OutOrStderr()
	fmt.Fprintf(out, "Usage:\n  %s\n", command.UseLine())
	for _, section := range sections {
		fmt.Fprintln(out)
		if section != "" {
			fmt.Fprintf(out, "%s:\n", section)
		}
		for _, flag := range flags[section] {
			indent := "\n" + strings.Repeat(" ", width+4)
			text := strings.Join(wrap(describe(flag), columns-width-4), indent)
			fmt.Fprintf(out, "  %-*s  %s\n", width, flagName(flag), text)
		}
	}
	fmt.Fprintf(out, "\nExamples:\n%s\n", command.Example)
	fmt.Fprintf(out, "\nSee also: uer help environment, uer help exit-codes\n")
	return nil
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
		return text // the usage text says what happens without the flag
	}
	return fmt.Sprintf("%s (default %s)", text, flag.DefValue)
}

// wrap breaks a text into lines of a width, at spaces.
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

// helpTopics are commands that cannot be run, only read.
func helpTopics() []*cobra.Command {
	return []*cobra.Command{
		{
			Use:   "exit-codes",
			Short: "What the exit status of uer means",
			Long: `0    done
1    failed: a file, a setting or the machine is not as the command needs it
2    wrong usage: a flag, a value or a command that does not exist
130  stopped by SIGINT (Ctrl-C)
143  stopped by SIGTERM

A command that fails or is stopped leaves no unfinished file under its final name.`,
		},
		{
			Use:   "environment",
			Short: "Where settings come from, and the variables that uer reads",
			Long: `Every flag of preprocess and pretrain has a variable: UER_BATCH_SIZE=64 means --batch_size 64. A variable
beats the configuration file of --config_path (JSON, YAML or TOML), and the command line beats both.

Flags:
  a dash may stand for an underscore             --batch-size 64
  the start of a name will do if it is unique    --save_checkpoint 5000
  lists are words, commas or ranges              --gpu_ranks 0 1 2, 0,1,2 or 0..2
  of a flag given twice the last value counts    --seed 7 --seed 8

Variables without a flag:
  UER_CPU         instruction set to use: portable, baseline, avx2 or avx512; the best one by default
  NO_COLOR        write no colours
  CLICOLOR_FORCE  write colours even if the output is not a terminal`,
		},
	}
}
