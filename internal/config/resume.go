package config

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// A Change is a setting that a run is resumed with and that differs from before.
type Change struct{ Name, Before, Now string }

// Resume is [Load] for a run that continues an earlier one: before holds the settings of that run, by name, and takes the
// place of the defaults, of the default configuration file too. It returns what was set to something else.
func Resume(flags *pflag.FlagSet, before map[string]string) ([]Change, error) {
	if err := load(flags, false); err != nil {
		return nil, err
	}
	for name := range before {
		if flag := flags.Lookup(name); flag == nil || GroupOf(flag) == "" {
			return nil, fmt.Errorf("the run has a setting --%s, which this version does not know", name)
		}
	}
	var changes []Change
	var err error
	flags.VisitAll(func(flag *pflag.Flag) {
		value, known := before[flag.Name]
		now := stored(flag)
		switch {
		case !known || value == now:
		case SourceOf(flag) != Default:
			changes = append(changes, Change{flag.Name, strings.ReplaceAll(value, "\n", " "), flag.Value.String()})
		default:
			if failed := flag.Value.Set(value); failed != nil && err == nil {
				err = fmt.Errorf("the run has --%s %s: %w", flag.Name, value, failed)
			}
			flag.Annotations[earlierKey] = []string{"true"}
		}
	})
	if err != nil {
		return nil, err
	}
	return changes, checkRequired(flags)
}

// Settings returns the values of all settings by name, but for those that are named.
func Settings(flags *pflag.FlagSet, without ...string) map[string]string {
	values := map[string]string{}
	flags.VisitAll(func(flag *pflag.Flag) {
		if GroupOf(flag) != "" && !slices.Contains(without, flag.Name) {
			values[flag.Name] = stored(flag)
		}
	})
	return values
}

// stored returns the value of a flag as Set takes it.
func stored(flag *pflag.Flag) string {
	if list, ok := flag.Value.(texts); ok {
		return strings.Join(*list.to, list.separator())
	}
	return flag.Value.String()
}

// Given returns the value of a flag on the command line or in the environment, before the settings are loaded.
func Given(flags *pflag.FlagSet, name string) string {
	flag := flags.Lookup(name)
	if !flag.Changed {
		return os.Getenv(variable(name))
	}
	return flag.Value.String()
}
