//go:build linux && cgo

package gloo

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"uer/internal/gloo/glootest"
)

// board is where processes of a test write values for one another.
type board struct {
	mutex  sync.Mutex
	values map[string][]byte
}

func (b *board) put(key string, value []byte) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.values[key] = value
}

func (b *board) get(key string) ([]byte, error) {
	for range 1000 {
		b.mutex.Lock()
		value, ok := b.values[key]
		b.mutex.Unlock()
		if ok {
			return value, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, fmt.Errorf("no %s", key)
}

// TestMesh exchanges and gathers parts of different lengths, none of them among them.
func TestMesh(t *testing.T) {
	t.Setenv("UER_GLOO_LIB", glootest.Build(t))
	const processes = 3
	b := &board{values: map[string][]byte{}}
	errs := make(chan error)
	for process := range processes {
		go func() { errs <- exchange(process, processes, b) }()
	}
	for range processes {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// exchange is one process: it sends q values to process q, each of them 10 times its own number plus q.
func exchange(process, processes int, b *board) error {
	m, err := Connect(Options{
		Process: process, Processes: processes, Address: "127.0.0.1", Timeout: 20 * time.Second, Put: b.put, Get: b.get,
	})
	if err != nil {
		return err
	}
	var out, want, all []float32
	var sent, received, lengths []int
	for q := range processes {
		out = append(out, slices.Repeat([]float32{float32(10*process + q)}, q)...)
		want = append(want, slices.Repeat([]float32{float32(10*q + process)}, process)...)
		all = append(all, slices.Repeat([]float32{float32(q)}, q)...)
		sent, received, lengths = append(sent, q), append(received, process), append(lengths, q)
	}
	in := make([]float32, len(want))
	for range 2 {
		if err := m.Exchange(out, sent, in, received); err != nil {
			return err
		}
		if !slices.Equal(in, want) {
			return fmt.Errorf("process %d received %v, not %v", process, in, want)
		}
	}
	gathered := make([]float32, len(all))
	if err := m.Gather(slices.Repeat([]float32{float32(process)}, process), gathered, lengths); err != nil {
		return err
	}
	if !slices.Equal(gathered, all) {
		return fmt.Errorf("process %d gathered %v, not %v", process, gathered, all)
	}
	return m.Close()
}
