package model

import "testing"

// TestDigest: a model that is built twice is the same program, and any two models are different ones. Processes compare them.
func TestDigest(t *testing.T) {
	seen := map[string]string{}
	for name, settings := range middling() {
		for _, dropout := range []float64{0, 0.1} {
			settings.Dropout = dropout
			var digests [2]string
			for i := range digests {
				m, err := New(settings, 50, Limits{Sequences: 8, Length: 64, Output: 64, OutputVocabulary: 50})
				if err != nil {
					t.Fatal(err)
				}
				digests[i] = m.Program.Digest()
			}
			if digests[0] != digests[1] {
				t.Errorf("%s: digests %v", name, digests)
			}
			if other := seen[digests[0]]; other != "" && other != name {
				t.Errorf("%s has the digest of %s", name, other)
			}
			seen[digests[0]] = name
		}
	}
	if len(seen) < len(middling())+5 {
		t.Errorf("only %d digests", len(seen))
	}
}
