package statedict

import (
	"slices"
	"testing"
)

// TestNested reads state dicts inside dictionaries, beside an optimizer's tensors.
func TestNested(t *testing.T) {
	for path, entry := range map[string]string{
		"testdata/nested.bin": "model", "testdata/checkpoint.bin": "model",
		"testdata/wrapped.bin": "model.module", "testdata/wrapped_legacy.bin": "model.module",
	} {
		file, err := ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if file.Entry != entry {
			t.Errorf("%s: the state dict is in entry %q, want %q", path, file.Entry, entry)
		}
		if entry == "model" {
			continue
		}
		if mask := find(t, file.Tensors, "module.mask"); !slices.Equal(mask.Data, []float32{1, 0, 1, 1}) {
			t.Errorf("%s: %v", path, mask)
		}
		if bytes := find(t, file.Tensors, "module.bytes"); !slices.Equal(bytes.Data, []float32{0, 255}) {
			t.Errorf("%s: %v", path, bytes)
		}
		if !slices.Equal(file.Types, []string{"F32", "F32", "BOOL", "U8"}) {
			t.Errorf("%s: types %v", path, file.Types)
		}
	}
}
