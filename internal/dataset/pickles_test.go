package dataset

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uer/internal/durable"
	"uer/internal/hostile"
	"uer/internal/task"
)

// pad appends 0 up to a length.
func pad(ids []int32, length int) []any {
	padded := make([]any, length)
	for i := range padded {
		padded[i] = 0.
		if i < len(ids) {
			padded[i] = float64(ids[i])
		}
	}
	return padded
}

// segments returns 1 for the first segment, 2 for the second, 0 after.
func segments(ends []int32, length int) []any {
	list := pad(nil, length)
	first := int32(0)
	for number, end := range ends {
		for i := first; i < end; i++ {
			list[i] = float64(number + 1)
		}
		first = end
	}
	return list
}

// tupleOf rebuilds what UER-py stores, as JSON holds it.
func tupleOf(x *task.Instance, m *Metadata) []any {
	n := int(x.Ends[len(x.Ends)-1])
	switch m.Target {
	case "lm":
		return []any{pad(x.Tokens, m.SequenceLength+1), float64(n)}
	case "bilm":
		return []any{pad(x.Tokens[1:n+1], m.SequenceLength), pad(x.Tokens[2:], m.SequenceLength), pad(x.Tokens[:n], m.SequenceLength), segments(x.Ends, m.SequenceLength)}
	case "cls":
		return []any{pad(x.Tokens, m.SequenceLength), float64(x.Label), segments(x.Ends, m.SequenceLength)}
	case "seq2seq":
		return []any{pad(x.Tokens, m.SequenceLength), pad(x.Output, m.TargetSequenceLength+1), segments(x.Ends, m.SequenceLength)}
	case "prefixlm":
		next := pad(append(make([]int32, x.Ends[0]), x.Tokens[x.Ends[0]+1:]...), m.SequenceLength)
		return []any{pad(x.Tokens[:n], m.SequenceLength), next, pad(x.Ends, len(x.Ends))}
	}
	tuple := []any{pad(x.Tokens, m.SequenceLength)}
	if !m.Dynamic {
		masks := []any{}
		for _, target := range x.Masks {
			masks = append(masks, []any{float64(target.Position), float64(target.ID)})
		}
		tuple = append(tuple, masks)
	}
	if m.Target == "bert" {
		tuple = append(tuple, float64(x.Label))
	}
	return append(tuple, pad(x.Ends, len(x.Ends)))
}

func text(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestPickles compares UER-py's own files with what they hold as JSON.
func TestPickles(t *testing.T) {
	paths, err := filepath.Glob("testdata/[a-z]*.pt")
	if err != nil || len(paths) < 16 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".pt")
		t.Run(name, func(t *testing.T) {
			var golden struct {
				Argv      []string
				Instances [][]any
			}
			data, err := os.ReadFile(strings.TrimSuffix(path, ".pt") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &golden); err != nil {
				t.Fatal(err)
			}
			d, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			compareWithTuples(t, d, golden.Instances)
			flags := strings.Join(golden.Argv, " ")
			_, target, _ := strings.Cut(flags, "--target ")
			target, _, _ = strings.Cut(target, " ")
			if err := d.CheckTarget(target); err != nil {
				t.Error(err)
			}
			m := d.Metadata
			masked := task.ByName[m.Target].Masked
			if !d.Foreign || m.SequenceLength != 32 || masked && m.Dynamic != strings.Contains(flags, "--dynamic_masking") {
				t.Errorf("metadata %+v of %s", m, flags)
			}
		})
	}
}

func compareWithTuples(t *testing.T, d *Dataset, tuples [][]any) {
	t.Helper()
	if d.Len() != len(tuples) {
		t.Fatalf("%d instances, want %d", d.Len(), len(tuples))
	}
	var x task.Instance
	for i, tuple := range tuples {
		if err := d.Instance(i, &x); err != nil {
			t.Fatal(err)
		}
		if got, want := text(t, tupleOf(&x, &d.Metadata)), text(t, tuple); got != want {
			t.Errorf("instance %d:\n%s, want\n%s", i, got, want)
		}
	}
}

