package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"uer/internal/batch"
	"uer/internal/exchange"
	"uer/internal/graph"
	"uer/internal/hostile"
	"uer/internal/statedict"
)

// buffers is a device's memory.
type buffers struct{ parameters, state []float32 }

func (b *buffers) at(p graph.Place) []float32 {
	if p == graph.InState {
		return b.state
	}
	return b.parameters
}

func (b *buffers) Read(p graph.Place, offset int, to []float32) error {
	copy(to, b.at(p)[offset:])
	return nil
}

func (b *buffers) Write(p graph.Place, offset int, from []float32) error {
	copy(b.at(p)[offset:], from)
	return nil
}

// trained is the layout of small in a training, with optimizer state.
var trained = func() *graph.Layout {
	layout := graph.NewLayout()
	layout.Parameters, layout.ParameterSize = small.Parameters, small.ParameterSize
	layout.AddState("first_moment", 34)
	layout.AddState("second_moment", 34)
	return &layout
}()

// training returns the memory of a training, whose values depend on a number.
func training(number float32) *buffers {
	b := &buffers{filled(), make([]float32, trained.StateSize)}
	for i := range b.parameters {
		b.parameters[i] += number
	}
	for _, s := range trained.State[1:] {
		for i := range s.Size {
			b.state[s.Offset+i] = number / float32(i+1)
		}
	}
	return b
}

// example is the state of a training after a step.
func example(step int) State {
	return State{
		Step: step, Updates: step, Settings: map[string]string{"batch_size": "4", "gpu_ranks": "", "vocab_path": "词 \"表\".txt"},
		Position: batch.Position{Instances: int64(4 * step), Ranks: []batch.RankPosition{
			{From: 3, Next: 1, Filled: []byte{1, 2, 255}, Generator: []byte{0}},
		}},
		Dataset: Dataset{Path: "a.pt", SHA256: "ab", Instances: 1 << 40}, VocabularySHA256: "cd", Version: "1",
		Saved: time.Date(2026, 1, 1, 0, 0, step, 5, time.UTC),
	}
}

// save saves a training after a step.
func save(t *testing.T, prefix string, step int, state State) string {
	t.Helper()
	saved, err := Save(prefix, step, exchange.Naming{}, trained, training(float32(step)), &state, false)
	if err != nil {
		t.Fatal(err)
	}
	return saved.Path
}

func TestStateRoundTrip(t *testing.T) {
	want := example(7)
	path := save(t, filepath.Join(t.TempDir(), "m.bin"), 7, want)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !reflect.DeepEqual(f.State, want) || f.Path != path {
		t.Errorf("state %+v, want %+v", f.State, want)
	}
	got := &buffers{make([]float32, small.ParameterSize), make([]float32, trained.StateSize)}
	if err := f.Restore(trained, got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.state, training(7).state) {
		t.Errorf("optimizer state %v", got.state)
	}
	if err := f.Weights(small, got.parameters); err != nil || got.parameters[0] != 8 {
		t.Errorf("error %v, parameters %v", err, got.parameters)
	}
}

