package statedict

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

// readNPZ reads the float32 arrays of a NumPy archive, in the order of the file.
func readNPZ(t testing.TB, path string) []Tensor {
	t.Helper()
	reader, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var tensors []Tensor
	for _, file := range reader.File {
		tensor, err := readNPY(file)
		if err != nil {
			t.Fatalf("%s: %s: %v", path, file.Name, err)
		}
		tensors = append(tensors, tensor)
	}
	return tensors
}

var arrayHeader = regexp.MustCompile(`^\{'descr': '<f4', 'fortran_order': False, 'shape': \(([\d, ]*)\), \}\s*$`)

func readNPY(file *zip.File) (Tensor, error) {
	tensor := Tensor{Name: strings.TrimSuffix(file.Name, ".npy"), Shape: []int{}}
	body, err := file.Open()
	if err != nil {
		return tensor, err
	}
	defer body.Close()
	var start struct {
		Magic        [6]byte
		Major, Minor uint8
		Length       uint16
	}
	if err := binary.Read(body, binary.LittleEndian, &start); err != nil {
		return tensor, err
	}
	header := make([]byte, start.Length)
	if _, err := io.ReadFull(body, header); err != nil {
		return tensor, err
	}
	match := arrayHeader.FindSubmatch(header)
	if string(start.Magic[:]) != "\x93NUMPY" || start.Major != 1 || match == nil {
		return tensor, fmt.Errorf("unexpected header %q", header)
	}
	count := 1
	for size := range strings.SplitSeq(strings.TrimSuffix(string(match[1]), ","), ", ") {
		if size == "" {
			continue
		}
		n, err := strconv.Atoi(size)
		if err != nil {
			return tensor, err
		}
		tensor.Shape = append(tensor.Shape, n)
		count *= n
	}
	tensor.Data = make([]float32, count)
	return tensor, binary.Read(body, binary.LittleEndian, tensor.Data)
}
