package statedict

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"uer/internal/console"
	"uer/internal/hostile"
)

// hintOf returns the hint that the user sees with an error.
func hintOf(err error) string {
	var out bytes.Buffer
	console.Report(&out, err)
	_, hint, _ := strings.Cut(out.String(), "hint: ")
	return hint
}

func mustLoad(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// step is the distance between the places where a test damages a file.
func step(full, short int) int {
	if testing.Short() {
		return short
	}
	return full
}

func TestTruncated(t *testing.T) {
	for _, name := range []string{"values1.bin", "values2.bin", "values1_legacy.bin", "values2_legacy.bin"} {
		data := mustLoad(t, name)
		for length := 0; length < len(data); length += step(1, 13) {
			if _, err := parse(data[:length]); err == nil {
				t.Fatalf("%s cut after %d of %d bytes was read", name, length, len(data))
			}
		}
	}
}

// TestFlippedBits flips bits all over a zip archive, about one in every byte, in short mode fewer. Reading must then fail,
// or return the same tensors if the bit does not matter to them.
func TestFlippedBits(t *testing.T) {
	for _, name := range []string{"values1.bin", "values2.bin"} {
		data := mustLoad(t, name)
		want, err := parse(data)
		if err != nil {
			t.Fatal(err)
		}
		refused, flips := 0, 0
		for bit := 0; bit < 8*len(data); bit += step(7, 61) {
			flips++
			data[bit/8] ^= 1 << (bit % 8)
			got, err := parse(data)
			if err != nil {
				refused++
			} else {
				expectEqual(t, got, want)
			}
			data[bit/8] ^= 1 << (bit % 8)
		}
		if refused < flips/4 {
			t.Errorf("%s: only %d of %d flips were refused", name, refused, flips)
		}
	}
}

// TestFlippedBitsLegacy does the same with the legacy container. It has no checksums, so wrong values are the worst
// that may happen.
func TestFlippedBitsLegacy(t *testing.T) {
	data := mustLoad(t, "values1_legacy.bin")
	for bit := 0; bit < 8*len(data); bit += step(7, 61) {
		data[bit/8] ^= 1 << (bit % 8)
		if tensors, err := parse(data); err == nil {
			checkTensors(t, tensors)
		}
		data[bit/8] ^= 1 << (bit % 8)
	}
}

func checkTensors(t *testing.T, tensors []Tensor) {
	t.Helper()
	for _, tensor := range tensors {
		count := 1
		for _, size := range tensor.Shape {
			count *= size
		}
		if count != len(tensor.Data) {
			t.Fatalf("tensor %q has shape %v and %d values", tensor.Name, tensor.Shape, len(tensor.Data))
		}
	}
}

// entry is an entry of a zip archive made for a test.
type entry struct {
	name    string
	content string
	method  uint16
}

func archiveOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, entry := range entries {
		body, err := w.CreateHeader(&zip.FileHeader{Name: entry.name, Method: entry.method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := body.Write([]byte(entry.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// tensorPickle returns a pickled dictionary of one tensor of 2 by 3 values.
func tensorPickle() string {
	return string(encodePickle([]describedTensor{{name: "w", shape: []int{2, 3}, count: 6}}))
}

// pickled encodes integers as BININT, as in tensorPickle.
func pickled(numbers ...int32) string {
	var p []byte
	for _, number := range numbers {
		p = binary.LittleEndian.AppendUint32(append(p, 'J'), uint32(number))
	}
	return string(p)
}

func TestDamagedContent(t *testing.T) {
	good, values := tensorPickle(), string(make([]byte, 24))
	replace := func(from, to string) string {
		t.Helper()
		if strings.Count(good, from) != 1 {
			t.Fatalf("%q is in the pickle %d times", from, strings.Count(good, from))
		}
		return strings.Replace(good, from, to, 1)
	}
	with := func(pickle string) []byte {
		return archiveOf(t, entry{name: "a/data.pkl", content: pickle}, entry{name: "a/data/0", content: values})
	}
	if _, err := parse(with(good)); err != nil {
		t.Fatal(err)
	}
	shape := "(" + pickled(2, 3) + "t"
	strides := "(" + pickled(3, 1) + "t"
	twice := good[:len(good)-2] + good[strings.Index(good, "X\x01"):]
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"no storage", archiveOf(t, entry{name: "a/data.pkl", content: good}), "a/data/0 is missing"},
		{"compressed", archiveOf(t, entry{name: "a/data.pkl", content: good, method: zip.Deflate}), "a/data.pkl is compressed"},
		{"two pickles", archiveOf(t, entry{name: "a/data.pkl"}, entry{name: "b/data.pkl"}), "two models"},
		{"byte order", archiveOf(t, entry{name: "a/data.pkl"}, entry{name: "a/byteorder", content: "big"}), `order "big"`},
		{"pickle", with("\xff"), "a/data.pkl: byte 0: pickle opcode 0xff"},
		{"storage too long", with(replace(pickled(6), pickled(7))), `storage "0" has 24 bytes, want 7 values`},
		{"negative count", with(replace(pickled(6), pickled(-6))), "has an unsupported form"},
		{"shape too large", with(replace(shape, "("+pickled(2, 4)+"t")), "does not fit into storage"},
		{"shape overflows", with(replace(shape, "("+pickled(1<<30, 1<<30)+"t")), "does not fit into storage"},
		{"negative shape", with(replace(shape, "("+pickled(-2, 3)+"t")), "its shape: the number -2 is not a count"},
		{"shape is a number", with(replace(shape, pickled(6))), "its shape: the number 6 is not a tuple"},
		{"strides too large", with(replace(strides, "("+pickled(1<<30, 1)+"t")), "does not fit into storage"},
		{"too few strides", with(replace(strides, "("+pickled(3)+"t")), "its shape has 2 axes and its strides 1"},
		{"offset", with(replace("tQ"+pickled(0), "tQ"+pickled(1))), "does not fit into storage"},
		{"storage's name", with(replace("storage", "storagf")), "is not a reference to a storage"},
		{"storage's type", with(replace("FloatStorage", "QInt8Storage")), `a torch.QInt8Storage, which is not supported`},
		{"tensor's maker", with(replace("_rebuild_tensor_v2", "_rebuild_tensor_v9")), "torch._utils._rebuild_tensor_v9 is not"},
		{"name", with(replace("X\x01\x00\x00\x00w", "K\x01")), "a dictionary with the number 1 as a key"},
		{"same name", with(twice), `tensor "w" occurs twice`},
	} {
		if _, err := parse(test.data); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want %s", test.name, err, test.want)
		}
	}
}

// TestMemoryIsBounded reads small files that ask for a lot of memory.
func TestMemoryIsBounded(t *testing.T) {
	// 1,000 differently strided views of one storage of 1 MB.
	var many strings.Builder
	tensor := tensorPickle()
	start := strings.Index(tensor, "X\x01")
	one := tensor[start : len(tensor)-2]
	many.WriteString(tensor[:start])
	for i := range 1000 {
		next := strings.Replace(one, "X\x01\x00\x00\x00w", fmt.Sprintf("X\x04\x00\x00\x00%04d", i), 1)
		next = strings.Replace(next, pickled(6), pickled(1<<18), 1)
		next = strings.Replace(next, "("+pickled(2, 3)+"t", "("+pickled(int32(1<<17-i), 2)+"t", 1)
		many.WriteString(strings.Replace(next, "("+pickled(3, 1)+"t", "("+pickled(1, 2)+"t", 1))
	}
	many.WriteString("u.")
	views := archiveOf(t, entry{name: "data.pkl", content: many.String()},
		entry{name: "data/0", content: string(make([]byte, 4<<18))})
	expectBounded(t, "strided views", views, "the tensors have many more values than the file")

	// 1,000 entries of a zip archive that are all the same bytes: the directory points each at the first one.
	entries := []entry{{name: "data.pkl"}}
	var names strings.Builder
	names.WriteString(tensor[:start])
	for i := range 1000 {
		next := strings.Replace(one, "X\x01\x00\x00\x00w", fmt.Sprintf("X\x04\x00\x00\x00%04d", i), 1)
		next = strings.Replace(next, "X\x01\x00\x00\x000", fmt.Sprintf("X\x04\x00\x00\x00%04d", i), 1)
		names.WriteString(strings.Replace(next, pickled(6), pickled(1<<18), 1))
		entries = append(entries, entry{name: fmt.Sprintf("data/%04d", i)})
	}
	names.WriteString("u.")
	entries[0].content = names.String()
	entries[1].content = string(make([]byte, 4<<18))
	expectBounded(t, "overlapping entries", pointAllAtFirst(archiveOf(t, entries...)), "overlaps other entries")
}

// pointAllAtFirst gives the entries data/0001 ... of a zip archive the offset, length and checksum of data/0000.
func pointAllAtFirst(data []byte) []byte {
	const header = 46 // length of a directory record up to its name
	first := bytes.LastIndex(data, []byte("data/0000")) - header
	for i := 1; i < 1000; i++ {
		record := bytes.LastIndex(data, fmt.Appendf(nil, "data/%04d", i)) - header
		copy(data[record+16:record+28], data[first+16:first+28]) // checksum and both lengths
		copy(data[record+42:record+46], data[first+42:first+46]) // offset
	}
	return data
}

func expectBounded(t *testing.T, name string, data []byte, want string) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := parse(data)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got error %v, want %s", name, err, want)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 16*uint64(len(data)) {
		t.Errorf("%s: reading %d bytes allocated %d bytes", name, len(data), used)
	}
}

func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("testdata/*.bin")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		f.Add(mustLoad(f, filepath.Base(name)))
	}
	f.Fuzz(func(t *testing.T, data []byte) { parseBounded(t, data) })
}

