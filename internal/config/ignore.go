package config

import (
	"fmt"

	"github.com/spf13/pflag"

	"uer/internal/console"
)

// Ignore makes the flags that are not wanted settings of another command: a configuration file and the environment may set
// them, since one file describes a model for several commands, but they are no part of the help, and on the command line
// they are an error.
func Ignore(flags *pflag.FlagSet, wanted func(flag *pflag.Flag) bool) {
	flags.VisitAll(func(flag *pflag.Flag) {
		if !wanted(flag) {
			flag.Hidden = true
			delete(flag.Annotations, requiredKey)
		}
	})
}

// checkIgnored rejects flags that the command ignores.
func checkIgnored(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(flag *pflag.Flag) {
		if flag.Hidden && err == nil {
			err = console.UsageError{Err: fmt.Errorf("--%s has no effect on this command", flag.Name)}
		}
	})
	return err
}
