package model

import (
	"slices"
	"testing"

	"uer/internal/config"
	"uer/internal/encoder"
	"uer/internal/registry"
	"uer/internal/target"
)

// TestFacts checks that every encoder and target has the facts that the checks need, and names only settings that they
// know.
func TestFacts(t *testing.T) {
	var needed, used []string
	for _, s := range sizes(config.Model{}) {
		needed = append(needed, s.name)
	}
	for _, s := range variants(config.Model{}) {
		used = append(used, s.name)
	}
	check := func(name string, needs, uses []string) {
		for _, setting := range needs {
			if !slices.Contains(needed, setting) {
				t.Errorf("%s needs %s, which is not in sizes", name, setting)
			}
		}
		for _, setting := range uses {
			if !slices.Contains(used, setting) {
				t.Errorf("%s uses %s, which is not in variants", name, setting)
			}
		}
	}
	for _, name := range registry.Names(encoder.ByName) {
		e := encoder.ByName[name]
		check("encoder "+name, e.Needs, e.Uses)
		if e.Build == nil || e.Context == nil || e.Blocks == nil {
			t.Errorf("encoder %s lacks Build, Context or Blocks", name)
		}
	}
	for _, name := range registry.Names(target.ByName) {
		check("target "+name, target.ByName[name].Needs, target.ByName[name].Uses)
		if target.ByName[name].Build == nil {
			t.Errorf("target %s lacks Build", name)
		}
	}
}
