package batch

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/task"
	"uer/internal/vocab"
)

func openDataset(t testing.TB, name string) *dataset.Dataset {
	t.Helper()
	d, err := dataset.Open("../dataset/testdata/" + name + ".pt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func newLoader(t testing.TB, d *dataset.Dataset, o Options) *Loader {
	t.Helper()
	l, err := New(d, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// write makes a dataset of our own.
func write(t testing.TB, m dataset.Metadata, instances []task.Instance) *dataset.Dataset {
	t.Helper()
	path := t.TempDir() + "/dataset.arrow"
	w, err := dataset.Create(path, m)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, x := range instances {
		if err := w.Append(x); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(m.Totals); err != nil {
		t.Fatal(err)
	}
	d, err := dataset.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestNothingToPredict(t *testing.T) {
	m := dataset.Metadata{Target: "mlm", SequenceLength: 4, VocabularySize: 232, Dynamic: true}
	x := task.Instance{Tokens: []int32{6, 7}, Ends: []int32{2}}
	g := mlmGolden("")
	for _, g.BufferSize = range []int{0, 25600} {
		l := newLoader(t, write(t, m, []task.Instance{x, x, x}), g.options(t, false))
		for range 2 {
			_, err := l.Next()
			if err == nil || !strings.HasSuffix(err.Error(), "/dataset.arrow has no batch with a token to predict") {
				t.Error(err)
			}
			var report strings.Builder
			if console.Report(&report, err); !strings.Contains(report.String(), "hint: ") {
				t.Error(&report)
			}
		}
	}
}

// TestEmptySequence: an instance without tokens is a sequence without tokens.
func TestEmptySequence(t *testing.T) {
	m := dataset.Metadata{Target: "mlm", SequenceLength: 4, VocabularySize: 232}
	d := write(t, m, []task.Instance{
		{Ends: []int32{0}},
		{Tokens: []int32{6, 8, 7}, Ends: []int32{3}, Masks: []task.Mask{{Position: 1, ID: 9}}},
		{Ends: []int32{0}},
	})
	g := mlmGolden("")
	b, err := newLoader(t, d, g.options(t, false)).Next()
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Tokens) != 3 || len(b.Starts) != 4 || len(b.Lengths) != 3 || b.Starts[3] != 3 || len(b.Labels) != 1 {
		t.Errorf("%+v", b)
	}
}

// TestDecoderSkipsBlankInstances: what the encoder has nothing to read of is left out, and the rows of the others are those
// of a batch without it.
func TestDecoderSkipsBlankInstances(t *testing.T) {
	for _, test := range []struct {
		metadata    dataset.Metadata
		blank, text task.Instance
	}{
		{dataset.Metadata{Target: "t5", Dynamic: true},
			task.Instance{Ends: []int32{0}},
			task.Instance{Tokens: []int32{7, 9, 8}, Ends: []int32{3}}},
		{dataset.Metadata{Target: "seq2seq", TargetSequenceLength: 4},
			task.Instance{Ends: []int32{0}, Output: []int32{7, 9, 8}},
			task.Instance{Tokens: []int32{9}, Ends: []int32{1}, Output: []int32{7, 10, 8}}},
	} {
		test.metadata.SequenceLength, test.metadata.VocabularySize = 4, 232
		d := write(t, test.metadata, []task.Instance{test.blank, test.text, test.blank})
		for _, keepPadding := range []bool{false, true} {
			g := golden{Target: test.metadata.Target, WorldSize: 1, BatchSize: 3, BufferSize: 1}
			b, err := newLoader(t, d, g.options(t, keepPadding)).Next()
			if err != nil {
				t.Fatal(err)
			}
			if len(b.Lengths) != 1 || b.Rows[0] != 0 || len(b.Output.Lengths) != 1 || b.Output.Rows[0] != 0 {
				t.Errorf("%s, keep padding %v: %+v", g.Target, keepPadding, b)
			}
		}
	}
}

func TestErrorReachesNext(t *testing.T) {
	g := golden{Dataset: "cls", Target: "cls", WorldSize: 1, BatchSize: 4, BufferSize: 25600, Seed: 7}
	o := g.options(t, false)
	o.Vocabulary = smallVocabulary(t)
	l := newLoader(t, openDataset(t, "cls"), o)
	_, err := l.Next()
	if err == nil || !strings.HasSuffix(err.Error(), "outside the vocabulary of 5 tokens") {
		t.Errorf("%v", err)
	}
	if _, again := l.Next(); again != err {
		t.Errorf("then %v", again)
	}
}

// smallVocabulary holds the special tokens only.
func smallVocabulary(t testing.TB) *vocab.Vocabulary {
	t.Helper()
	v, err := vocab.Parse("v", []byte("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"), vocab.Special{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestIDsOutsideTheVocabulary: whichever list of whichever file holds them, no such id gets into a batch.
func TestIDsOutsideTheVocabulary(t *testing.T) {
	negative := t.TempDir() + "/negative.pt" // ([-1], [1]), a tuple of mlm
	if err := os.WriteFile(negative, []byte("\x80\x04](J\xff\xff\xff\xffe](K\x01e\x86."), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign, err := dataset.Open(negative)
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	own := func(m dataset.Metadata, x task.Instance) *dataset.Dataset {
		m.SequenceLength, m.VocabularySize = 4, 100_000
		return write(t, m, []task.Instance{x})
	}
	for _, test := range []struct {
		name string
		data *dataset.Dataset
		few  bool // in the vocabulary of the output
		id   int
		size int
	}{
		{"negative", foreign, false, -1, 232},
		{"token", own(dataset.Metadata{Target: "lm"}, task.Instance{Tokens: []int32{6, 232}, Ends: []int32{2}}), false, 232, 232},
		{"label", own(dataset.Metadata{Target: "lm"}, task.Instance{Tokens: []int32{6, 99_999}, Ends: []int32{1}}), false, 99_999, 232},
		{"mask", own(dataset.Metadata{Target: "mlm"},
			task.Instance{Tokens: []int32{6}, Ends: []int32{1}, Masks: []task.Mask{{Position: 0, ID: 300}}}), false, 300, 232},
		{"output", own(dataset.Metadata{Target: "seq2seq", TargetSequenceLength: 4},
			task.Instance{Tokens: []int32{6}, Ends: []int32{1}, Output: []int32{2, 5}}), true, 5, 5},
	} {
		g := golden{Target: test.data.Metadata.Target, WorldSize: 1, BatchSize: 1, BufferSize: 1}
		o := g.options(t, false)
		if test.few {
			o.TargetVocabulary = smallVocabulary(t)
		}
		_, err := newLoader(t, test.data, o).Next()
		want := fmt.Sprintf("instance 0 has token id %d, outside the vocabulary of %d tokens", test.id, test.size)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", test.name, err, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	g := mlmGolden("mlm_dynamic")
	for _, test := range []struct {
		message string
		change  func(*Options)
	}{
		{"../dataset/testdata/mlm_dynamic.pt was made for --target mlm, not lm", func(o *Options) { o.Target = "lm" }},
		{"../dataset/testdata/mlm_dynamic.pt holds no masks, and nothing draws them", func(o *Options) { o.Masker = nil }},
		{"batches of 0 from buffers of 25600 for rank 0 of 1", func(o *Options) { o.BatchSize = 0 }},
		{"batches of 4 from buffers of 25600 for rank 1 of 1", func(o *Options) { o.Rank = 1 }},
		{"batches of 100000000 sequences of 32 tokens on each of 1 ranks: at most 67108863 are possible", func(o *Options) { o.BatchSize = 100_000_000 }},
	} {
		o := g.options(t, false)
		test.change(&o)
		if _, err := New(openDataset(t, g.Dataset), o); err == nil || err.Error() != test.message {
			t.Errorf("%v, want %s", err, test.message)
		}
	}
}

// TestCloseEndsTheGoroutine closes loaders in all states.
func TestCloseEndsTheGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	d := openDataset(t, "mlm_dynamic")
	g := mlmGolden("mlm_dynamic")
	for taken := range 6 {
		l, err := New(d, g.options(t, false))
		if err != nil {
			t.Fatal(err)
		}
		for range taken {
			if _, err := l.Next(); err != nil {
				t.Fatal(err)
			}
		}
		l.Close()
		l.Close()
		if _, err := l.Next(); err != errClosed {
			t.Errorf("after Close: %v", err)
		}
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// TestBatchesAreReused: a batch keeps its content until the next call, and the steady state allocates nothing.
func TestBatchesAreReused(t *testing.T) {
	for _, bufferSize := range []int{0, 25600} {
		g := mlmGolden("mlm_dynamic")
		g.BufferSize = bufferSize
		testReuse(t, newLoader(t, corpusOf(t, "mlm", 1000), g.options(t, false)))
	}
}

func testReuse(t *testing.T, l *Loader) {
	t.Helper()
	b, err := l.Next()
	if err != nil {
		t.Fatal(err)
	}
	kept := show(b)
	time.Sleep(20 * time.Millisecond) // the goroutine fills what it may
	if show(b) != kept {
		t.Error("the batch changed while it was valid")
	}
	next := func() {
		if _, err := l.Next(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2000 {
		next()
	}
	if n := testing.AllocsPerRun(1000, next); n > 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

// corpusOf makes a dataset of instances with 1 to 128 tokens.
func corpusOf(t testing.TB, target string, count int) *dataset.Dataset {
	t.Helper()
	instances := make([]task.Instance, count)
	for i := range instances {
		x := &instances[i]
		n := 1 + i*37%128
		for j := range n {
			x.Tokens = append(x.Tokens, int32(9+(i+j)%200))
		}
		x.Ends = []int32{int32(n)}
	}
	return write(t, dataset.Metadata{Target: target, SequenceLength: 128, VocabularySize: 232, Dynamic: target == "mlm"}, instances)
}

// BenchmarkNext measures how fast batches of 32 are made.
func BenchmarkNext(b *testing.B) {
	for _, name := range []string{"mlm", "lm", "mlm buffered", "lm buffered"} {
		b.Run(name, func(b *testing.B) {
			g := mlmGolden("")
			target, buffered := strings.CutSuffix(name, " buffered")
			g.Target, g.BatchSize = target, 32
			if !buffered {
				g.BufferSize = 0
			}
			l := newLoader(b, corpusOf(b, target, 30_000), g.options(b, false))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.Next(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(32*float64(b.N)/b.Elapsed().Seconds(), "instances/s")
		})
	}
}
