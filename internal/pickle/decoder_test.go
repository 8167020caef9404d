package pickle

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"uer/internal/hostile"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// show writes a value much as Python would.
func show(value any) string {
	join := func(values []any) string {
		parts := make([]string, len(values))
		for i, value := range values {
			parts[i] = show(value)
		}
		return strings.Join(parts, ", ")
	}
	entries := func(entries []Entry) string {
		parts := make([]string, len(entries))
		for i, entry := range entries {
			parts[i] = show(entry.Key) + ": " + show(entry.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	switch value := value.(type) {
	case nil:
		return "None"
	case int64, *big.Int, bool:
		return fmt.Sprint(value)
	case float64:
		return strconv.FormatFloat(value, 'e', -1, 64)
	case string:
		return strconv.Quote(value)
	case []byte:
		return fmt.Sprintf("b%q", value)
	case Tuple:
		return "(" + join(value) + ")"
	case *List:
		return "[" + join(value.Items) + "]"
	case *Dict:
		return entries(value.Entries)
	case Global:
		return value.Module + "." + value.Name
	case PersistentID:
		return "persistent " + show(value.Value)
	case *Call:
		text := show(value.Callee) + show(value.Args)
		if value.Items != nil {
			text += "[" + join(value.Items) + "]"
		}
		if value.Entries != nil {
			text += entries(value.Entries)
		}
		if value.State != nil {
			text += " with " + show(value.State)
		}
		return text
	}
	return fmt.Sprintf("unexpected %T", value)
}

// decodeAll decodes every pickle in data and checks that Skip ends at the same bytes.
func decodeAll(t testing.TB, data []byte) []any {
	t.Helper()
	var values []any
	decoder, skipper := NewDecoder(data), NewDecoder(data)
	for {
		value, err := decoder.Decode()
		skipped := skipper.Skip()
		if err == io.EOF {
			if skipped != io.EOF {
				t.Fatalf("Skip after the last pickle: %v", skipped)
			}
			return values
		}
		if err != nil || skipped != nil {
			t.Fatalf("pickle %d: Decode: %v, Skip: %v", len(values), err, skipped)
		}
		if decoder.Offset() != skipper.Offset() {
			t.Fatalf("pickle %d: Decode ends at byte %d, Skip at %d", len(values), decoder.Offset(), skipper.Offset())
		}
		values = append(values, value)
	}
}

// numbers is list(range(n)) as show writes it.
func numbers(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = strconv.Itoa(i)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func TestValuesInEveryProtocol(t *testing.T) {
	power := new(big.Int).Lsh(big.NewInt(1), 2040)
	want := "[" + strings.Join([]string{
		"None, true, false",
		"0, 1, 255, 256, 65535, 65536, -1, -2147483648, 2147483648, 9223372036854775807, -9223372036854775808",
		"9223372036854775808, -9223372036854775809", power.String(), "-" + power.String(),
		"0e+00, -1.5e+00, 1e+300, +Inf",
		`"", "text", "一二三", "😀 back\\slash \\u0041\n"`, strconv.Quote(strings.Repeat("x", 300)),
		"(), (1), (1, 2), (1, 2, 3), (1, 2, 3, 4)",
		"[], [1], [1, 2]", numbers(1001),
		`{}, {"key": [1]}, {1: (), "b": 2.5e+00}`,
		`["one", ("two", 2)], ["one", ("two", 2)], (("two", 2), ["one", ("two", 2)])`,
	}, ", ") + "]"
	for protocol := range 6 {
		values := decodeAll(t, read(t, fmt.Sprintf("values%d.pickle", protocol)))
		if len(values) != 2 {
			t.Fatalf("protocol %d: %d pickles, want a plain one and an optimised one", protocol, len(values))
		}
		for i, value := range values {
			if got := show(value); got != want {
				t.Errorf("protocol %d, pickle %d:\n got %s\nwant %s", protocol, i, got, want)
			}
			items := value.(*List).Items
			if n := len(items); items[n-2] != items[n-3] {
				t.Errorf("protocol %d, pickle %d: one list became two", protocol, i)
			}
		}
	}
}

func TestBytes(t *testing.T) {
	for protocol := 3; protocol <= 5; protocol++ {
		got := show(decodeAll(t, read(t, fmt.Sprintf("bytes%d.pickle", protocol)))[0])
		if want := `(b"", b"\x00\xff", b"` + strings.Repeat("y", 300) + `")`; got != want {
			t.Errorf("protocol %d: got %s, want %s", protocol, got, want)
		}
	}
}

func TestCallsAreRecorded(t *testing.T) {
	for _, name := range []string{"ordered2.pickle", "ordered4.pickle"} {
		got := show(decodeAll(t, read(t, name))[0])
		want := `collections.OrderedDict(){"weight": 1, "bias": 2} with ` +
			`{"_metadata": collections.OrderedDict(){"": {"version": 1}}}`
		if got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	// NEWOBJ, and APPENDS to the object: class, empty tuple, then two items.
	got := show(decodeAll(t, []byte("\x80\x02cmodule\nKind\n)\x81(K\x01K\x02e."))[0])
	if want := "module.Kind()[1, 2]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTorchStateDict(t *testing.T) {
	call, ok := decodeAll(t, read(t, "state_dict.pickle"))[0].(*Call)
	if !ok || call.Callee != (Global{"collections", "OrderedDict"}) || len(call.Entries) != 37 {
		t.Fatalf("got %.200s", show(call))
	}
	got := show(call.Entries[0].Key) + " " + show(call.Entries[0].Value)
	want := `"embedding.word_embedding.weight" torch._utils._rebuild_tensor_v2(persistent ` +
		`("storage", torch.FloatStorage, "0", "cpu", 7424), 0, (232, 32), (32, 1), false, collections.OrderedDict())`
	if got != want {
		t.Errorf("first entry:\n got %s\nwant %s", got, want)
	}
}

// plain turns tuples and lists into the types that encoding/json uses.
func plain(value any) any {
	var items []any
	switch value := value.(type) {
	case Tuple:
		items = value
	case *List:
		items = value.Items
	case int64:
		return float64(value)
	default:
		return value
	}
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = plain(item)
	}
	return out
}

func TestDatasets(t *testing.T) {
	for _, name := range []string{"albert_static", "bert_static", "bilm", "lm", "mlm_static", "prefixlm"} {
		var want struct{ Instances []any }
		if err := json.Unmarshal(read(t, name+".json"), &want); err != nil {
			t.Fatal(err)
		}
		values := decodeAll(t, read(t, name+".pt"))
		if len(values) != len(want.Instances) || len(values) == 0 {
			t.Errorf("%s: %d instances, want %d", name, len(values), len(want.Instances))
			continue
		}
		for i, value := range values {
			if !reflect.DeepEqual(plain(value), want.Instances[i]) {
				t.Errorf("%s, instance %d: got %v, want %v", name, i, plain(value), want.Instances[i])
			}
		}
	}
}

func TestSeek(t *testing.T) {
	data := read(t, "lm.pt")
	decoder := NewDecoder(data)
	if err := decoder.Skip(); err != nil {
		t.Fatal(err)
	}
	second := decoder.Offset()
	want, err := decoder.Decode()
	if err != nil {
		t.Fatal(err)
	}
	decoder.Seek(second)
	got, err := decoder.Decode()
	if err != nil || show(got) != show(want) {
		t.Errorf("got %s, %v, want %s", show(got), err, show(want))
	}
}

func TestErrorsNameByteAndOpcode(t *testing.T) {
	for _, test := range []struct{ name, data, want string }{
		{"text", "hello", "byte 0: pickle opcode BINGET: the memo has no entry 101"},
		{"unknown", "\x80\x04K\x01\xff", "byte 4: pickle opcode 0xff: unsupported opcode"},
		{"unknown letter", "<html>", "byte 0: pickle opcode 0x3c (<): unsupported opcode"},
		{"protocol", "\x80\x06.", "byte 0: pickle opcode PROTO: protocol 6 is newer than 5"},
		{"no stop", "K\x01", "byte 2: data ends in the middle of a pickle: unexpected EOF"},
		{"argument cut", "M\x01", "byte 0: pickle opcode BININT2: data ends in the middle of a pickle: unexpected EOF"},
		{"frame cut", "\x95\xff\xff\xff\xff\xff\xff\xff\xff.", "byte 0: pickle opcode FRAME: data ends in the middle"},
		{"long string", "X\xff\xff\xff\xffabc.", "byte 0: pickle opcode BINUNICODE: data ends in the middle"},
		{"longer string", "\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.", "byte 0: pickle opcode BINUNICODE8: data ends"},
		{"no newline", "cmodule\nname", "byte 0: pickle opcode GLOBAL: data ends in the middle"},
		{"not UTF-8", "\x8c\x01\xff.", "byte 0: pickle opcode SHORT_BINUNICODE: the string is not UTF-8"},
		{"escape", "V\\u12\n.", `byte 0: pickle opcode UNICODE: "\\u12" is not a character escape`},
		{"number", "I1x\n.", `byte 0: pickle opcode INT: "1x" is not an integer`},
		{"digits", "L" + strings.Repeat("9", 5000) + "L\n.", "byte 0: pickle opcode LONG: an integer of more than 4300"},
		{"nothing", ".", "byte 0: pickle opcode STOP: 0 values and 0 open marks remain"},
		{"left over", "K\x01K\x02.", "byte 4: pickle opcode STOP: 2 values and 0 open marks remain"},
		{"no mark", "K\x01t.", "byte 2: pickle opcode TUPLE: no mark on the stack"},
		{"empty stack", "K\x01\x86.", "byte 2: pickle opcode TUPLE2: too few values on the stack"},
		{"below the mark", "](K\x01\x86.", "byte 4: pickle opcode TUPLE2: too few values on the stack"},
		{"append to a number", "K\x01K\x02a.", "byte 4: pickle opcode APPEND: cannot append to a value of type int64"},
		{"set on a list", "]K\x01K\x02s.", "byte 5: pickle opcode SETITEM: cannot set an item of a value of type *pickle.List"},
		{"odd items", "}(K\x01u.", "byte 4: pickle opcode SETITEMS: a key without a value"},
		{"name of number", "K\x01K\x02\x93.", "byte 4: pickle opcode STACK_GLOBAL: the name of a global is not a string"},
		{"arguments", "K\x01K\x02R.", "byte 4: pickle opcode REDUCE: the arguments are of type int64, not a tuple"},
		{"state", "K\x01K\x02b.", "byte 4: pickle opcode BUILD: cannot restore the state of a value of type int64"},
		{"memo gap", "K\x01r\xff\xff\xff\xff.", "byte 2: pickle opcode LONG_BINPUT: memo entry 4294967295, but the memo has only 0"},
		{"contains itself", "]q\x00h\x00a.", "byte 5: pickle opcode APPEND: a value that contains itself"},
		{"deep", "]" + strings.Repeat("\x85", 2000) + ".", "byte 1000: pickle opcode TUPLE1: values are nested more than"},
	} {
		_, err := NewDecoder([]byte(test.data)).Decode()
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want %s", test.name, err, test.want)
		}
	}
}

// TestDepthOfSharedValues nests by appending through the memo, where no single opcode sees a deep value.
func TestDepthOfSharedValues(t *testing.T) {
	// Each list is completed, memoized under 0, then put into the next one.
	_, err := NewDecoder([]byte("]q\x00" + strings.Repeat("]h\x00aq\x00", 2000) + ".")).Decode()
	if err == nil || !strings.Contains(err.Error(), "values are nested more than 1000 deep") {
		t.Errorf("got %v", err)
	}
	// A list that is filled only after another value already contains it.
	_, err = NewDecoder([]byte("]q\x00]q\x01\x86h\x00h\x01a.")).Decode()
	if err == nil || !strings.Contains(err.Error(), "filled after it was used") {
		t.Errorf("got %v", err)
	}
}

func TestTruncated(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 17
	}
	for _, name := range []string{"values0.pickle", "values4.pickle", "state_dict.pickle"} {
		data := read(t, name)
		decoder := NewDecoder(data)
		if err := decoder.Skip(); err != nil {
			t.Fatal(err)
		}
		for length := 1; length < decoder.Offset(); length += step {
			_, err := NewDecoder(data[:length]).Decode()
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s cut after %d bytes: Decode gives %v", name, length, err)
			}
			if err := NewDecoder(data[:length]).Skip(); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s cut after %d bytes: Skip gives %v", name, length, err)
			}
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	huge := binary.LittleEndian.AppendUint64([]byte{0x8e}, 1<<40)
	hostile := [][]byte{huge, append([]byte("C\x01ar\x00\x00\x00\x7f"), '.')}
	// Each tuple contains the one before twice: 2^200 leaves as a tree, but only 200 tuples.
	double := []byte("K\x01\x85\x94")
	for i := range 200 {
		double = append(double, 'h', byte(i), 'h', byte(i), 0x86, 0x94)
	}
	hostile = append(hostile, double)
	for i, data := range hostile {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := NewDecoder(data).Decode()
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("case %d: %d bytes of pickle took %d bytes (error %v)", i, len(data), used, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	names, err := filepath.Glob("testdata/*.p*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		f.Add(read(f, filepath.Base(name)))
	}
	f.Fuzz(func(t *testing.T, data []byte) { decodeBounded(t, data) })
}

// decodeBounded decodes any bytes. The memory that it takes is at most 128 times their number, and 1 MiB.
func decodeBounded(t *testing.T, data []byte) {
	hostile.Bounded(t, len(data), 128, 1<<20, func() {
		decoder := NewDecoder(data)
		for {
			start := decoder.Offset()
			_, err := decoder.Decode()
			if err != nil {
				if err != io.EOF && decoder.Offset() > len(data) {
					t.Fatalf("offset %d of %d", decoder.Offset(), len(data))
				}
				return
			}
			skipper := NewDecoder(data)
			skipper.Seek(start)
			if err := skipper.Skip(); err != nil || skipper.Offset() != decoder.Offset() {
				t.Fatalf("Decode ends at %d, Skip at %d with %v", decoder.Offset(), skipper.Offset(), err)
			}
		}
	})
}

// TestMutants decodes pickles with lengths that are not true.
func TestMutants(t *testing.T) {
	names, err := filepath.Glob("testdata/*.p*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data := read(t, filepath.Base(name))
		hostile.Mutants(data, max(1, len(data)/20), func(mutant []byte) { decodeBounded(t, mutant) })
	}
}

// instances returns a data set of n masked instances, encoded as Python does, with ids up to 21128.
func instances(n int) (data []byte, integers int) {
	for i := range n {
		data = append(data, "\x80\x04]\x94("...)
		for j := range 512 {
			data = binary.LittleEndian.AppendUint16(append(data, 'M'), uint16(256+(i*131+j*7919)%20000))
		}
		data = append(data, "e]\x94("...)
		for j := range 76 {
			data = append(data, 'K', byte(j), 'M', byte(j), 7, 0x86, 0x94)
		}
		data = append(data, "e]\x94M\x00\x02a\x87\x94."...)
		integers += 512 + 2*76 + 1
	}
	return data, integers
}

func BenchmarkDecode(b *testing.B) {
	benchmark(b, func(d *Decoder) error { _, err := d.Decode(); return err })
}

func BenchmarkSkip(b *testing.B) { benchmark(b, (*Decoder).Skip) }

func benchmark(b *testing.B, step func(*Decoder) error) {
	data, integers := instances(1000)
	decoder := NewDecoder(data)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		decoder.Seek(0)
		for {
			if err := step(decoder); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(integers)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mintegers/s")
}
