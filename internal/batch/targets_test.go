package batch

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uer/internal/dataset"
	"uer/internal/instance"
	"uer/internal/target"
)

// TestRegistriesAgree: a target is in every registry of targets or in none.
func TestRegistriesAgree(t *testing.T) {
	registries := map[string][]string{
		"instance.ByTarget": slices.Collect(maps.Keys(instance.ByTarget)),
		"batch.adders":      slices.Collect(maps.Keys(adders)),
		"target.ByName":     slices.Collect(maps.Keys(target.ByName)),
	}
	all := slices.Sorted(func(yield func(string) bool) {
		for _, names := range registries {
			for _, name := range names {
				if !yield(name) {
					return
				}
			}
		}
	})
	all = slices.Compact(all)
	registries["dataset.shapes"] = targetsOfDatasets(t, all)
	for registry, names := range registries {
		for _, name := range all {
			if !slices.Contains(names, name) {
				t.Errorf("%s lacks target %s", registry, name)
			}
		}
	}
}

// targetsOfDatasets returns the targets that a dataset can be made for.
func targetsOfDatasets(t *testing.T, all []string) (known []string) {
	for _, name := range all {
		m := dataset.Metadata{Target: name, SequenceLength: 8, VocabularySize: 9}
		w, err := dataset.Create(filepath.Join(t.TempDir(), "d"), m)
		if err == nil {
			w.Abort()
			known = append(known, name)
		} else if !strings.Contains(err.Error(), "is none of") {
			t.Error(err)
		}
	}
	return known
}
