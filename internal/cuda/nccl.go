//go:build gpu

package cuda

/*
#include "nccl.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"
)

// nccl is NCCL, once it was opened.
type nccl struct {
	Library
	functions C.struct_nccl
}

var ncclOnce struct {
	sync.Once
	nccl *nccl
	err  error
}

// FindNCCL opens NCCL, which is looked for where cuBLASLt is. Where there is none, the error is an [Unavailable].
func FindNCCL() (Library, error) {
	opened, err := openNCCL()
	if err != nil {
		return Library{}, err
	}
	return opened.Library, nil
}

func openNCCL() (*nccl, error) {
	ncclOnce.Do(func() { ncclOnce.nccl, ncclOnce.err = loadNCCL() })
	return ncclOnce.nccl, ncclOnce.err
}

func loadNCCL() (*nccl, error) {
	const hint = "apt install libnccl2, or pip install nvidia-nccl-cu13; or set UER_CUDA_LIB to the folder that holds libnccl.so.2"
	handle, path, err := openLibrary([]string{"libnccl.so.2"})
	if err != nil {
		return nil, &Unavailable{Reason: fmt.Sprintf("NCCL, which connects GPUs, %v", err), Hint: hint}
	}
	opened := &nccl{Library: Library{Path: path}}
	if missing := C.nccl_find(&opened.functions, handle); missing != nil {
		return nil, &Unavailable{Reason: fmt.Sprintf("NCCL in %s lacks %s", path, C.GoString(missing)), Hint: hint}
	}
	version := int(C.nccl_version(&opened.functions))
	opened.Version = fmt.Sprintf("%d.%d.%d", version/10000, version/100%100, version%100)
	return opened, nil
}

// GroupID names a group of ranks that connect their GPUs. One of them makes it, and tells the others.
type GroupID [128]byte

// NewGroupID makes the name of a group.
func NewGroupID() (id GroupID, err error) {
	library, err := openNCCL()
	if err != nil {
		return id, err
	}
	if result := C.nccl_unique_id(&library.functions, (*C.nccl_id)(unsafe.Pointer(&id))); result != 0 {
		return id, library.failure(result, nil, "naming a group of GPUs")
	}
	return id, nil
}

// Group connects a GPU with those of the other ranks. Its sums run in a stream of their own. When over is closed, sums that
// wait for other ranks end, and all that follow are errors.
type Group struct {
	Stream *Stream

	nccl *nccl
	over <-chan struct{}
	done chan struct{} // closed by Close

	mutex        sync.Mutex
	communicator unsafe.Pointer // nil once it was aborted or closed
	err          error
}

// Join connects the GPU with those of the other ranks, which must call it at the same time, from processes or goroutines of
// their own.
func (d *Device) Join(id GroupID, ranks, rank int, over <-chan struct{}) (*Group, error) {
	library, err := openNCCL()
	if err != nil {
		return nil, err
	}
	stream, err := d.newStream("communication")
	if err != nil {
		return nil, err
	}
	g := &Group{Stream: stream, nccl: library, over: over, done: make(chan struct{})}
	if err := d.enter(); err != nil {
		return nil, err
	}
	result := C.nccl_init(&library.functions, &g.communicator, C.int(ranks), (*C.nccl_id)(unsafe.Pointer(&id)), C.int(rank))
	d.leave()
	if err := g.settled(result, fmt.Sprintf("connecting %s with the other GPUs", d)); err != nil {
		return nil, errors.Join(err, stream.close())
	}
	go g.watch()
	return g, nil
}

// Results of NCCL.
const (
	ncclSuccess    = 0
	ncclInProgress = 7
)

var errOver = errors.New("another rank has ended the training")

// settled waits until the library has done what it has begun. It may have to wait for other ranks.
func (g *Group) settled(result C.int, doing string) error {
	pause := 10 * time.Microsecond
	for result == ncclInProgress {
		select {
		case <-g.over:
			return g.abort(errOver)
		case <-time.After(pause):
			pause = min(2*pause, 10*time.Millisecond)
		}
		result = g.state()
	}
	if result != ncclSuccess {
		return g.abort(g.nccl.failure(result, g.communicator, doing))
	}
	return nil
}

// state asks the library for an error that has come up since.
func (g *Group) state() C.int {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.communicator == nil {
		return ncclSuccess
	}
	return C.nccl_async_error(&g.nccl.functions, g.communicator)
}

// watch ends what waits for ranks that will never come.
func (g *Group) watch() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-g.done:
			return
		case <-g.over:
			_ = g.abort(errOver)
			return
		case <-ticker.C:
			if result := g.state(); result != ncclSuccess && result != ncclInProgress {
				_ = g.abort(g.nccl.failure(result, g.communicator, "exchanging values"))
				return
			}
		}
	}
}

// abort ends the connection, also for sums that have begun, and returns the first error.
func (g *Group) abort(err error) error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.err == nil {
		g.err = err
	}
	if g.communicator != nil {
		C.nccl_abort(&g.nccl.functions, g.communicator)
		g.communicator = nil
	}
	return g.err
}

// Err returns why the connection has ended, nil if it has not.
func (g *Group) Err() error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.err
}

// Sum begins to replace n floats by their sums over all ranks, which must begin the same exchanges in the same order.
func (g *Group) Sum(at Pointer, n int) error {
	if n == 0 {
		return nil
	}
	return g.begin("summing gradients", func(stream unsafe.Pointer) C.int {
		return C.nccl_all_reduce(&g.nccl.functions, g.communicator, C.uint64_t(at), C.size_t(n), stream)
	})
}

// SumTo begins to replace n floats of one rank by their sums over all ranks. Those of the others stay as they are.
func (g *Group) SumTo(rank int, at Pointer, n int) error {
	return g.begin("summing gradients", func(stream unsafe.Pointer) C.int {
		return C.nccl_reduce(&g.nccl.functions, g.communicator, C.uint64_t(at), C.size_t(n), C.int(rank), stream)
	})
}

// Gather begins to copy floats between all ranks: those from bounds[r] to bounds[r+1] from rank r to the others.
func (g *Group) Gather(at Pointer, bounds []int) error {
	sizes := make([]C.size_t, len(bounds))
	for i, bound := range bounds {
		sizes[i] = C.size_t(bound)
	}
	return g.begin("sharing values", func(stream unsafe.Pointer) C.int {
		return C.nccl_all_gather(&g.nccl.functions, g.communicator, C.uint64_t(at), &sizes[0], C.int(len(bounds)-1), stream)
	})
}

// Broadcast begins to copy n floats from one rank to all. Only there it matters where they come from.
func (g *Group) Broadcast(from, to Pointer, n, rank int) error {
	if n == 0 {
		return nil
	}
	return g.begin("collecting the optimizer state", func(stream unsafe.Pointer) C.int {
		return C.nccl_broadcast(&g.nccl.functions, g.communicator, C.uint64_t(from), C.uint64_t(to), C.size_t(n), C.int(rank), stream)
	})
}

// begin begins an exchange in the stream.
func (g *Group) begin(doing string, exchange func(stream unsafe.Pointer) C.int) error {
	if err := g.Err(); err != nil {
		return err
	}
	if err := g.Stream.device.enter(); err != nil {
		return err
	}
	defer g.Stream.device.leave()
	g.mutex.Lock()
	if g.communicator == nil {
		g.mutex.Unlock()
		return g.Err()
	}
	stream := *(*unsafe.Pointer)(unsafe.Pointer(&g.Stream.handle)) // cu.Stream is that handle
	result := exchange(stream)
	g.mutex.Unlock()
	return g.settled(result, doing)
}

// Close ends the connection once the sums are done.
func (g *Group) Close() error {
	close(g.done)
	err := g.Stream.Synchronize()
	g.mutex.Lock()
	if g.communicator != nil {
		if result := C.nccl_destroy(&g.nccl.functions, g.communicator); result != ncclSuccess && result != ncclInProgress {
			err = errors.Join(err, g.nccl.failure(result, nil, "closing the connection of the GPUs"))
		}
		g.communicator = nil
	}
	g.mutex.Unlock()
	return errors.Join(err, g.Stream.close())
}

// failure is the error of a result of the library.
func (n *nccl) failure(result C.int, communicator unsafe.Pointer, doing string) error {
	text := C.GoString(C.nccl_result_name(&n.functions, result))
	if communicator != nil {
		if last := C.GoString(C.nccl_last_error(&n.functions, communicator)); last != "" {
			text += ": " + last
		}
	}
	return fmt.Errorf("%s by NCCL %s: %s", doing, n.Version, text)
}
