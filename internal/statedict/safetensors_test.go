package statedict

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// bytesEntry is an entry whose values are given as bytes.
func bytesEntry(name, kind string, shape []int, raw string) Entry {
	return Entry{Name: name, Type: kind, Shape: shape, Write: func(w io.Writer) error {
		_, err := io.WriteString(w, raw)
		return err
	}}
}

// exampleFile holds a matrix, a scalar, nothing, and values of two other types.
func exampleFile(t testing.TB) []byte {
	t.Helper()
	matrix := []float32{1, -2, 3.5, float32(math.Inf(1)), 0, float32(math.Copysign(0, -1))}
	var out bytes.Buffer
	err := WriteSafetensors(&out, map[string]string{"format": "pt", "quotes \"\n": "值"}, []Entry{
		Floats("matrix", []int{2, 3}, From(matrix)),
		Floats("scalar", nil, From([]float32{7})),
		Floats("empty", []int{0, 4}, From(nil)),
		bytesEntry("half", "BF16", []int{2}, "\x80\x3f\x00\xc0"),
		bytesEntry("count", "I64", []int{1}, "\x2a\x00\x00\x00\x00\x00\x00\x00"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSafetensorsRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	data := exampleFile(t)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"format": "pt", "quotes \"\n": "值"}; !maps.Equal(file.Metadata, want) {
		t.Errorf("metadata %q", file.Metadata)
	}
	if len(file.Header)%8 != 0 || len(file.Header)+24+4+4+8 != len(data) {
		t.Errorf("the header has %d of %d bytes", len(file.Header), len(data))
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	inf, zero := float32(math.Inf(1)), float32(math.Copysign(0, -1))
	expectEqual(t, mustRead(t, path), []Tensor{
		{"matrix", []int{2, 3}, []float32{1, -2, 3.5, inf, 0, zero}},
		{"scalar", nil, []float32{7}},
		{"empty", []int{0, 4}, nil},
		{"half", []int{2}, []float32{1, -2}},
		{"count", []int{1}, []float32{42}},
	})
}

// TestSafetensorsPieces writes a tensor of more values than are in memory at a time.
func TestSafetensorsPieces(t *testing.T) {
	const count = 1<<19 + 3
	var out bytes.Buffer
	largest := 0
	err := WriteSafetensors(&out, nil, []Entry{Floats("x", []int{count}, func(offset int, to []float32) error {
		largest = max(largest, len(to))
		for i := range to {
			to[i] = float32(offset + i)
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	tensors, err := parse(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for i, value := range tensors[0].Data {
		if value != float32(i) {
			t.Fatalf("value %d is %v", i, value)
		}
	}
	if largest > 1<<18 {
		t.Errorf("%d values at a time", largest)
	}
}

func TestSafetensorsWriteErrors(t *testing.T) {
	broken := errors.New("broken")
	failing := func(int, []float32) error { return broken }
	for _, test := range []struct {
		name    string
		entries []Entry
		want    string
	}{
		{"source", []Entry{Floats("x", []int{1}, failing)}, "broken"},
		{"two of a name", []Entry{Floats("x", nil, failing), Floats("x", nil, failing)}, `the name of tensor "x" is taken`},
		{"reserved name", []Entry{Floats("__metadata__", nil, failing)}, `the name of tensor "__metadata__" is taken`},
		{"too few bytes", []Entry{bytesEntry("x", "F32", []int{2}, "1234")}, `tensor "x": 4 bytes were written, its shape takes 8`},
	} {
		if err := WriteSafetensors(io.Discard, nil, test.entries); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %s", test.name, err, test.want)
		}
	}
}

// safetensors makes a file of a header and values.
func safetensors(header, values string) []byte {
	data := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(data, header...), values...)
}

func TestDamagedSafetensors(t *testing.T) {
	for _, test := range []struct{ name, header, values, want string }{
		{"overlap", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "1234",
			`tensor "b" is said to take bytes 0 to 4 of 4, after one that ends at 4`},
		{"gap", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "12345678", `"a" is said to take bytes 4 to 8 of 8, after`},
		{"short", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, "1234", `"a" is said to take bytes 0 to 8 of 4`},
		{"backwards", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,-4]}}`, "1234", "bytes 0 to -4"},
		{"rest", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "12345678", "its tensors end at byte 4 of 8"},
		{"shape", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, "1234", "shape [2] of type F32 takes 8 bytes, not 4"},
		{"overflow", `{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}`, "1234", "its shape is"},
		{"overflow in vain", `{"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,4]}}`, "1234", "its shape is"},
		{"negative", `{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, "1234", "its shape is [-1]"},
		{"axes", `{"a":{"dtype":"F32","shape":[` + strings.Repeat("1,", 64) + `1],"data_offsets":[0,4]}}`, "1234", "65 axes"},
		{"type", `{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}}`, "1234", `type "Q4" is not supported`},
		{"unconverted type", `{"a":{"dtype":"U16","shape":[2],"data_offsets":[0,4]}}`, "1234", "values of type U16 are not supported"},
		{"twice", `{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "1234",
			`tensor "a" occurs twice`},
		{"metadata", `{"__metadata__":{"a":1}}`, "", "its header is not that of a safetensors file"},
		{"cut JSON", `{"a":{"dtype":"F32"`, "1234", "its header is not that of a safetensors file"},
		{"more JSON", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}{}`, "1234", "2 bytes follow it"},
		{"nothing", `{}`, "", "the file holds no tensors"},
	} {
		if _, err := parse(safetensors(test.header, test.values)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %s", test.name, err, test.want)
		}
	}
}

// TestTruncatedSafetensors cuts a file everywhere.
func TestTruncatedSafetensors(t *testing.T) {
	data := exampleFile(t)
	for length := range data {
		if _, err := parse(data[:length]); err == nil {
			t.Fatalf("cut after %d of %d bytes, the file was read", length, len(data))
		}
	}
}

func FuzzSafetensors(f *testing.F) {
	f.Add(exampleFile(f))
	f.Add(safetensors(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "1234"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseBounded(t, data)
		file, err := parseSafetensors(data)
		if err != nil {
			return
		}
		total := len(file.Header)
		for i := range file.Tensors {
			s := &file.Tensors[i]
			total += len(s.Raw)
			if count := s.Values(); slices.Contains(s.Shape, 0) != (count == 0) {
				t.Fatalf("tensor %q: shape %v, %d values", s.Name, s.Shape, count)
			}
		}
		if total != len(data) {
			t.Fatalf("%d of %d bytes are accounted for", total, len(data))
		}
		if tensors, err := parse(data); err == nil {
			checkTensors(t, tensors)
		}
	})
}
