package cli

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/config"
)

// documents returns the texts of the documents by their paths from the root of the repository, to which it changes.
func documents(t *testing.T) map[string]string {
	t.Helper()
	t.Chdir("../..")
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/recipes/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(text)
		}
	}
	return texts
}

// settings returns the flags of all commands that have settings, and of the root command, which has none.
func settings() map[*cobra.Command][]*pflag.Flag {
	root := newRoot(Streams{Out: io.Discard, Err: io.Discard})
	flags := map[*cobra.Command][]*pflag.Flag{root: nil}
	for _, command := range root.Commands() {
		command.Flags().VisitAll(func(flag *pflag.Flag) {
			if config.GroupOf(flag) != "" {
				flags[command] = append(flags[command], flag)
			}
		})
	}
	return flags
}

// flagInText matches flags.
var flagInText = regexp.MustCompile(`(?:^|[^\w-])--([a-z][a-z_0-9]*)`)

// TestFlagsAreDocumented checks that a document names every flag, and that the documents name no other flags, except
// those of UER-py in the table of what is not supported.
func TestFlagsAreDocumented(t *testing.T) {
	texts := documents(t)
	documented := map[string]string{} // one of the documents that name the flag
	for path, text := range texts {
		for _, match := range flagInText.FindAllStringSubmatch(text, -1) {
			documented[match[1]] = path
		}
	}
	_, unsupported, found := strings.Cut(texts["docs/from-uer-py.md"], "\n## What is not supported\n")
	unsupported, _, _ = strings.Cut(unsupported, "\n#")
	if !found {
		t.Fatal("docs/from-uer-py.md does not say what is not supported")
	}
	known := map[string]bool{"help": true, "version": true, "logdir": true} // the last one is TensorBoard's
	for _, match := range flagInText.FindAllStringSubmatch(unsupported, -1) {
		known[match[1]] = true
	}
	for command, flags := range settings() {
		for _, flag := range flags {
			known[flag.Name] = true
			if documented[flag.Name] == "" {
				t.Errorf("no document names --%s of %s", flag.Name, command.CommandPath())
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		matching := 0 // names that begin with it: a unique one is what it means
		for flag := range known {
			if strings.HasPrefix(flag, name) {
				matching++
			}
		}
		if !known[name] && matching != 1 {
			t.Errorf("%s names --%s, which no command has", documented[name], name)
		}
	}
}

// commandInText matches indented commands with their arguments.
var commandInText = regexp.MustCompile(`(?m)^ +(?:\$ )?(?:bin/)?uer ((?:build_vocab|preprocess|pretrain|evaluate|fill|generate|embed|score|nearest|selftest|devices)\b.*)$`)

// TestExamples checks that the examples in help texts and the commands in documents are valid, and that the examples fit a
// narrow terminal.
func TestExamples(t *testing.T) {
	texts := documents(t)
	for command := range settings() {
		help := command.CommandPath() + " --help"
		texts[help] = command.Example
		if command.Example == "" {
			t.Errorf("%s has no example", help)
		}
		for line := range strings.SplitSeq(command.Example, "\n") {
			if len(line) > 80 {
				t.Errorf("%s: line of %d columns: %s", help, len(line), line)
			}
		}
	}
	texts["uer help recipes"] = recipes
	for line := range strings.SplitSeq(recipes, "\n") {
		if len(line) > 80 {
			t.Errorf("uer help recipes: line of %d columns: %s", len(line), line)
		}
	}
	for source, text := range texts {
		for _, match := range commandInText.FindAllStringSubmatch(strings.ReplaceAll(text, "\\\n", " "), -1) {
			t.Run(source, func(t *testing.T) { checkCommand(t, strings.Fields(match[1])) })
		}
	}
}

// checkCommand reads the settings of a command and checks what can be checked without files other than the configuration.
func checkCommand(t *testing.T, words []string) {
	flags := pflag.NewFlagSet(words[0], pflag.ContinueOnError)
	var err error
	switch words[0] {
	case "preprocess":
		var o preprocessOptions
		o.addFlags(flags)
		parseFlags(t, flags, words[1:])
		_, err = o.Target.resolve(flags)
	case "build_vocab":
		var o buildVocabOptions
		o.addFlags(flags)
		parseFlags(t, flags, words[1:])
		o.Source.Vocabulary = filepath.Join(t.TempDir(), "vocab")
		if o.Source.Merges != "" {
			o.Source.Merges = filepath.Join(t.TempDir(), "merges")
		}
		err = o.check()
	case "selftest":
		var o selftestOptions
		o.addFlags(flags)
		parseFlags(t, flags, words[1:])
		err = o.check()
	case "evaluate":
		var o evaluateOptions
		o.addFlags(flags)
		if !slices.Contains(words, "--vocab_path") && !slices.Contains(words, "--config_path") {
			return // the settings are those of a checkpoint
		}
		parseFlags(t, flags, words[1:])
		err = o.check(flags)
	case "devices":
		parseFlags(t, flags, words[1:])
	case "fill", "generate", "embed", "score", "nearest": // the settings are those of a checkpoint, or of UER-py
		if end := slices.IndexFunc(words, func(word string) bool { return strings.ContainsAny(word, "|<>") }); end >= 0 {
			words = words[:end]
		}
		command, _, err := newRoot(Streams{Out: io.Discard, Err: io.Discard}).Find(words[:1])
		if err != nil {
			t.Fatal(err)
		}
		parseFlags(t, command.Flags(), words[1:])
	default:
		var o pretrainOptions
		o.addFlags(flags)
		parseFlags(t, flags, words[1:])
		o.OutputModelPath = filepath.Join(t.TempDir(), "model.bin")
		if o.Resume == "" { // otherwise the settings are those of a checkpoint
			err = o.check(flags, nil)
		}
	}
	if err != nil {
		t.Errorf("uer %s: %v", strings.Join(words, " "), err)
	}
}
