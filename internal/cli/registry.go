package cli

import (
	"maps"
	"slices"
)

// names lists the names of a registry, so that flags, help and completion offer what exists.
func names[T any](registry map[string]T) []string { return slices.Sorted(maps.Keys(registry)) }

// What has no registry to choose from yet.
var (
	targets    = []string{"mlm"}
	masks      = []string{"fully_visible"}
	optimizers = []string{"adamw"}
	schedulers = []string{"linear"}
)
