package config

import (
	"fmt"
	"slices"
	"strings"

	"uer/internal/task"
)

// The spellings of newer versions of UER-py, whose words may come in any order, and the names used here.
var (
	NewerEmbeddings = map[string]string{
		"word pos": "word_pos", "word pos seg": "word_pos_seg", "word sinusoidalpos": "word_sinusoidalpos",
	}
	NewerTargets        = newerTargets()
	NewerDataProcessors = newerDataProcessors()
)

func newerDataProcessors() map[string]string {
	names := map[string]string{}
	for _, t := range task.All {
		if t.NewerProcessor != "" {
			names[t.NewerProcessor] = t.Name
		}
	}
	return names
}

// newerTargets also has the targets that several tasks share, which stand for themselves until [Target] tells which task
// is meant.
func newerTargets() map[string]string {
	names := newerDataProcessors()
	for _, t := range task.All {
		if _, isName := task.ByName[t.NewerTarget]; t.NewerTarget != "" && !isName {
			names[t.NewerTarget] = t.NewerTarget
		}
	}
	return names
}

// Target combines --target and --data_processor into the name of a target. agree is false if they contradict each
// other. The data processor may be empty: a target that several tasks share then means the first of them.
func Target(target, dataProcessor string) (name string, agree bool) {
	if dataProcessor != "" {
		return dataProcessor, target == dataProcessor || target == task.ByName[dataProcessor].NewerTarget
	}
	if _, isName := task.ByName[target]; !isName {
		shares := func(t task.Task) bool { return t.NewerTarget == target }
		if i := slices.IndexFunc(task.All, shares); i >= 0 {
			return task.All[i].Name, true
		}
	}
	return target, true
}

// words is a name from a set, some of which may also be spelt as a list of words.
type words struct {
	choice
	newer map[string]string
}

func (v *words) separator() string { return "," }

// Set accepts the names and their spellings as lists of words.
func (v *words) Set(text string) error {
	typed := strings.FieldsFunc(text, isSeparator)
	if len(typed) == 1 && slices.Contains(v.names, typed[0]) {
		*v.to = typed[0]
		return nil
	}
	sorted := slices.Sorted(slices.Values(typed))
	var spellings []string
	for spelling, name := range v.newer {
		if slices.Equal(sorted, slices.Sorted(strings.FieldsSeq(spelling))) {
			*v.to = name
			return nil
		}
		spellings = append(spellings, spelling)
	}
	slices.Sort(spellings)
	return fmt.Errorf("%q is not one of %s", strings.Join(typed, " "),
		strings.Join(append(slices.Clone(v.names), spellings...), ", "))
}
