// Package registry looks up names that users type in map literals, such as encoder.ByName.
package registry

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Names lists the names of a registry in alphabetical order.
func Names[T any](registry map[string]T) []string { return slices.Sorted(maps.Keys(registry)) }

// Which lists the names of the entries that satisfy a condition, in alphabetical order.
func Which[T any](registry map[string]T, condition func(T) bool) []string {
	return slices.DeleteFunc(Names(registry), func(name string) bool { return !condition(registry[name]) })
}

// Find returns the entry of a name. The error calls it by kind, the name of its flag, and lists the names there are.
func Find[T any](registry map[string]T, kind, name string) (T, error) {
	entry, known := registry[name]
	if !known {
		// A name from a file may be of any length.
		return entry, fmt.Errorf("%s %.40q is not one of %s", kind, name, strings.Join(Names(registry), ", "))
	}
	return entry, nil
}
