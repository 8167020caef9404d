package task_test

import (
	"slices"
	"testing"

	"uer/internal/config"
	"uer/internal/task"
)

// TestTasks: what the fields of a task say goes together.
func TestTasks(t *testing.T) {
	if len(task.ByName) != len(task.All) {
		t.Errorf("%d names for %d targets", len(task.ByName), len(task.All))
	}
	for _, target := range task.All {
		for problem, found := range map[string]bool{
			"has no name":                           target.Name == "",
			"has no corpus":                         target.Corpus == "",
			"has no context":                        target.Context == 0,
			"has no segments":                       target.Segments.Min < 1 || target.Segments.Max < target.Segments.Min,
			"has classes without labels":            target.Classes > 0 && !target.Labelled,
			"predicts nothing":                      !target.PredictsTokens && !target.Labelled,
			"has an output without a decoder":       target.Output && !target.Decoder,
			"has a decoder that predicts no tokens": target.Decoder && !target.PredictsTokens,
			"is not found by its newer spelling":    !foundByNewerSpelling(target),
		} {
			if found {
				t.Errorf("target %q %s", target.Name, problem)
			}
		}
	}
}

// foundByNewerSpelling looks a target up as newer versions of UER-py write it.
func foundByNewerSpelling(target task.Task) bool {
	spelling := target.Name
	if target.NewerTarget != "" {
		spelling = target.NewerTarget
	}
	name, agree := config.Target(spelling, target.Name)
	return name == target.Name && agree
}

func TestWithin(t *testing.T) {
	within := map[task.Context][]task.Context{ // what an encoder gives, and where that is allowed
		task.Past:               {task.Past, task.PastAndPrefix, task.Full},
		task.PastAndPrefix:      {task.PastAndPrefix, task.Full},
		task.Full:               {task.Full},
		task.PastAndFutureSplit: {task.PastAndFutureSplit, task.Full},
	}
	for given, limits := range within {
		for limit := range within {
			if got, want := given.Within(limit), slices.Contains(limits, limit); got != want {
				t.Errorf("context %d within %d: %v, want %v", given, limit, got, want)
			}
		}
	}
}