// parseBounded reads any bytes. The memory that it takes is at most 16 times their number, and 1 MiB.
func parseBounded(t *testing.T, data []byte) {
	hostile.Bounded(t, len(data), 16, 1<<20, func() {
		if tensors, err := parse(data); err == nil {
			checkTensors(t, tensors)
		}
	})
}

// TestMutants reads files with lengths and places that are not true.
func TestMutants(t *testing.T) {
	names, err := filepath.Glob("testdata/*.bin")
	if err != nil {
		t.Fatal(err)
	}
	files := [][]byte{exampleFile(t)}
	for _, name := range names {
		files = append(files, mustLoad(t, filepath.Base(name)))
	}
	for _, data := range files {
		hostile.Mutants(data, max(1, len(data)/50), func(mutant []byte) { parseBounded(t, mutant) })
	}
}

// FuzzPickle varies the pickle inside an otherwise valid archive.
func FuzzPickle(f *testing.F) {
	f.Add([]byte(tensorPickle()))
	for _, name := range []string{"values1.bin", "values2.bin", "sparse.bin", "module.bin", "checkpoint.bin"} {
		files, err := openArchive(mustLoad(f, name))
		if err != nil {
			f.Fatal(err)
		}
		pickle, err := files.read("data.pkl")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(pickle)
	}
	f.Fuzz(func(t *testing.T, pickle []byte) {
		entries := []entry{{name: "data.pkl", content: string(pickle)}}
		for key := range 10 {
			entries = append(entries, entry{name: fmt.Sprint("data/", key), content: string(make([]byte, 96))})
		}
		parseBounded(t, archiveOf(t, entries...))
	})
}
