package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"uer/internal/console"
)

// integer is an integer from low to high inclusive.
type integer struct {
	to        *int
	low, high int
}

func (v integer) String() string { return strconv.Itoa(*v.to) }
func (v integer) Type() string   { return "int" }

func (v integer) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%q is not an integer", text)
	}
	if n < v.low {
		return fmt.Errorf("%d is less than %d", n, v.low)
	}
	if n > v.high {
		return fmt.Errorf("%d is greater than %d", n, v.high)
	}
	*v.to = n
	return nil
}

// seed is any 64-bit integer.
type seed struct{ to *int64 }

func (v seed) String() string { return strconv.FormatInt(*v.to, 10) }
func (v seed) Type() string   { return "int" }

func (v seed) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a 64-bit integer", text)
	}
	*v.to = n
	return nil
}

// number is a finite number from low to high inclusive.
type number struct {
	to        *float64
	low, high float64
}

func (v number) String() string { return strconv.FormatFloat(*v.to, 'g', -1, 64) }
func (v number) Type() string   { return "float" }

func (v number) Set(text string) error {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("%q is not a number", text)
	}
	if x < v.low {
		return fmt.Errorf("%s is less than %g", text, v.low)
	}
	if x > v.high {
		return fmt.Errorf("%s is greater than %g", text, v.high)
	}
	*v.to = x
	return nil
}

type text struct{ to *string }

func (v text) String() string         { return *v.to }
func (v text) Type() string           { return "text" }
func (v text) Set(value string) error { *v.to = value; return nil }

// boolean is a flag without a value; --name=false overrides a file or the environment.
type boolean struct{ to *bool }

func (v boolean) String() string { return strconv.FormatBool(*v.to) }
func (v boolean) Type() string   { return "bool" }

func (v boolean) Set(text string) error {
	switch text {
	case "true", "1":
		*v.to = true
	case "false", "0":
		*v.to = false
	default:
		return fmt.Errorf("%q is neither true nor false", text)
	}
	return nil
}

// choice is a name from a set.
type choice struct {
	to    *string
	names []string
}

func (v *choice) String() string    { return *v.to }
func (v *choice) Type() string      { return "name" }
func (v *choice) choices() []string { return v.names }

func (v *choice) Set(text string) error {
	if !slices.Contains(v.names, text) {
		err := fmt.Errorf("%q is not one of %s", text, strings.Join(v.names, ", "))
		if name := closest(text, v.names); name != "" {
			return console.Hint(err, "did you mean "+name+"?")
		}
		return err
	}
	*v.to = text
	return nil
}

// list is a value that takes several arguments, like argparse's nargs="+". Set takes them with a separator between them.
type list interface{ separator() string }

// isSeparator reports whether r separates the items of a list.
func isSeparator(r rune) bool { return r == ',' || r == ' ' }

// integers is a list of non-negative integers: "0 1 2", "0,1,2" or "0..2". Setting it again replaces it.
type integers struct{ to *[]int }

// maxIntegers bounds the length of a list, since a range may ask for any.
const maxIntegers = 1 << 16

func (v integers) separator() string { return "," }
func (v integers) Type() string      { return "ints" }

func (v integers) String() string {
	words := make([]string, len(*v.to))
	for i, n := range *v.to {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, " ")
}

func (v integers) Set(text string) error {
	var all []int
	for _, word := range strings.FieldsFunc(text, isSeparator) {
		low, high, isRange := strings.Cut(word, "..")
		if !isRange {
			high = low
		}
		first, err := strconv.ParseUint(low, 10, 31)
		last, lastErr := strconv.ParseUint(high, 10, 31)
		if err != nil || lastErr != nil || last < first {
			return fmt.Errorf("%q is neither a non-negative integer nor a range such as 0..7", word)
		}
		if last-first >= maxIntegers-uint64(len(all)) {
			return fmt.Errorf("%q makes the list longer than %d numbers", word, maxIntegers)
		}
		for n := first; n <= last; n++ {
			all = append(all, int(n))
		}
	}
	if all == nil {
		return fmt.Errorf("%q contains no number", text)
	}
	*v.to = all
	return nil
}

// texts is a list of strings. They may hold anything but line feeds, which separate them in an environment variable.
type texts struct{ to *[]string }

func (v texts) separator() string { return "\n" }
func (v texts) Type() string      { return "texts" }
func (v texts) String() string    { return strings.Join(*v.to, " ") }

func (v texts) Set(value string) error {
	*v.to = strings.Split(strings.Trim(value, "\n"), "\n")
	return nil
}
