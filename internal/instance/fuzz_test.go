package instance

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"uer/internal/registry"
	"uer/internal/task"
)

// FuzzBuild makes instances of any text for any target: an error, or instances that fit the settings.
func FuzzBuild(f *testing.F) {
	v, folder := readVocabulary(f), f.TempDir()
	targets := registry.Names(task.ByName)
	for i, target := range targets {
		text, err := os.ReadFile(filepath.Join("testdata", corpora[task.ByName[target].Corpus]))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), string(text[:min(len(text), 600)]))
	}
	f.Fuzz(func(t *testing.T, target uint8, text string) {
		settings := defaults(v)
		settings.Target = targets[int(target)%len(targets)]
		settings.SequenceLength, settings.TargetSequenceLength, settings.DupFactor = 12, 8, 1
		instances, statistics, err := collect(settings, openText(t, folder, text))
		if err == nil && int(statistics.Instances) != len(instances) {
			t.Errorf("%d instances counted, %d emitted", statistics.Instances, len(instances))
		}
		for _, x := range instances {
			last := len(x.Ends) - 1
			if last < 0 || !slices.IsSorted(x.Ends) || int(x.Ends[last]) > min(len(x.Tokens), settings.SequenceLength) {
				t.Fatalf("segments of %+v", x)
			}
			for _, id := range slices.Concat(x.Tokens, x.Output) {
				if id < 0 || int(id) >= v.Size() {
					t.Fatalf("ids of %+v", x)
				}
			}
			for _, hidden := range x.Masks {
				if hidden.Position < 0 || hidden.Position >= x.Ends[last] {
					t.Fatalf("masks of %+v", x)
				}
			}
		}
	})
}
