package checkpoint

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"uer/internal/durable"
	"uer/internal/exchange"
)

// disk follows the operations on the files of a folder, and knows what a crash may leave of them.
type disk struct {
	names   map[string]*content // as the process sees them
	synced  map[string]*content // as of the last sync of the folder
	pending []durable.Operation // renames and removals since then
}

// content is a file. What was written since the last sync may be lost.
type content struct {
	data  []byte
	kept  []byte
	saved bool // kept is what was synced; else the file may be empty
}

// newDisk starts with the files of a folder, all of which are on disk.
func newDisk(t *testing.T, folder string) *disk {
	t.Helper()
	d := &disk{names: map[string]*content{}}
	for name, data := range filesOf(t, folder) {
		d.names[name] = &content{data: data, kept: data, saved: true}
	}
	d.synced = maps.Clone(d.names)
	return d
}

func filesOf(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(folder, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// do follows an operation that succeeds.
func (d *disk) do(o durable.Operation) {
	name, to := filepath.Base(o.Path), filepath.Base(o.To)
	switch o.Kind {
	case durable.Creates:
		d.names[name] = &content{}
	case durable.Writes:
		d.names[name].data = append(d.names[name].data, o.Data...)
	case durable.Syncs:
		c := d.names[name]
		c.kept, c.saved = slices.Clone(c.data), true
	case durable.Renames:
		rename(d.names, name, to)
		d.pending = append(d.pending, o)
	case durable.Removes:
		delete(d.names, name)
		d.pending = append(d.pending, o)
	case durable.SyncsFolder:
		d.synced, d.pending = maps.Clone(d.names), nil
	}
}

func rename(names map[string]*content, from, to string) {
	if c := names[from]; c != nil {
		names[to] = c
		delete(names, from)
	}
}

// crashes returns what a crash may leave: any of the names that were not synced, in the order in which they were changed or
// in another one, with the data that was written or only what was synced.
func (d *disk) crashes() (left []map[string][]byte) {
	for subset := range 1 << len(d.pending) {
		names := maps.Clone(d.synced)
		for name, c := range d.names { // a temporary file may be there or not; its name is in no checkpoint
			if names[name] == nil && strings.HasSuffix(name, ".partial") {
				names[name] = c
			}
		}
		for i, o := range d.pending {
			if subset>>i&1 == 0 {
				continue
			}
			if o.Kind == durable.Removes {
				delete(names, filepath.Base(o.Path))
				continue
			}
			rename(names, filepath.Base(o.Path), filepath.Base(o.To))
			if to := filepath.Base(o.To); names[to] == nil && d.names[to] != nil {
				names[to] = d.names[to] // renamed from a temporary name that was never synced
			}
		}
		all, kept := map[string][]byte{}, map[string][]byte{}
		for name, c := range names {
			all[name], kept[name] = c.data, c.kept
		}
		left = append(left, all, kept)
	}
	return left
}

// scene is a folder of checkpoints and a save into it.
type scene struct {
	name      string
	overwrite bool
	prepare   func(t *testing.T, prefix string)
	replaced  bool // there is a checkpoint of an earlier training with the name of the new one
}

const newStep, lastStep = 7, 6

// trainingOf returns a state and a memory of a training, told apart by a number.
func trainingOf(run string, step int, minute int) (State, *buffers) {
	state := example(step)
	state.Run, state.Saved = run, time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)
	return state, training(float32(100*minute + step))
}

func saveOf(prefix, run string, step, minute int, overwrite bool) error {
	state, memory := trainingOf(run, step, minute)
	_, err := Save(prefix, step, exchange.Naming{}, trained, memory, &state, overwrite)
	return err
}

func mustSave(t *testing.T, prefix, run string, step, minute int) {
	t.Helper()
	if err := saveOf(prefix, run, step, minute, false); err != nil {
		t.Fatal(err)
	}
}

var scenes = []scene{
	{name: "new", prepare: func(t *testing.T, prefix string) { mustSave(t, prefix, "this", lastStep, 2) }},
	{name: "aside", replaced: true, prepare: func(t *testing.T, prefix string) {
		mustSave(t, prefix, "earlier", newStep, 1)
		mustSave(t, prefix, "this", lastStep, 2)
	}},
	{name: "aside, with an older generation", replaced: true, prepare: func(t *testing.T, prefix string) {
		mustSave(t, prefix, "oldest", newStep, 0)
		mustSave(t, prefix, "earlier", newStep, 1)
		mustSave(t, prefix, "this", lastStep, 2)
	}},
	{name: "overwrite", replaced: true, overwrite: true, prepare: func(t *testing.T, prefix string) {
		mustSave(t, prefix, "earlier", newStep, 1)
		mustSave(t, prefix, "this", lastStep, 2)
	}},
	{name: "same weights", prepare: func(t *testing.T, prefix string) {
		mustSave(t, prefix, "earlier", newStep, 3)
		mustSave(t, prefix, "this", lastStep, 4)
	}},
}

// expectCheckpoint checks that what is found is the new checkpoint or the one before, whole, with its own values.
func expectCheckpoint(t *testing.T, where, prefix string, minutes map[int]int) (step int) {
	t.Helper()
	found, err := Find(prefix)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return 0
	}
	f, err := Open(found.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	minute, known := minutes[f.Step]
	if !known || f.Run != "this" {
		t.Errorf("%s: found step %d of %s", where, f.Step, f.Run)
		return 0
	}
	_, want := trainingOf("this", f.Step, minute)
	got := &buffers{make([]float32, len(want.parameters)), make([]float32, len(want.state))}
	if err := f.Weights(small, got.parameters); err != nil {
		t.Fatal(err)
	}
	if err := f.Restore(trained, got); err != nil {
		t.Fatal(err)
	}
	for _, p := range small.Parameters {
		for i := range p.Shape.Elements() {
			if got.parameters[p.Offset+i] != want.parameters[p.Offset+i] {
				t.Fatalf("%s: step %d: a parameter is %v", where, f.Step, got.parameters[p.Offset+i])
			}
		}
	}
	if !slices.Equal(got.state[trained.State[0].Offset:], want.state[trained.State[0].Offset:]) {
		t.Fatalf("%s: step %d: another optimizer state", where, f.Step)
	}
	return f.Step
}

// TestCrashes loses, at every operation of a save, everything that was not synced, in every way.
func TestCrashes(t *testing.T) {
	minutes := map[int]int{lastStep: 2, newStep: 3}
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			folder := t.TempDir()
			prefix := filepath.Join(folder, "m")
			s.prepare(t, prefix)
			old := filesOf(t, folder)
			d := newDisk(t, folder)
			minutes := maps.Clone(minutes)
			if s.name == "same weights" {
				minutes[lastStep] = 4
			}
			var lost []map[string][]byte
			operations := 0
			t.Cleanup(func() { durable.Probe = nil })
			durable.Probe = func(o durable.Operation) error {
				lost = append(lost, d.crashes()...)
				d.do(o)
				operations++
				return nil
			}
			err := saveOf(prefix, "this", newStep, 3, s.overwrite)
			durable.Probe = nil
			if err != nil {
				t.Fatal(err)
			}
			during := len(lost)
			lost = append(lost, d.crashes()...)
			steps := map[int]int{}
			for i, files := range lost {
				after := filepath.Join(t.TempDir(), "m")
				for name, data := range files {
					if err := os.WriteFile(filepath.Join(filepath.Dir(after), name), data, 0o666); err != nil {
						t.Fatal(err)
					}
				}
				where := fmt.Sprintf("crash %d", i)
				if s.name == "same weights" {
					expectSame(t, where, after)
					continue
				}
				step := expectCheckpoint(t, where, after, minutes)
				steps[step]++
				if i >= during && step != newStep {
					t.Errorf("%s, after the save: found step %d", where, step)
				}
				if s.replaced && !s.overwrite {
					expectNothingLost(t, where, files, old)
				}
			}
			t.Logf("%d operations, %d crashes; found the new checkpoint in %d, the one before in %d", operations, len(lost),
				steps[newStep], steps[lastStep])
			if s.name != "same weights" && (steps[newStep] == 0 || steps[lastStep] == 0) {
				t.Error("the crashes prove nothing")
			}
		})
	}
}

