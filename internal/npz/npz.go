// Package npz reads NumPy archives, in which golden files hold arrays. Only tests import it.
package npz

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Array is an array of float32 in C order.
type Array struct {
	Shape []int
	Data  []float32
}

// Read reads the arrays of an .npz file by their names. Anything but float32 in C order ends the test.
func Read(t testing.TB, path string) map[string]Array {
	t.Helper()
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	arrays := map[string]Array{}
	for _, file := range archive.File {
		array, err := readArray(file)
		if err != nil {
			t.Fatalf("%s: %s: %v", path, file.Name, err)
		}
		arrays[strings.TrimSuffix(file.Name, ".npy")] = array
	}
	return arrays
}

// header is what NumPy writes for float32 in C order, padded with spaces.
var header = regexp.MustCompile(`^\{'descr': '<f4', 'fortran_order': False, 'shape': \(([\d, ]*)\), \}\s*$`)

// readArray reads a file of the .npy format, version 1.0: a preamble, a header and the elements.
func readArray(file *zip.File) (Array, error) {
	r, err := file.Open()
	if err != nil {
		return Array{}, err
	}
	defer r.Close()
	var preamble struct {
		Magic        [6]byte
		Major, Minor uint8
		HeaderLength uint16
	}
	if err := binary.Read(r, binary.LittleEndian, &preamble); err != nil {
		return Array{}, err
	}
	text := make([]byte, preamble.HeaderLength)
	if _, err := io.ReadFull(r, text); err != nil {
		return Array{}, err
	}
	match := header.FindSubmatch(text)
	if string(preamble.Magic[:]) != "\x93NUMPY" || preamble.Major != 1 || match == nil {
		return Array{}, fmt.Errorf("not an array of float32 in C order: header %q", text)
	}
	array, elements := Array{Shape: []int{}}, 1
	for field := range strings.FieldsFuncSeq(string(match[1]), func(r rune) bool { return r == ',' || r == ' ' }) {
		size, err := strconv.Atoi(field)
		if err != nil {
			return Array{}, err
		}
		array.Shape = append(array.Shape, size)
		elements *= size
	}
	array.Data = make([]float32, elements)
	return array, binary.Read(r, binary.LittleEndian, array.Data)
}
