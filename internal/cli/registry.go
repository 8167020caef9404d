package cli

import (
	"maps"
	"slices"
)

// names lists the names of a registry, so that flags, help and completion offer what exists.
func names[T any](registry map[string]T) []string { return slices.Sorted(maps.Keys(registry)) }

// What has no registry.
var (
	decoders = []string{"transformer"}
	masks    = []string{"fully_visible", "causal", "causal_with_prefix"}
)