// expectSame: with the same weights there, the checkpoint of the new step is whole at any moment.
func expectSame(t *testing.T, where, prefix string) {
	t.Helper()
	if err := Verify(Path(prefix, newStep)); err != nil {
		t.Errorf("%s: %v", where, err)
	}
}

// expectNothingLost: the weights and the state of the earlier training have their name, or the one aside.
func expectNothingLost(t *testing.T, where string, files, old map[string][]byte) {
	t.Helper()
	weights := Path("m", newStep)
	for _, name := range []string{weights, StatePath(weights)} {
		aside := strings.Replace(name, weights, AsidePath(weights), 1)
		if !bytes.Equal(files[name], old[name]) && !bytes.Equal(files[aside], old[name]) {
			t.Errorf("%s: the old %s is lost", where, name)
		}
	}
}

// TestFailures fails each operation of a save in turn, once or from then on. A save that failed once succeeds when it is
// tried again.
func TestFailures(t *testing.T) {
	minutes := map[int]int{lastStep: 2, newStep: 3}
	for _, s := range scenes {
		if s.name == "same weights" || testing.Short() && s.name != "aside" {
			continue
		}
		for _, forever := range []bool{false, true} {
			failed, found := 0, map[int]int{}
			for at := 0; ; at++ {
				folder := t.TempDir()
				prefix := filepath.Join(folder, "m")
				s.prepare(t, prefix)
				operations := 0
				var failing durable.Operation
				durable.Probe = func(o durable.Operation) error {
					operations++
					if operations-1 == at || forever && operations > at {
						if operations-1 == at {
							failing = o
						}
						return &os.PathError{Op: string(o.Kind), Path: o.Path, Err: syscall.EIO}
					}
					return nil
				}
				err := saveOf(prefix, "this", newStep, 3, s.overwrite)
				durable.Probe = nil
				if operations <= at {
					break
				}
				failed++
				where := fmt.Sprintf("%s: operation %d (%s) fails, %v", s.name, at, failing.Kind, forever)
				if err == nil {
					t.Errorf("%s: no error", where)
				}
				found[expectCheckpoint(t, where, prefix, minutes)]++
				if left, _ := filepath.Glob(prefix + "*.partial"); len(left) > 0 && !forever && failing.Kind != durable.Removes {
					t.Errorf("%s: left %v", where, left)
				}
				if err := saveOf(prefix, "this", newStep, 3, s.overwrite); err != nil {
					t.Errorf("%s: again: %v", where, err)
				}
				if step := expectCheckpoint(t, where, prefix, minutes); step != newStep {
					t.Errorf("%s: step %d after the second try", where, step)
				}
			}
			t.Logf("%s, for ever %v: %d operations failed; the new checkpoint was found after %d, the one before after %d",
				s.name, forever, failed, found[newStep], found[lastStep])
		}
	}
}

