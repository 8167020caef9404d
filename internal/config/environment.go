package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// variable returns the name of the environment variable of a flag.
func variable(name string) string { return variablePrefix + strings.ToUpper(name) }

const variablePrefix = "UER_"

// Misspelt returns a remark on each variable of an environment that is no setting of any command, as isSetting tells, but
// nearly one of these flags: nothing would use it.
func Misspelt(environment []string, flags *pflag.FlagSet, isSetting func(name string) bool) []string {
	var remarks []string
	for _, entry := range environment {
		typed, value, _ := strings.Cut(entry, "=")
		name, isOurs := strings.CutPrefix(typed, variablePrefix)
		if name = strings.ToLower(name); !isOurs || value == "" || isSetting(name) {
			continue
		}
		if meant := closest(name, settingNames(flags)); meant != "" {
			remarks = append(remarks, fmt.Sprintf("%s is not a setting; did you mean %s?", typed, variable(meant)))
		}
	}
	slices.Sort(remarks)
	return remarks
}
