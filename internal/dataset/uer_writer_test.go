package dataset

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"uer/internal/durable"
	"uer/internal/pickle"
	"uer/internal/task"
)

// tuples decodes a dataset of UER-py into text.
func tuples(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for decoder := pickle.NewDecoder(data); ; {
		value, err := decoder.Decode()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, plain(value))
	}
}

// plain writes a value as Python does.
func plain(value any) string {
	var items []any
	switch value := value.(type) {
	case pickle.Tuple:
		items = value
	case *pickle.List:
		items = value.Items
	default:
		return fmt.Sprint(value)
	}
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = plain(item)
	}
	return fmt.Sprintf("%T(%s)", value, strings.Join(texts, " "))
}

// rewrite reads a dataset and writes it in a form of UER-py.
func rewrite(t *testing.T, path, form, target string) string {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	m := d.Metadata
	if target != "" {
		if err := d.CheckTarget(target); err != nil {
			t.Fatal(err)
		}
		m.Target = target
	}
	out := filepath.Join(t.TempDir(), "dataset.pt")
	w, err := CreatePickles(out, form, m)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	var x task.Instance
	for i := range d.Len() {
		if err := d.Instance(i, &x); err != nil {
			t.Fatal(err)
		}
		if err := w.Append(&x); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPicklesAreWrittenBack: what UER-py's programs of 2021 and of 2024 wrote is the same after reading and writing, and
// through the other form.
func TestPicklesAreWrittenBack(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.pt")
	if err != nil || len(paths) < 25 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "2022_") {
			continue // a form in between: see TestPicklesOf2022
		}
		form, other := Form2021, Form2022
		if strings.HasPrefix(name, "2024_") {
			form, other = other, form
		}
		want := tuples(t, path)
		for _, got := range [][]string{
			tuples(t, rewrite(t, path, form, "")), tuples(t, rewrite(t, rewrite(t, path, other, ""), form, "")),
		} {
			if len(got) != len(want) {
				t.Errorf("%s: %d instances, want %d", name, len(got), len(want))
				continue
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("%s: instance %d is\n%s, want\n%s", name, i, got[i], want[i])
					break
				}
			}
		}
	}
}

// TestPicklesOf2022: the programs of March 2022 wrote what those of 2024 write, padded.
func TestPicklesOf2022(t *testing.T) {
	for _, target := range []string{"prefixlm", "mt"} {
		got := tuples(t, rewrite(t, "testdata/2022_"+target+".pt", Form2022, ""))
		want := tuples(t, "testdata/2024_"+target+".pt")
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %s, want %s", target, got[0], want[0])
		}
	}
}

// TestTargetsOfNewerPickles: lm and mlm have one form; an instance without padding tells them apart.
func TestTargetsOfNewerPickles(t *testing.T) {
	for _, test := range []struct {
		path    string
		targets []string
		length  int
	}{
		{"testdata/2024_lm.pt", []string{"lm"}, 32},
		{"testdata/2024_mlmdyn.pt", []string{"mlm", "t5"}, 32},
		{"testdata/2024_cls.pt", []string{"cls"}, 32},
		{"testdata/2024_bertdyn.pt", []string{"bert", "albert"}, 32},
	} {
		d, err := Open(test.path)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(d.targets) != fmt.Sprint(test.targets) || d.Metadata.SequenceLength != test.length {
			t.Errorf("%s: targets %v, length %d", test.path, d.targets, d.Metadata.SequenceLength)
		}
		d.Close()
	}
	// ([6, 7], 3), [2]: short for both.
	short := "\x80\x04](K\x06K\x07eK\x03\x86](K\x02e\x86."
	d := openBytes(t, short+short)
	for _, target := range []string{"mlm", "t5", "lm"} {
		if err := d.CheckTarget(target); err != nil {
			t.Error(err)
		}
	}
	if d.Metadata.SequenceLength != 4 {
		t.Errorf("sequence length %d", d.Metadata.SequenceLength)
	}
}

// TestHostilePadding: a number of zeros costs no memory, and a negative one is an error.
func TestHostilePadding(t *testing.T) {
	for data, want := range map[string]string{
		"\x80\x04](K\x06eJ\xff\xff\xff\xff\x86](K\x01e\x86.": "-1 tokens of padding",
		"\x80\x04](K\x06eN\x86](K\x01e\x86.":                 "not those of any target",
	} {
		_, err := open("test.pt", &durable.Mapping{Bytes: []byte(data)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
