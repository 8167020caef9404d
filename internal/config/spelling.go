package config

import (
	"fmt"
	"slices"
	"strings"
)

// The spellings of newer versions of UER-py, whose words may come in any order, and the names used here.
var (
	NewerEmbeddings = map[string]string{
		"word pos": "word_pos", "word pos seg": "word_pos_seg", "word sinusoidalpos": "word_sinusoidalpos",
	}
	NewerTargets        = map[string]string{newerPair: newerPair, "mt": "seq2seq"}
	NewerDataProcessors = map[string]string{"mt": "seq2seq"}
)

// newerPair is the target of both bert and albert in newer UER-py; the data_processor tells them apart.
const newerPair = "mlm sp"

// newerTargets maps a data processor of newer UER-py to its target, where the names differ.
var newerTargets = map[string]string{
	"bert": newerPair, "albert": newerPair, "prefixlm": "lm", "seq2seq": "lm", "t5": "lm",
}

// Target combines --target and --data_processor into the name of a target. agree is false if they contradict each
// other. The data processor may be empty.
func Target(target, dataProcessor string) (name string, agree bool) {
	switch {
	case dataProcessor == "" && target == newerPair:
		return "bert", true
	case dataProcessor == "":
		return target, true
	}
	return dataProcessor, target == dataProcessor || target == newerTargets[dataProcessor]
}

// words is a name from a set, some of which may also be spelt as a list of words.
type words struct {
	choice
	newer map[string]string
}

func (v *words) isList() {}

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
