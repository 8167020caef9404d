package model

import (
	"archive/zip"
	"encoding/binary"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
)

// readNPZ reads the float32 arrays of a NumPy zip file, by their names.
func readNPZ(t *testing.T, path string) map[string][]float32 {
	t.Helper()
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	arrays := map[string][]float32{}
	for _, member := range archive.File {
		r, err := member.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		arrays[strings.TrimSuffix(member.Name, ".npy")] = readNPY(t, member.Name, data)
	}
	return arrays
}

var plainArray = regexp.MustCompile(`'descr': '<f4', 'fortran_order': False`)

func readNPY(t *testing.T, name string, data []byte) []float32 {
	t.Helper()
	const prefix = 10 // magic, version, length of the header
	header := int(binary.LittleEndian.Uint16(data[8:]))
	if !plainArray.Match(data[prefix : prefix+header]) {
		t.Fatalf("%s: header %s", name, data[prefix:prefix+header])
	}
	data = data[prefix+header:]
	values := make([]float32, len(data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return values
}
