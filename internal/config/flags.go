// Package config reads settings from the command line, the environment and a configuration file.
//
// A command declares its flags with a [Group]; each flag is a setting with one name everywhere: --batch_size on the
// command line, UER_BATCH_SIZE in the environment, batch_size in a file of JSON, YAML or TOML. [Arguments] accepts the
// command line as Python's argparse does, and [Load] fills in the flags that were not given. The command line wins over
// the environment, which wins over the file, which wins over the default.
//
// A setting that UER-py has too keeps UER-py's name and values; the spellings of its newer versions work as well. An
// unknown key is an error. Errors name the source of a bad value; wrong usage is a [console.UsageError].
package config

import (
	"math"
	"strings"

	"github.com/spf13/pflag"
)

// Annotations of a flag: its section of the help, whether the command needs a value for it, and whether [Load] took its
// value from the environment or from the configuration file, or [Resume] from the earlier run.
const (
	groupKey       = "group"
	requiredKey    = "required"
	environmentKey = "environment"
	fileKey        = "file"
	earlierKey     = "earlier"
)

// Source is where the value of a flag comes from.
type Source int

// The sources of values, in ascending order of precedence.
const (
	Default Source = iota
	Earlier        // the run that is resumed
	File
	Environment
	CommandLine
)

// SourceOf returns where the value of a flag comes from. Call it after [Load] or [Resume].
func SourceOf(flag *pflag.Flag) Source {
	switch {
	case flag.Changed:
		return CommandLine
	case flag.Annotations[environmentKey] != nil:
		return Environment
	case flag.Annotations[fileKey] != nil:
		return File
	case flag.Annotations[earlierKey] != nil:
		return Earlier
	}
	return Default
}

// A Group adds flags to one section of a command's help.
type Group struct {
	title string
	flags *pflag.FlagSet
}

// NewGroup starts a section of the help of the command whose flags are given.
func NewGroup(flags *pflag.FlagSet, title string) Group {
	flags.SortFlags = false
	flags.SetNormalizeFunc(normalize)
	return Group{title, flags}
}

// normalize makes --batch-size and --batch_size the same flag.
func normalize(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ReplaceAll(name, "-", "_"))
}

// GroupOf returns the title of the section that a flag belongs to, "" if it was not added by a [Group].
func GroupOf(flag *pflag.Flag) string {
	if title := flag.Annotations[groupKey]; len(title) > 0 {
		return title[0]
	}
	return ""
}

// IsRequired reports whether the command needs a value for the flag.
func IsRequired(flag *pflag.Flag) bool { return flag.Annotations[requiredKey] != nil }

// Choices returns the names to which a flag may be set, nil if its values are not from a set of names.
func Choices(flag *pflag.Flag) []string {
	if value, isChoice := flag.Value.(interface{ choices() []string }); isChoice {
		return value.choices()
	}
	return nil
}

// Require marks flags of the group as required.
func (g Group) Require(names ...string) {
	for _, name := range names {
		g.flags.Lookup(name).Annotations[requiredKey] = []string{"true"}
	}
}

// Optional makes flags of the group optional that were required.
func (g Group) Optional(names ...string) {
	for _, name := range names {
		delete(g.flags.Lookup(name).Annotations, requiredKey)
	}
}

// RequireEither requires a flag of the group unless another flag is set.
func (g Group) RequireEither(name, other string) {
	g.flags.Lookup(name).Annotations[requiredKey] = []string{"true", other}
}

func (g Group) add(name string, value pflag.Value, usage string) *pflag.Flag {
	flag := g.flags.VarPF(value, name, "", usage)
	flag.Annotations = map[string][]string{groupKey: {g.title}}
	return flag
}

// Int adds an integer of at least low. At most it has 31 bits, so that a product with another one does not overflow.
func (g Group) Int(to *int, name string, value, low int, usage string) {
	g.IntTo(to, name, value, low, math.MaxInt32, usage)
}

// IntTo adds an integer from low to high inclusive.
func (g Group) IntTo(to *int, name string, value, low, high int, usage string) {
	*to = value
	g.add(name, integer{to, low, high}, usage)
}

// Seed adds an integer without limits.
func (g Group) Seed(to *int64, name string, value int64, usage string) {
	*to = value
	g.add(name, seed{to}, usage)
}

// Float adds a number from low to high inclusive.
func (g Group) Float(to *float64, name string, value, low, high float64, usage string) {
	*to = value
	g.add(name, number{to, low, high}, usage)
}

// Text adds a string, such as a path.
func (g Group) Text(to *string, name, value, usage string) {
	*to = value
	g.add(name, text{to}, usage)
}

// Texts adds a list of strings, such as paths.
func (g Group) Texts(to *[]string, name, usage string) {
	g.add(name, texts{to}, usage)
}

// Bool adds a flag that is off unless it is given.
func (g Group) Bool(to *bool, name, usage string) {
	g.add(name, boolean{to}, usage).NoOptDefVal = "true"
}

// Choice adds a name from a set. A default outside the set, such as "", means that nothing is chosen by default.
func (g Group) Choice(to *string, name, value string, names []string, usage string) {
	*to = value
	g.add(name, &choice{to, names}, usage)
}

// Words adds a name from a set, some of which may also be given as a list of words, both as arguments and in a file.
// newer maps each such list to its name.
func (g Group) Words(to *string, name, value string, names []string, newer map[string]string, usage string) {
	*to = value
	g.add(name, &words{choice{to, names}, newer}, usage)
}

// Ints adds a list of non-negative integers: "0 1 2", "0,1,2" or "0..2".
func (g Group) Ints(to *[]int, name, usage string) {
	g.add(name, integers{to}, usage)
}