// TestOtherLayout: state that was laid out in another way means something else.
func TestOtherLayout(t *testing.T) {
	f, err := Open(save(t, filepath.Join(t.TempDir(), "m.bin"), 7, example(7)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	layout := *trained
	layout.Parameters = slices.Clone(layout.Parameters)
	layout.Parameters[1].Offset += graph.Alignment
	err = f.Restore(&layout, training(0))
	if err == nil || !strings.Contains(err.Error(), "m.bin-7.state: its optimizer state is laid out in another way") {
		t.Errorf("error %v", err)
	}
}

// TestNotFinite: parameters that are not finite, or have not learnt what they should, are not saved.
func TestNotFinite(t *testing.T) {
	folder := t.TempDir()
	infinite, halted := training(1), training(1)
	infinite.parameters[17] = float32(math.Inf(-1))
	halted.state[0] = 1
	for name, memory := range map[string]*buffers{"infinite": infinite, "halted": halted} {
		state := example(1)
		if _, err := Save(filepath.Join(folder, "m"), 1, exchange.Naming{}, trained, memory, &state, false); !errors.Is(err, ErrNotFinite) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("files %v, error %v", entries, err)
	}
}

// TestDamageIsFound flips bits all over both files of a checkpoint, and cuts them.
func TestDamageIsFound(t *testing.T) {
	path := save(t, filepath.Join(t.TempDir(), "m.bin"), 7, example(7))
	for _, name := range []string{path, StatePath(path)} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		missed, step := 0, 7
		if testing.Short() {
			step = 61
		}
		for i := 0; i < len(data); i += step {
			damaged := bytes.Clone(data)
			damaged[i] ^= 0x10
			for _, content := range [][]byte{damaged, data[:i]} {
				if err := os.WriteFile(name, content, 0o600); err != nil {
					t.Fatal(err)
				}
				if Verify(path) == nil {
					missed++
				}
			}
		}
		// In the zip archive, not all bytes matter: times, and the padding between entries.
		if name != path && missed > 0 || missed > len(data)/step {
			t.Errorf("%s: %d of %d damages were not found", name, missed, 2*len(data)/step)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Verify(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFilesOfTwoSaves: weights and state that are whole but not of one save are not a checkpoint.
func TestFilesOfTwoSaves(t *testing.T) {
	folder := t.TempDir()
	a, b := save(t, filepath.Join(folder, "a"), 1, example(1)), save(t, filepath.Join(folder, "b"), 2, example(2))
	if err := os.Rename(b, a); err != nil {
		t.Fatal(err)
	}
	if err := Verify(a); err == nil || !strings.Contains(err.Error(), "were not saved together") {
		t.Errorf("error %v", err)
	}
}

func TestFind(t *testing.T) {
	folder := t.TempDir()
	prefix := filepath.Join(folder, "m.bin")
	damage := func(step int) {
		if err := os.Truncate(Path(prefix, step), 100); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(name, want string, broken int, message string) {
		t.Helper()
		found, err := Find(name)
		if message == "" && err != nil || message != "" && (err == nil || !strings.Contains(err.Error(), message)) {
			t.Errorf("%s: error %v, want %q", filepath.Base(name), err, message)
		}
		if err == nil && (found.Path != want || found.Prefix != prefix || len(found.Broken) != broken) {
			t.Errorf("%s: found %+v, want %s and %d broken ones", filepath.Base(name), found, want, broken)
		}
	}
	expect(prefix, "", 0, "there is no checkpoint "+prefix)
	expect(Path(prefix, 5), "", 0, "there is no checkpoint "+prefix+"-5")
	expect(filepath.Join(folder, "absent", "m.bin"), "", 0, "there is no checkpoint")
	for _, step := range []int{2, 5, 10} {
		save(t, prefix, step, example(step))
	}
	save(t, prefix+"-x", 90, example(90)) // of another prefix
	if err := os.WriteFile(Path(prefix, 70), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(prefix, Path(prefix, 10), 0, "")
	expect(Path(prefix, 5), Path(prefix, 5), 0, "")
	expect(Path(prefix, 70), "", 0, "m.bin-70 cannot be resumed: it has no state (")
	damage(10)
	expect(prefix, Path(prefix, 5), 1, "")
	expect(Path(prefix, 10), "", 0, "m.bin-10")
	// Saved after the others, by a run that began anew.
	again := example(3)
	again.Saved = example(20).Saved
	save(t, prefix, 3, again)
	expect(prefix, Path(prefix, 3), 0, "")
	if err := os.WriteFile(StatePath(Path(prefix, 12)), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(prefix, Path(prefix, 3), 1, "")
	damage(3)
	damage(5)
	damage(2)
	expect(prefix, "", 0, "no checkpoint of "+prefix+" is whole")
}

// FuzzState reads any bytes as a state file. It is whole, or an error.
func FuzzState(f *testing.F) {
	prefix := filepath.Join(f.TempDir(), "m.bin")
	state := example(7)
	saved, err := Save(prefix, 7, exchange.Naming{}, trained, training(7), &state, false)
	if err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(StatePath(saved.Path))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	var forged bytes.Buffer
	h := &header{FormatVersion: 1, State: state}
	if err := h.write(&forged, trained, training(1)); err != nil {
		f.Fatal(err)
	}
	f.Add(forged.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "m-1")
		if err := os.WriteFile(StatePath(path), data, 0o600); err != nil {
			t.Fatal(err)
		}
		into := training(0)
		hostile.Bounded(t, len(data), 32, 8<<20, func() {
			_ = Verify(path)
			opened, err := Open(path)
			if err != nil {
				return
			}
			defer opened.Close()
			_ = opened.Restore(trained, into)
		})
	})
}

// FuzzHeader reads any metadata.
func FuzzHeader(f *testing.F) {
	f.Add("step", "3", "settings", `{"a":"b"}`)
	f.Add("position", `{"instances":-1}`, "saved", `"x"`)
	f.Fuzz(func(t *testing.T, name, value, other, otherValue string) {
		h, err := parseHeader(map[string]string{"format_version": "1", "updates": "1", "step": "2", name: value, other: otherValue})
		if err == nil && (h.Step < 1 || h.Updates < 1) {
			t.Errorf("%+v", h)
		}
	})
}

// TestStateIsSafetensors: the file names the optimizer state, and its metadata is JSON, field by field.
func TestStateIsSafetensors(t *testing.T) {
	path := save(t, filepath.Join(t.TempDir(), "m"), 7, example(7))
	f, err := statedict.OpenSafetensors(StatePath(path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for _, s := range f.Tensors {
		names = append(names, fmt.Sprint(s.Name, s.Shape, s.Type))
	}
	want := []string{"halted[1]F32", "first_moment[34]F32", "second_moment[34]F32", "checksums[4]I64"}
	if !slices.Equal(names, want) {
		t.Errorf("tensors %v, want %v", names, want)
	}
	if f.Metadata["step"] != "7" || !strings.Contains(f.Metadata["settings"], `"batch_size":"4"`) ||
		!strings.Contains(f.Metadata["weights_crc32"], `"embedding.layer_norm.gamma":`) {
		t.Errorf("metadata %v", f.Metadata)
	}
}
