package statedict

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestIsOurs(t *testing.T) {
	var ours bytes.Buffer
	if err := Write(&ours, []Tensor{{Name: "bias", Shape: []int{2}, Data: []float32{1, 2}}}); err != nil {
		t.Fatal(err)
	}
	if !IsOurs(bytes.NewReader(ours.Bytes())) {
		t.Error("a file of Write is not ours")
	}
	for n := range 64 {
		if IsOurs(bytes.NewReader(ours.Bytes()[:n])) {
			t.Errorf("%d bytes are ours", n)
		}
	}
	others, err := filepath.Glob("testdata/*.bin")
	if err != nil || len(others) == 0 {
		t.Fatal(len(others), err)
	}
	for _, path := range others {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if IsOurs(bytes.NewReader(data)) {
			t.Errorf("%s is ours", path)
		}
	}
}
