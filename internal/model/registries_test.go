package model

import (
	"slices"
	"testing"

	"uer/internal/batch"
	"uer/internal/instance"
	"uer/internal/registry"
	"uer/internal/target"
	"uer/internal/task"
)

// TestEveryRegistryHoldsEveryTarget: what computes for a target stands under its name in the registry of each package.
func TestEveryRegistryHoldsEveryTarget(t *testing.T) {
	for name, targets := range map[string][]string{
		"instance.ByTarget": registry.Names(instance.ByTarget),
		"batch.ByTarget":    registry.Names(batch.ByTarget),
		"target.ByName":     registry.Names(target.ByName),
	} {
		for _, target := range registry.Names(task.ByName) {
			if !slices.Contains(targets, target) {
				t.Errorf("%s lacks target %s of task.All", name, target)
			}
		}
		for _, target := range targets {
			if _, known := task.ByName[target]; !known {
				t.Errorf("task.All lacks target %s of %s", target, name)
			}
		}
	}
}