// TestPaddingInstanceIsKept: a document whose length is a multiple of the sequence length leaves an empty piece, which
// has its place in UER-py's order.
func TestPaddingInstanceIsKept(t *testing.T) {
	d := openBytes(t, listPickle([]int{0, 0, 0}, []int{0})+listPickle([]int{6, 7, 0}, []int{2}))
	var x task.Instance
	for i, want := range []int{0, 2} {
		if err := d.Instance(i, &x); err != nil || len(x.Tokens) != want || x.Ends[0] != int32(want) {
			t.Errorf("instance %d: %+v, %v", i, x, err)
		}
	}
}

// listPickle pickles a tuple of lists of small numbers.
func listPickle(lists ...[]int) string {
	data := "\x80\x04("
	for _, list := range lists {
		data += "](" // an empty list and a mark
		for _, number := range list {
			data += "K" + string([]byte{byte(number)})
		}
		data += "e"
	}
	return data + "t."
}

// openBytes opens a dataset that consists of data.
func openBytes(t testing.TB, data string) *Dataset {
	t.Helper()
	d, err := open("test.pt", &durable.Mapping{Bytes: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDamagedPickles(t *testing.T) {
	good := listPickle([]int{6, 7, 0}, []int{2})
	for _, test := range []struct{ name, data, message string }{
		{"no tuple", "\x80\x04K\x01.", "read test.pt: not a dataset: it holds something other than tuples"},
		{"other tuples", "\x80\x04K\x01K\x01\x86.", "read test.pt: not a dataset: its tuples are not those of any target of UER-py"},
		{"truncated", good + good[:9], "read test.pt: instance 1: byte 28: data ends"},
	} {
		_, err := open("test.pt", &durable.Mapping{Bytes: []byte(test.data)})
		if err == nil || !strings.HasPrefix(err.Error(), test.message) {
			t.Errorf("%s: %v, want %s", test.name, err, test.message)
		}
	}
	for _, test := range []struct{ name, second, message string }{
		{"other length", listPickle([]int{6, 7}, []int{2}), "it is padded to 2 tokens, the first to 3"},
		{"other form", listPickle([]int{6, 7, 0}, []int{2}, []int{3}), "its tuple differs in form from the first"},
		{"too long", listPickle([]int{6, 7, 0}, []int{4}), "4 tokens in a list of 3"},
		{"more than said", listPickle([]int{6, 7, 8}, []int{2}), "something other than padding at position 2, after 2 tokens"},
		{"no number", listPickle([]int{6, 7, 0}, []int{2})[:6] + "NNK\x00e](K\x02et.", "something other than a number"},
	} {
		d := openBytes(t, good+test.second)
		err := d.Instance(1, new(task.Instance))
		if err == nil || !strings.HasSuffix(err.Error(), test.message) || !strings.HasPrefix(err.Error(), "read test.pt: instance 1 (bytes 19 to ") {
			t.Errorf("%s: %v, want %s", test.name, err, test.message)
		}
	}
}

func FuzzPickles(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.pt")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 600)])
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { readBounded(t, data) })
}

// readBounded opens and reads any bytes. The memory that it takes is at most 256 times their number, for all instances
// together, and 1 MiB.
func readBounded(t *testing.T, data []byte) {
	hostile.Bounded(t, len(data), 256, 1<<20, func() { _, _ = readAll(data) })
}

// TestMutants reads datasets with lengths that are not true, whose checksums are right.
func TestMutants(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.pt")
	for _, path := range append(paths, "testdata/format1.arrow") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		hostile.Mutants(data, max(1, len(data)/20), func(mutant []byte) { readBounded(t, reseal(mutant)) })
	}
}

// readAll opens and reads whatever data is, up to the first error.
func readAll(data []byte) ([]task.Instance, error) {
	d, err := open("fuzz", &durable.Mapping{Bytes: data})
	if err != nil {
		return nil, err
	}
	var all []task.Instance
	for i := range d.Len() {
		var x task.Instance
		if err := d.Instance(i, &x); err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}
