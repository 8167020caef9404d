package cli

import "testing"

// TestQuote: what needs no quotes has none, and the rest is one word to the shell.
func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"models/output_model.bin-12": "models/output_model.bin-12", "模型.bin-1": "模型.bin-1", "": "''",
		"my model": "'my model'", "it's": `'it'\''s'`, "a$b": "'a$b'", "~/x": "'~/x'",
	} {
		if got := quote(word); got != want {
			t.Errorf("quote(%q) is %s, want %s", word, got, want)
		}
	}
}
