package record

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func openLog(t *testing.T, folder string, b Beginning) *Log {
	t.Helper()
	l, err := open(folder, b, io.Discard, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func readLog(t *testing.T, folder string) []Entry {
	t.Helper()
	file, err := os.Open(filepath.Join(folder, Name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	entries, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// TestLines: a training, a kill in the middle of a line, and a resume from an earlier step.
func TestLines(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "runs", "a")
	l := openLog(t, folder, Beginning{Settings: []Setting{{"seed", "7"}}, Versions: []Setting{{"uer", "1"}}})
	l.Figures(Report, 1, []Figure{{"loss", 7.5}, {"perplexity", math.Inf(1)}})
	l.Event(Checkpoint, 2, Field{"path", "m-2"})
	l.Figures(Report, 3, []Figure{{"loss", 6.5}})
	path := filepath.Join(folder, Name)
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"time":"2026-11-26T12:00:00.000Z","event":"start","step":0,"settings":{"seed":"7"},"versions":{"uer":"1"}}
{"time":"2026-11-26T12:00:00.000Z","event":"report","step":1,"loss":7.5}
{"time":"2026-11-26T12:00:00.000Z","event":"checkpoint","step":2,"path":"m-2"}
{"time":"2026-11-26T12:00:00.000Z","event":"report","step":3,"loss":6.5}
`
	if string(written) != want {
		t.Errorf("wrote\n%swant\n%s", written, want)
	}
	if err := os.WriteFile(path, append(written, `{"time":"2026-`...), 0o666); err != nil {
		t.Fatal(err)
	}
	if entries := readLog(t, folder); len(entries) != 4 {
		t.Errorf("a line that is being written changes what is read: %v", entries)
	}

	l = openLog(t, folder, Beginning{Step: 2, Resumed: "m-2"})
	l.Figures(Report, 3, []Figure{{"loss", 6.25}})
	if err := l.Close(3, "done", false); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range readLog(t, folder) {
		got = append(got, e.Event)
		if e.Event == Report && e.Step == 3 && e.Figures["loss"] != 6.25 {
			t.Errorf("the loss after step 3 is %v", e.Figures["loss"])
		}
	}
	if want := []string{Start, Report, Checkpoint, Start, Report, Stop}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

// TestReadDamage: what is no log is an error that names the line.
func TestReadDamage(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "{\"event\":\"start\"}\n": "", "{\"event\":": "",
		"{\"event\":\"start\"}\n{}\n":     "line 2: it has no event",
		"text\n":                          "line 1: invalid character 'e' in literal true (expecting 'r')",
		"{\"event\":3}\n":                 "line 1: json: cannot unmarshal number into Go struct field Entry.event of type string",
		"{\"event\":\"x\",\"step\":-1}\n": "",
	} {
		_, err := Read(strings.NewReader(text))
		if message := ""; err != nil && err.Error() != want || err == nil && want != message {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestFullDisk: a record that cannot be written is told at once and at the end, and hides none of the others.
func TestFullDisk(t *testing.T) {
	folder := t.TempDir()
	var said strings.Builder
	l, err := Open(folder, Beginning{}, &said)
	if err != nil {
		t.Fatal(err)
	}
	good := l.lines.file
	if l.lines.file, err = os.Open(os.DevNull); err != nil { // which cannot be written
		t.Fatal(err)
	}
	l.Event(Warning, 1)
	l.Event(Warning, 2)
	l.lines.file.Close()
	l.lines.file = good
	if strings.Count(said.String(), "training goes on") != 1 {
		t.Errorf("said %q", said.String())
	}
	if err := l.Close(3, "done", false); err == nil || !strings.Contains(err.Error(), folder+" is incomplete") {
		t.Errorf("closing: %v", err)
	}
	if entries := readLog(t, folder); len(entries) != 2 || entries[1].Event != Stop {
		t.Errorf("the log has %v", entries)
	}
}

// TestEvents reads the records of an event file back: their checksums hold, and the fields are those that TensorBoard reads.
func TestEvents(t *testing.T) {
	folder := t.TempDir()
	l := openLog(t, folder, Beginning{Step: 4, Settings: []Setting{{"seed", "7"}, {"target", "mlm"}, {"zero", "false"}}})
	l.Figures(Report, 5, []Figure{{"loss", 1.5}})
	l.Figures(Evaluation, 6, []Figure{{"loss", 2.5}})
	if err := l.Close(6, "done", false); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(folder, "events.out.tfevents.*"))
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	var events [][]byte
	for len(data) > 0 {
		size := binary.LittleEndian.Uint64(data)
		event := data[12 : 12+size]
		if binary.LittleEndian.Uint32(data[8:]) != masked(data[:8]) || binary.LittleEndian.Uint32(data[12+size:]) != masked(event) {
			t.Fatal("a checksum is wrong")
		}
		events = append(events, event)
		data = data[16+size:]
	}
	if len(events) != 7 {
		t.Fatalf("%d events", len(events))
	}
	if got := find(t, events[0], 3); string(got) != "brain.Event:2" {
		t.Errorf("the first event is %q", got)
	}
	if step, session := find(t, events[1], 2), find(t, events[1], 7); step[0] != 5 || session[1] != sessionStart {
		t.Errorf("the session starts at step %v with %v", step, session)
	}
	for i, want := range []struct {
		tag   string
		step  byte
		value float32
	}{{"train/loss", 5, 1.5}, {"held_out/loss", 6, 2.5}} {
		event := events[4+i]
		value := find(t, find(t, event, 5), 1)
		number := math.Float32frombits(binary.LittleEndian.Uint32(find(t, value, 2)))
		if tag := find(t, value, 1); string(tag) != want.tag || find(t, event, 2)[0] != want.step || number != want.value {
			t.Errorf("%s is %v", tag, number)
		}
	}
}

// find returns the bytes of the first field with a number.
func find(t *testing.T, message []byte, wanted protowire.Number) []byte {
	t.Helper()
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		size := protowire.ConsumeFieldValue(number, kind, message[n:])
		if n < 0 || size < 0 {
			t.Fatal("no message")
		}
		if number == wanted {
			if kind != protowire.BytesType {
				return message[n : n+size]
			}
			value, _ := protowire.ConsumeBytes(message[n:])
			return value
		}
		message = message[n+size:]
	}
	t.Fatalf("field %d is missing", wanted)
	return nil
}

// TestMasked compares the checksum of records with a published one.
func TestMasked(t *testing.T) {
	// The CRC-32C of 32 zero bytes is 0x8a9136aa (RFC 3720, B.4).
	sum := uint32(0x8a9136aa)
	if got := masked(make([]byte, 32)); got != (sum>>15|sum<<17)+0xa282ead8 {
		t.Errorf("%#x", got)
	}
}

func TestNilLog(t *testing.T) {
	var l *Log
	l.Event(Warning, 1)
	l.Figures(Report, 1, nil)
	if err := l.Close(1, "done", false); err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("{\"time\":\"2026-11-26T12:00:00.000Z\",\"event\":\"report\",\"step\":1,\"loss\":7.5}\n")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := Read(strings.NewReader(text))
		var syntax *json.SyntaxError
		if err != nil && errors.As(err, &syntax) && json.Valid([]byte(text)) && !strings.Contains(text, "\n") {
			t.Errorf("%v, %v", entries, err)
		}
	})
}
