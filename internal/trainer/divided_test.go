package trainer

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"uer/internal/checkpoint"
	"uer/internal/collective"
	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/graph"
	"uer/internal/optimizer"
	"uer/internal/statedict"
)

// outcome is what a training has saved.
type outcome struct {
	weights []byte
	state   map[string][]byte
}

// trained trains ranks that clip, and that divide the update or do not. From a checkpoint, unless it is "".
func trained(t *testing.T, name string, size int, divided bool, steps int, from string) (saved outcome, prefix string) {
	t.Helper()
	ranks := newRanksWith(t, size, 7, 0.1, func(rank int) optimizer.Settings {
		s := optimizer.Settings{Name: name, WeightDecay: 0.1, ClipNorm: 0.5}
		if divided {
			s.Rank, s.Ranks = rank, size
		}
		return s
	})
	for i, r := range ranks {
		r.Batches, r.TotalSteps, r.AccumulationSteps, r.SaveCheckpointSteps = globalLoader(t, i, size), steps, 2, 4
		if from == "" {
			continue
		}
		f, err := checkpoint.Open(from)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		weights := make([]float32, r.Model.Program.ParameterSize)
		if err := f.Weights(r.Model.Program, weights); err != nil {
			t.Fatal(err)
		}
		if err := r.Memory.Write(graph.InParameters, 0, weights); err != nil {
			t.Fatal(err)
		}
		if err := r.Resume(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := RunRanks(t.Context(), ranks); err != nil {
		t.Fatal(err)
	}
	return savedAt(t, checkpoint.Path(ranks[0].OutputModelPath, steps)), ranks[0].OutputModelPath
}

func savedAt(t *testing.T, path string) outcome {
	t.Helper()
	weights, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := statedict.OpenSafetensors(checkpoint.StatePath(path))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	o := outcome{weights, map[string][]byte{}}
	for _, tensor := range file.Tensors[:len(file.Tensors)-1] {
		o.state[tensor.Name] = bytes.Clone(tensor.Raw)
	}
	return o
}

// TestDivided: ranks that divide the update save what ranks do that each do all of it, to the bit, and go on from
// the checkpoint of either.
func TestDivided(t *testing.T) {
	for _, name := range []string{"adamw", "adafactor", "muon", "stableadamw"} {
		for _, size := range []int{1, 2, 3, 4} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				want, prefix := trained(t, name, size, false, 7, "")
				got, dividedPrefix := trained(t, name, size, true, 7, "")
				expectOutcome(t, "divided", got, want)
				want, _ = trained(t, name, size, false, 7, prefix+"-4")
				got, _ = trained(t, name, size, true, 7, dividedPrefix+"-4")
				expectOutcome(t, "resumed", got, want)
			})
		}
	}
}

