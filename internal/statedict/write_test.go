package statedict

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func mustWrite(t testing.TB, tensors []Tensor) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, tensors); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRoundTrip(t *testing.T) {
	for _, path := range []string{"albert/init.bin", "gpt2/init.bin", "values1.bin", "values2_legacy.bin"} {
		tensors := mustRead(t, filepath.Join("testdata", path))
		written, err := parse(mustWrite(t, tensors))
		if err != nil {
			t.Fatal(err)
		}
		expectEqual(t, written, tensors)
	}
}

func TestRoundTripOfAnything(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.String(), 1, 8, rapid.ID[string]).Draw(r, "names")
		var tensors []Tensor
		for _, name := range names {
			if len(tensors) > 0 && rapid.Bool().Draw(r, "tied") {
				other := tensors[rapid.IntRange(0, len(tensors)-1).Draw(r, "to")]
				tensors = append(tensors, Tensor{name, other.Shape, other.Data})
				continue
			}
			shape := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 4).Draw(r, "shape")
			count := 1
			for _, size := range shape {
				count *= size
			}
			data := make([]float32, count)
			for i := range data {
				data[i] = math.Float32frombits(rapid.Uint32().Draw(r, "bits"))
			}
			tensors = append(tensors, Tensor{name, shape, data})
		}
		written, err := parse(mustWrite(t, tensors))
		if err != nil {
			t.Fatal(err)
		}
		expectEqual(t, written, tensors)
	})
}

// TestArchive checks the zip archive itself: entries are uncompressed and aligned, and tied tensors are stored once.
func TestArchive(t *testing.T) {
	tied := []float32{1, 2, 3}
	data := mustWrite(t, []Tensor{{"a", []int{3}, tied}, {"b", []int{1, 3}, tied}, {"c", []int{2}, tied[:2]}})
	reader, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range reader.File {
		names = append(names, fmt.Sprint(file.Name, " ", file.UncompressedSize64))
		start, err := file.DataOffset()
		if err != nil || start%alignment != 0 || file.Method != zip.Store {
			t.Errorf("%s starts at byte %d (%v), method %d", file.Name, start, err, file.Method)
		}
	}
	got := strings.Join(names[1:], ", ")
	if want := "archive/byteorder 6, archive/data/0 12, archive/data/1 8, archive/version 2"; got != want {
		t.Errorf("entries %s, want %s", got, want)
	}
}

func TestWriteRefuses(t *testing.T) {
	full := errors.New("no space left")
	good := []Tensor{{"a", []int{2}, make([]float32, 2)}}
	for _, test := range []struct {
		tensors []Tensor
		w       io.Writer
		want    string
	}{
		{[]Tensor{{"a", []int{2, 2}, make([]float32, 3)}}, io.Discard, `tensor "a" has shape [2 2] but 3 values`},
		{append(good, good...), io.Discard, `two tensors have the name "a"`},
		{good, &failing{err: full}, "no space left"},
		{[]Tensor{{"a", []int{1 << 16}, make([]float32, 1<<16)}}, &failing{room: 1 << 17, err: full}, "no space left"},
	} {
		if err := Write(test.w, test.tensors); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got error %v, want %s", err, test.want)
		}
	}
}

// failing accepts a number of bytes, then fails.
type failing struct {
	room int
	err  error
}

func (f *failing) Write(data []byte) (int, error) {
	if len(data) > f.room {
		return f.room, f.err
	}
	f.room -= len(data)
	return len(data), nil
}

// sparse is a file in memory that does not store large runs of zeros.
type sparse struct {
	size   int64
	blocks map[int64][]byte
}

func (s *sparse) Write(data []byte) (int, error) {
	if len(bytes.Trim(data[:min(len(data), 64)], "\x00")) > 0 || len(data) < 1<<20 {
		s.blocks[s.size] = bytes.Clone(data)
	}
	s.size += int64(len(data))
	return len(data), nil
}

func (s *sparse) ReadAt(out []byte, offset int64) (int, error) {
	clear(out)
	n := max(0, min(int64(len(out)), s.size-offset))
	for start, block := range s.blocks {
		if start < offset+n && offset < start+int64(len(block)) {
			copy(out[max(0, start-offset):n], block[max(0, offset-start):])
		}
	}
	if n < int64(len(out)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// TestLargeEntries writes an entry of more than 4 GiB, then another one behind it.
func TestLargeEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the checksum of 4 GB")
	}
	const size = 4<<30 + 4
	file := &sparse{blocks: map[int64][]byte{}}
	out := newArchiveWriter(file)
	body := out.entry("data/0", size)
	zeros := make([]byte, 1<<26)
	for left := int64(size); left > 0 && out.err == nil; left -= int64(len(zeros)) {
		_, out.err = body.Write(zeros[:min(left, int64(len(zeros)))])
	}
	out.values("data/1", 2, From([]float32{1, 2}))
	if err := out.close(); err != nil {
		t.Fatal(err)
	}
	reader, err := zip.NewReader(file, file.size)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{size, 8} {
		entry := reader.File[i]
		start, err := entry.DataOffset()
		if err != nil || start%alignment != 0 || entry.UncompressedSize64 != want {
			t.Errorf("%s: %d bytes at %d (%v), want %d", entry.Name, entry.UncompressedSize64, start, err, want)
		}
	}
	content, err := reader.File[1].Open()
	if err != nil {
		t.Fatal(err)
	}
	if last, err := io.ReadAll(content); err != nil || !bytes.Equal(last, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}) {
		t.Errorf("entry after the large one holds %x (%v)", last, err)
	}
	if got := appendInteger(nil, size/4); got[0] != 'J' {
		t.Errorf("a 31-bit count starts with opcode %q", got[0])
	}
	if got, want := appendInteger(nil, 1<<31), []byte{0x8a, 8, 0, 0, 0, 0x80, 0, 0, 0, 0}; !bytes.Equal(got, want) {
		t.Errorf("a 32-bit count is %x, want %x", got, want)
	}
}

