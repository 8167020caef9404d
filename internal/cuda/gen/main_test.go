package main

import (
	"bytes"
	"os"
	"testing"
)

func TestForwardersAreThoseOfTheHeader(t *testing.T) {
	header, err := os.ReadFile("../cuda.h")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../lazy.c")
	if err != nil {
		t.Fatal(err)
	}
	want := forwarders(header)
	if !bytes.Equal(source, want) {
		t.Error("lazy.c is not what cuda.h makes: run go generate ./internal/cuda")
	}
	declared, defined := bytes.Count(header, []byte("\nCUresult ")), bytes.Count(want, []byte("\nFORWARD("))
	if declared != defined+1 { // cuInit is written by hand
		t.Errorf("cuda.h declares %d functions, lazy.c defines %d", declared, defined)
	}
}
