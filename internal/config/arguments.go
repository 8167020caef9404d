package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"uer/internal/console"
)

// Arguments rewrites arguments that argparse accepts into the form that pflag accepts, --name=value: an unambiguous
// prefix becomes the full name, and the items of a list are joined. Errors are [console.UsageError].
func Arguments(flags *pflag.FlagSet, arguments []string) ([]string, error) {
	var rewritten []string
	for len(arguments) > 0 {
		argument, rest := arguments[0], arguments[1:]
		if argument == "--" {
			return append(rewritten, arguments...), nil
		}
		if !strings.HasPrefix(argument, "--") {
			rewritten, arguments = append(rewritten, argument), rest
			continue
		}
		name, value, hasValue := strings.Cut(argument[2:], "=")
		flag, err := find(flags, name)
		if err != nil {
			return nil, err
		}
		if !hasValue {
			if value, rest, err = takeValue(flag, rest); err != nil {
				return nil, err
			}
		}
		rewritten, arguments = append(rewritten, "--"+flag.Name+"="+value), rest
	}
	return rewritten, nil
}

// takeValue splits the arguments after the name of a flag into its value and the rest.
func takeValue(flag *pflag.Flag, arguments []string) (value string, rest []string, err error) {
	count := 0
	for count < len(arguments) && isValue(arguments[count]) {
		count++
	}
	items, isList := flag.Value.(list)
	switch {
	case flag.NoOptDefVal != "":
		if count > 0 && (arguments[0] == "true" || arguments[0] == "false") {
			return "", nil, usage(fmt.Sprintf("write --%s=%s", flag.Name, arguments[0]),
				"--%s takes no value after a space", flag.Name)
		}
		return flag.NoOptDefVal, arguments, nil
	case count == 0 && isList:
		return "", nil, usage("", "--%s needs at least one value", flag.Name)
	case count == 0:
		return "", nil, usage("", "--%s needs a value", flag.Name)
	case isList:
		return strings.Join(arguments[:count], items.separator()), arguments[count:], nil
	default:
		return arguments[0], arguments[1:], nil
	}
}

// isValue reports whether an argument is a value, as opposed to a flag. A negative number is a value.
func isValue(argument string) bool {
	if !strings.HasPrefix(argument, "-") || argument == "-" {
		return true
	}
	_, err := strconv.ParseFloat(argument, 64)
	return err == nil
}

// find returns the flag with the typed name or, if there is none, the only one whose name starts with it.
func find(flags *pflag.FlagSet, typed string) (*pflag.Flag, error) {
	if flag := flags.Lookup(typed); flag != nil {
		return flag, nil
	}
	prefix := string(normalize(flags, typed))
	var found []*pflag.Flag
	flags.VisitAll(func(flag *pflag.Flag) {
		if prefix != "" && strings.HasPrefix(flag.Name, prefix) {
			found = append(found, flag)
		}
	})
	switch len(found) {
	case 0:
		return nil, usage(suggestion(flags, prefix, "--"), "unknown flag: --%s", typed)
	case 1:
		return found[0], nil
	}
	names := make([]string, len(found))
	for i, flag := range found {
		names[i] = "--" + flag.Name
	}
	return nil, usage("", "ambiguous flag: --%s could be %s", typed, strings.Join(names, ", "))
}

// FlagError rewords pflag's error about a value like the other errors of this package.
func FlagError(err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		err = fmt.Errorf("--%s: %w", invalid.GetFlag().Name, invalid.Unwrap())
	}
	return console.UsageError{Err: err}
}

func usage(hint, format string, arguments ...any) error {
	err := fmt.Errorf(format, arguments...)
	if hint != "" {
		err = console.Hint(err, hint)
	}
	return console.UsageError{Err: err}
}
