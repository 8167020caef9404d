package dataset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/task"
)

func TestEveryFlippedByteIsFound(t *testing.T) {
	data, err := os.ReadFile("testdata/format1.arrow")
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for _, mask := range []byte{1, 0x80} {
			damaged := bytes.Clone(data)
			damaged[i] ^= mask
			if _, err := readAll(damaged); err == nil {
				t.Fatalf("byte %d flipped by %#x: no error", i, mask)
			}
		}
	}
	for length := range data {
		if _, err := readAll(data[:length]); err == nil {
			t.Fatalf("cut to %d bytes: no error", length)
		}
	}
}

// reseal computes the footer's checksum anew, as an attacker would.
func reseal(data []byte) []byte {
	if len(data) < footerTrailing {
		return data
	}
	end := len(data) - footerTrailing
	start := end - int(binary.LittleEndian.Uint32(data[end:])) - len(endOfStream)
	if start < 0 {
		return data
	}
	tail := data[start:]
	if mark := bytes.LastIndex(tail, []byte(checksumMark)); mark >= 0 && mark+len(noChecksum) <= len(tail) {
		copy(tail[mark:], noChecksum)
		copy(tail[mark:], fmt.Sprintf("%s%08x", checksumMark, crc32.Checksum(tail, castagnoli)))
	}
	return data
}

// TestForgedBytes flips bytes and makes the checksums right again: what is read may differ, but must be fit for use.
func TestForgedBytes(t *testing.T) {
	data, err := os.ReadFile("testdata/format1.arrow")
	if err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	for i := 0; i < len(data); i += step {
		for _, mask := range []byte{1, 0xff} {
			forged := bytes.Clone(data)
			forged[i] ^= mask
			_, _ = readAll(resealBatches(forged, data))
		}
	}
}

// resealBatches makes the checksum of the one record batch of data right, too; original tells where it lies.
func resealBatches(data, original []byte) []byte {
	f, err := openArrow("", &durable.Mapping{Bytes: original})
	if err != nil {
		panic(err)
	}
	b := f.extents[0]
	old := fmt.Sprintf("%08x", b.checksum)
	at := bytes.LastIndex(original, []byte(old))
	copy(data[at:], fmt.Sprintf("%08x", crc32.Checksum(data[:b.end], castagnoli)))
	return reseal(data)
}

func FuzzArrow(f *testing.F) {
	data, err := os.ReadFile("testdata/format1.arrow")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) { readBounded(t, reseal(data)) })
}

func TestMessages(t *testing.T) {
	whole, err := os.ReadFile("testdata/format1.arrow")
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[700] ^= 1
	footer := bytes.Clone(whole)
	footer[len(footer)-100] ^= 1
	newer := bytes.Clone(whole)
	version := bytes.LastIndex(newer, []byte("\x01\x00\x00\x001\x00"))
	newer[version+4] = '2'
	for _, test := range []struct {
		name    string
		data    []byte
		message string
	}{
		{"empty", nil, "read f: empty: there are no instances"},
		{"text", []byte("今天天气很好\n"), "read f: not a dataset"},
		{"truncated", whole[:1000], "read f: truncated: its 1000 bytes do not end with the mark of a complete file"},
		{"flipped", flipped, "read f: record batch 0 (instances 0 to 19): damaged: bytes 0 to "},
		{"footer", footer, "read f: damaged: the checksum of its footer is "},
		{"newer", reseal(newer), "read f: written by a newer version of uer (format 2, this one reads up to 1)"},
	} {
		d, err := open("f", &durable.Mapping{Bytes: test.data})
		if err == nil {
			err = d.Instance(3, new(task.Instance))
		}
		if err == nil || !strings.HasPrefix(err.Error(), test.message) {
			t.Errorf("%s: %v, want %s", test.name, err, test.message)
			continue
		}
		var report strings.Builder
		if console.Report(&report, err); !strings.Contains(report.String(), "hint: ") {
			t.Errorf("%s: no hint: %s", test.name, &report)
		}
	}
}
