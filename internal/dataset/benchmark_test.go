package dataset

import (
	"bytes"
	"hash/crc32"
	"os"
	"testing"

	"uer/internal/durable"
	"uer/internal/task"
)

// longInstances makes instances of 128 tokens, as preprocessing with static masks does.
func longInstances() (Metadata, []task.Instance) {
	m := mlmMetadata()
	m.SequenceLength, m.VocabularySize = 128, 21128
	list := mlmInstances(5000)
	for i := range list {
		x := &list[i]
		for len(x.Tokens) < 128 {
			x.Tokens = append(x.Tokens, int32(i+len(x.Tokens)*7)%21128)
		}
		x.Ends = []int32{128}
	}
	return m, list
}

func BenchmarkWrite(b *testing.B) {
	m, list := longInstances()
	w, err := Create(b.TempDir()+"/d", m)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Abort()
	b.ReportAllocs()
	b.SetBytes(2 * 128)
	i := 0
	for b.Loop() {
		if err := w.Append(list[i%len(list)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkInstance(b *testing.B) {
	m, list := longInstances()
	d := openDataset(b, writeDataset(b, m, list))
	benchmarkInstances(b, d)
}

// benchmarkInstances reads one after the other.
func benchmarkInstances(b *testing.B, d *Dataset) {
	var x task.Instance
	b.ReportAllocs()
	i, tokens := 0, 0
	for b.Loop() {
		if err := d.Instance(i%d.Len(), &x); err != nil {
			b.Fatal(err)
		}
		tokens += len(x.Tokens)
		i++
	}
	b.SetBytes(int64(2 * tokens / i))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "instances/s")
}

// BenchmarkFirstTouch is the cost of checking a record batch.
func BenchmarkFirstTouch(b *testing.B) {
	m, list := longInstances()
	d := openDataset(b, writeDataset(b, m, list))
	f := d.source.(*arrowFile)
	b.SetBytes(int64(f.extents[0].end))
	for b.Loop() {
		if _, err := f.open(0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChecksum(b *testing.B) {
	data := make([]byte, 1<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		crc32.Checksum(data, castagnoli)
	}
}

func BenchmarkOpenPickles(b *testing.B) {
	data, err := os.ReadFile("testdata/mlm_static.pt")
	if err != nil {
		b.Fatal(err)
	}
	data = bytes.Repeat(data, 200)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := open("d.pt", &durable.Mapping{Bytes: data}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPickledInstance(b *testing.B) {
	benchmarkInstances(b, openDataset(b, "testdata/mlm_static.pt"))
}
