// Package config turns what the user says into settings. A later source wins: defaults, the configuration file, the
// environment, the command line. Flags and keys are UER-py's names, and arguments have the forms that argparse takes.
package config

import (
	"strings"

	"github.com/spf13/pflag"
)

// Annotations of a flag: the section of the help that it belongs to, whether the command needs a value for it, and
// whether [Load] took its value from the environment or from the configuration file.
const (
	groupKey       = "group"
	requiredKey    = "required"
	environmentKey = "environment"
	fileKey        = "file"
)

// Source is where the value of a flag comes from. The greater one wins.
type Source int

// The sources of values.
const (
	Default Source = iota
	File
	Environment
	CommandLine
)

// SourceOf tells where the value of a flag comes from, after [Load].
func SourceOf(flag *pflag.Flag) Source {
	switch {
	case flag.Changed:
		return CommandLine
	case flag.Annotations[environmentKey] != nil:
		return Environment
	case flag.Annotations[fileKey] != nil:
		return File
	}
	return Default
}

// A Group adds flags to one section of a command's help.
type Group struct {
	title string
	flags *pflag.FlagSet
}

// NewGroup starts a section of the help of the command that flags belong to.
func NewGroup(flags *pflag.FlagSet, title string) Group {
	flags.SortFlags = false
	flags.SetNormalizeFunc(normalize)
	return Group{title, flags}
}

// normalize makes --batch-size and --batch_size the same flag.
func normalize(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ReplaceAll(name, "-", "_"))
}

// GroupOf returns the section that a flag belongs to, "" if it was not added by a [Group].
func GroupOf(flag *pflag.Flag) string {
	if title := flag.Annotations[groupKey]; len(title) > 0 {
		return title[0]
	}
	return ""
}

// IsRequired tells whether a command needs a value for the flag.
func IsRequired(flag *pflag.Flag) bool { return flag.Annotations[requiredKey] != nil }

// Choices returns the names that a flag may be set to, nil if it takes other values.
func Choices(flag *pflag.Flag) []string {
	if value, isChoice := flag.Value.(interface{ choices() []string }); isChoice {
		return value.choices()
	}
	return nil
}

// Require marks flags of the group that the command cannot do without.
func (g Group) Require(names ...string) {
	for _, name := range names {
		g.flags.Lookup(name).Annotations[requiredKey] = []string{"true"}
	}
}

func (g Group) add(name string, value pflag.Value, usage string) *pflag.Flag {
	flag := g.flags.VarPF(value, name, "", usage)
	flag.Annotations = map[string][]string{groupKey: {g.title}}
	return flag
}

// Int adds a whole number that is at least least.
func (g Group) Int(to *int, name string, value, least int, usage string) {
	*to = value
	g.add(name, integer{to, least}, usage)
}

// Seed adds any whole number.
func (g Group) Seed(to *int64, name string, value int64, usage string) {
	*to = value
	g.add(name, seed{to}, usage)
}

// Float adds a number between low and high, both included.
func (g Group) Float(to *float64, name string, value, low, high float64, usage string) {
	*to = value
	g.add(name, number{to, low, high}, usage)
}

// Text adds a text, such as a path.
func (g Group) Text(to *string, name, value, usage string) {
	*to = value
	g.add(name, text{to}, usage)
}

// Bool adds a flag that is off unless it is given.
func (g Group) Bool(to *bool, name, usage string) {
	g.add(name, boolean{to}, usage).NoOptDefVal = "true"
}

// Choice adds one of a set of names. A value outside of it, such as "", means that nothing is chosen by default.
func (g Group) Choice(to *string, name, value string, names []string, usage string) {
	*to = value
	g.add(name, &choice{to, names}, usage)
}

// Words adds one of a set of names that may also be typed, or stand in a file, as a list of words. Newer gives the value
// for each such list.
func (g Group) Words(to *string, name, value string, names []string, newer map[string]string, usage string) {
	*to = value
	g.add(name, &words{choice{to, names}, newer}, usage)
}

// Ints adds a list of numbers from 0: "0 1 2", "0,1,2" or "0..2".
func (g Group) Ints(to *[]int, name, usage string) {
	g.add(name, integers{to}, usage)
}
