package device

import "testing"

// TestDropoutKey pins the key, as another one would change what a resumed run drops, and checks that seeds, steps and places
// in the model have their own.
func TestDropoutKey(t *testing.T) {
	if key := (&Run{Seed: 1, Step: 2}).DropoutKey(3); key != 0x6ae515c1c0ac7e37 {
		t.Errorf("key %#x", key)
	}
	keys := map[uint64]bool{}
	for seed := range uint64(10) {
		for step := range uint64(10) {
			run := Run{Seed: seed, Step: step}
			for site := range 10 {
				keys[run.DropoutKey(site)] = true
			}
		}
	}
	if len(keys) != 1000 {
		t.Errorf("%d keys for 1000 different places", len(keys))
	}
}