// TestPruneCrashes interrupts the removal of old checkpoints.
func TestPruneCrashes(t *testing.T) {
	folder := t.TempDir()
	prefix := filepath.Join(folder, "m")
	mustSave(t, prefix, "other", 1, 1)
	for step := 2; step <= 6; step++ {
		mustSave(t, prefix, "this", step, step)
	}
	d := newDisk(t, folder)
	var lost []map[string][]byte
	durable.Probe = func(o durable.Operation) error {
		lost = append(lost, d.crashes()...)
		d.do(o)
		return nil
	}
	err := Prune(prefix, "this", 5, 2)
	durable.Probe = nil
	if err != nil {
		t.Fatal(err)
	}
	lost = append(lost, d.crashes()...)
	for i, files := range lost {
		for _, step := range []int{1, 4, 5, 6} {
			if files[filepath.Base(Path(prefix, step))] == nil || files[filepath.Base(StatePath(Path(prefix, step)))] == nil {
				t.Errorf("crash %d: step %d is lost", i, step)
			}
		}
		for _, step := range []int{2, 3} {
			if files[filepath.Base(Path(prefix, step))] == nil && files[filepath.Base(StatePath(Path(prefix, step)))] != nil {
				t.Errorf("crash %d: step %d has a state without weights", i, step)
			}
		}
	}
	for step := 1; step <= 6; step++ {
		if there, want := exists(Path(prefix, step)), step == 1 || step > 3; there != want {
			t.Errorf("step %d is there: %v, want %v", step, there, want)
		}
	}
}