// TestPyTorchLoads lets PyTorch load what Write wrote, if UER_TEST_PYTHON names a Python that has PyTorch.
func TestPyTorchLoads(t *testing.T) {
	python := os.Getenv("UER_TEST_PYTHON")
	if python == "" {
		t.Skip("UER_TEST_PYTHON is not set")
	}
	for _, name := range []string{"gpt2/init.bin", "values1.bin"} {
		tensors := mustRead(t, filepath.Join("testdata", name))
		path := filepath.Join(t.TempDir(), "written.bin")
		if err := os.WriteFile(path, mustWrite(t, tensors), 0o600); err != nil {
			t.Fatal(err)
		}
		command := exec.Command(python, "testdata/check.py", path)
		command.Stderr = os.Stderr
		output, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		checkLoaded(t, output, tensors)
	}
}

func checkLoaded(t *testing.T, output []byte, tensors []Tensor) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(output))
	loaded := 0
	for ; decoder.More(); loaded++ {
		var got struct {
			Name   string
			Shape  []int
			Sum    string
			Shares string
		}
		if err := decoder.Decode(&got); err != nil {
			t.Fatal(err)
		}
		want := tensors[loaded%len(tensors)]
		sum, first := 0.0, ""
		for _, value := range want.Data {
			sum += float64(value)
		}
		for _, tensor := range tensors {
			if first == "" && (shared(tensor, want) || tensor.Name == want.Name) {
				first = tensor.Name
			}
		}
		if got.Name != want.Name || fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) || got.Shares != first {
			t.Errorf("PyTorch has %+v, want %s %v shared with %s", got, want.Name, want.Shape, first)
		}
		total, err := strconv.ParseFloat(got.Sum, 64)
		if err != nil || math.IsNaN(total) != math.IsNaN(sum) || math.Abs(total-sum) > 1e-9*(1+math.Abs(sum)) {
			t.Errorf("%s: PyTorch's sum is %s, want %g", want.Name, got.Sum, sum)
		}
	}
	if loaded == 0 || loaded%len(tensors) != 0 {
		t.Errorf("PyTorch has %d tensors, want a multiple of %d", loaded, len(tensors))
	}
}

func benchmarkTensors() []Tensor {
	var tensors []Tensor
	for i := range 8 {
		tensors = append(tensors, Tensor{fmt.Sprint("layer.", i), []int{1024, 1024}, make([]float32, 1<<20)})
	}
	return tensors
}

func BenchmarkWrite(b *testing.B) {
	tensors := benchmarkTensors()
	b.SetBytes(4 * 8 << 20)
	for b.Loop() {
		if err := Write(io.Discard, tensors); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "model.bin")
	if err := os.WriteFile(path, mustWrite(b, benchmarkTensors()), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(4 * 8 << 20)
	for b.Loop() {
		mustRead(b, path)
	}
}

// TestStreamed: a streamed file is the same as one from memory, and the checksums are those that are read.
func TestStreamed(t *testing.T) {
	a, b := []float32{1, 2, 3, 4, 5, 6}, []float32{7}
	var want, got bytes.Buffer
	err := Write(&want, []Tensor{{"w", []int{2, 3}, a}, {"tied", []int{2, 3}, a}, {"b", []int{1}, b}})
	if err != nil {
		t.Fatal(err)
	}
	sums, err := WriteStreamed(&got, []Streamed{
		{[]string{"w", "tied"}, []int{2, 3}, From(a)}, {[]string{"b"}, []int{1}, From(b)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Error("other bytes")
	}
	path := filepath.Join(t.TempDir(), "x.bin")
	if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := Checksums(path)
	if err != nil || !maps.Equal(read, sums) || len(sums) != 3 || sums["w"] != sums["tied"] {
		t.Errorf("checksums %v, read %v, error %v", sums, read, err)
	}
	if want := crc32.ChecksumIEEE([]byte{0, 0, 0xe0, 0x40}); sums["b"] != want {
		t.Errorf("checksum %08x, want %08x", sums["b"], want)
	}
}