// TestDividedMemory writes a state that takes several pieces, and reads it, in pieces of other lengths than those exchanged.
func TestDividedMemory(t *testing.T) {
	layout := graph.NewLayout()
	layout.AddParameter(graph.Parameter{Name: "weight", Shape: graph.Shape{300, 1000}})
	layout.AddParameter(graph.Parameter{Name: "bias", Shape: graph.Shape{1001}})
	const size = 3
	memories := make([]*divided, size)
	for rank, connection := range collective.NewLocal(size) {
		o, err := optimizer.New(optimizer.Settings{Name: "adamw", Rank: rank, Ranks: size}, layout)
		if err != nil {
			t.Fatal(err)
		}
		d, err := cpu.New(cpu.Options{Threads: 1, Ranks: connection.Duplicate()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		memory, err := d.Allocate(o.Program.Layout)
		if err != nil {
			t.Fatal(err)
		}
		memories[rank] = (&Trainer{Optimizer: o, Memory: memory, Collective: connection}).whole().(*divided)
	}
	whole := &memories[0].optimizer.Whole
	want := make([]float32, whole.StateSize)
	for _, s := range whole.State {
		for i := range s.Size {
			want[s.Offset+i] = float32(s.Offset + i)
		}
	}
	for _, m := range memories {
		for start := 0; start < len(want); start += 9999 {
			if err := m.Write(graph.InState, start, want[start:min(start+9999, len(want))]); err != nil {
				t.Fatal(err)
			}
		}
	}
	served := make(chan error, size)
	for _, m := range memories[1:] {
		go func() { served <- m.serve() }()
	}
	got := make([]float32, len(want))
	for start := 0; start < len(got); start += 100_000 {
		if err := memories[0].Read(graph.InState, start, got[start:min(start+100_000, len(got))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := memories[0].release(); err != nil {
		t.Fatal(err)
	}
	for range memories[1:] {
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(got, want) {
		t.Error("another state")
	}
}

// TestLostPart: if a rank fails, the others end with its error and save nothing, since its part of the state is lost.
func TestLostPart(t *testing.T) {
	ranks := newRanksWith(t, 3, 20, 0, func(rank int) optimizer.Settings {
		return optimizer.Settings{Name: "adamw", Rank: rank, Ranks: 3}
	})
	for i, r := range ranks {
		r.Batches = globalLoader(t, i, 3)
	}
	ranks[2].Pass = &panics{ranks[2].Pass, 4}
	err := RunRanks(t.Context(), ranks)
	if err == nil || !strings.Contains(err.Error(), "rank 2: panic: lost") {
		t.Errorf("error %v", err)
	}
	if found, _ := filepath.Glob(ranks[0].OutputModelPath + "*"); len(found) > 0 {
		t.Errorf("saved %v", found)
	}
}

// TestUnreadablePart: an error of a rank that serves its part of the state ends a save.
func TestUnreadablePart(t *testing.T) {
	ranks := newRanksWith(t, 3, 2, 0, func(rank int) optimizer.Settings {
		return optimizer.Settings{Name: "adamw", Rank: rank, Ranks: 3}
	})
	lost := errors.New("the GPU is lost")
	ranks[1].Memory = &unreadable{ranks[1].Memory, lost}
	if err := RunRanks(t.Context(), ranks); !errors.Is(err, lost) || !strings.HasPrefix(err.Error(), "rank 1: ") {
		t.Errorf("error %v", err)
	}
	if found, _ := filepath.Glob(ranks[0].OutputModelPath + "*"); len(found) > 0 {
		t.Errorf("saved %v", found)
	}
}

// unreadable is a memory whose state cannot be read.
type unreadable struct {
	device.Memory
	err error
}

func (u *unreadable) Fetch(int, graph.Place, int, []float32) error { return u.err }

// TestDividedSavesInBackground: a save that goes on in the background holds what was learnt when it began.
func TestDividedSavesInBackground(t *testing.T) {
	var want outcome
	for _, divided := range []bool{false, true} {
		ranks := newRanksWith(t, 2, 6, 0.1, func(rank int) optimizer.Settings {
			s := optimizer.Settings{Name: "adamw"}
			if divided {
				s.Rank, s.Ranks = rank, 2
			}
			return s
		})
		for _, r := range ranks {
			r.SaveCheckpointSteps, r.saves.took = 2, time.Hour
		}
		if err := RunRanks(t.Context(), ranks); err != nil {
			t.Fatal(err)
		}
		got := savedAt(t, checkpoint.Path(ranks[0].OutputModelPath, 2))
		if divided {
			expectOutcome(t, "in the background", got, want)
		}
		want = got
	}
}

func expectOutcome(t *testing.T, how string, got, want outcome) {
	t.Helper()
	if !bytes.Equal(got.weights, want.weights) {
		t.Errorf("%s: other weights", how)
	}
	if len(want.state) != 3 {
		t.Fatalf("%d tensors of state", len(want.state))
	}
	for name, values := range want.state {
		if !bytes.Equal(got.state[name], values) {
			t.Errorf("%s: another %s", how, name)
		}
	}
}

// TestDividedSums: a rank gets the sums of the gradients that it updates with and few others, and yet the norm of all of them,
// to the bit.
func TestDividedSums(t *testing.T) {
	layout := graph.NewLayout()
	layout.AddParameter(graph.Parameter{Name: "weight", Shape: graph.Shape{300, 1000}})
	layout.AddParameter(graph.Parameter{Name: "table", Shape: graph.Shape{100, 1000}})
	layout.AddParameter(graph.Parameter{Name: "bias", Shape: graph.Shape{1001}})
	const size = 3
	for _, name := range []string{"adamw", "adafactor"} {
		var want [][]float32 // gradients of each rank, and the norm
		var norm float64
		for _, divided := range []bool{false, true} {
			got, norms := make([][]float32, size), make([]float64, size)
			var all sync.WaitGroup
			var bounds []int
			for rank, connection := range collective.NewLocal(size) {
				settings := optimizer.Settings{Name: name, Schedule: func(int) float64 { return 1 }}
				if divided {
					settings.Rank, settings.Ranks = rank, size
				}
				o, err := optimizer.New(settings, layout)
				if err != nil {
					t.Fatal(err)
				}
				d, err := cpu.New(cpu.Options{Threads: 1, Ranks: connection.Duplicate()})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { d.Close() })
				var shares []int
				if divided {
					shares = o.Division.Parameters
					bounds = shares
				}
				all.Go(func() {
					got[rank], norms[rank] = summed(t, d, o, shares, rank)
				})
			}
			all.Wait()
			if !divided {
				want, norm = got, norms[0]
				continue
			}
			for rank := range size {
				if norms[rank] != norm {
					t.Errorf("%s, rank %d: norm %v, not %v", name, rank, norms[rank], norm)
				}
				start, end := bounds[rank], bounds[rank+1]
				if !slices.Equal(got[rank][start:end], want[rank][start:end]) {
					t.Errorf("%s, rank %d lacks sums of its share", name, rank)
				}
				others := 0
				for i, value := range got[rank] {
					if value == want[rank][i] && (i < start || i >= end) {
						others++
					}
				}
				if others > layout.ParameterSize/8 {
					t.Errorf("%s, rank %d has %d sums that it does not need", name, rank, others)
				}
			}
		}
	}
}

// summed sums gradients that a rank makes up, in two buckets, and returns what it has then, with their norm.
func summed(t *testing.T, d device.Device, o *optimizer.Optimizer, shares []int, rank int) (gradients []float32, norm float64) {
	m, err := d.Allocate(o.Program.Layout)
	if err != nil {
		t.Error(err)
		return nil, 0
	}
	random := rand.New(rand.NewPCG(1, uint64(rank)))
	gradients = make([]float32, o.Program.ParameterSize)
	for _, p := range o.Program.Parameters {
		for i := range p.Shape.Elements() {
			gradients[p.Offset+i] = float32(random.NormFloat64())
		}
	}
	update, err := d.Load(o.Program, m)
	if err == nil {
		err = m.Write(graph.InGradients, 0, gradients)
	}
	if err == nil {
		m.Sum(len(gradients)/2, len(gradients), shares)
		m.Sum(0, len(gradients)/2, shares)
		err = m.Read(graph.InGradients, 0, gradients)
	}
	if err == nil {
		err = update.Run(device.Run{Update: device.Update{Number: 1, Scale: 1}})
	}
	if err != nil {
		t.Error(err)
		return gradients, 0
	}
	figures, _ := update.Figures(true)
	return gradients, figures[0].Outputs[optimizer.Norm]
}
