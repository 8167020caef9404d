//go:build gpu

package cuda

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestCopies(t *testing.T) {
	d := open(t)
	const n = 1000
	buffer, err := d.Allocate(3 * n * 4)
	check(t, err)
	pinned, err := AllocatePinned[float32](d, n)
	check(t, err)
	first, second, third := buffer.At, buffer.At+n*4, buffer.At+2*n*4
	if buffer.At%256 != 0 || buffer.Bytes != 3*n*4 || len(pinned.Data) != n {
		t.Errorf("buffer is %+v, pinned memory has %d elements", buffer, len(pinned.Data))
	}
	for i := range pinned.Data {
		pinned.Data[i] = float32(i)
	}
	check(t, Upload(d.Copy, first, pinned.Data))
	copied, err := d.NewEvent()
	check(t, err)
	check(t, copied.Record(d.Copy))
	check(t, d.Compute.Wait(copied))
	check(t, d.Compute.Copy(second, first, n*4))
	check(t, d.Compute.Fill8(third, 0xff, n*4))
	check(t, d.Compute.Fill32(third, 0x40490fdb, n/2))
	got := make([]float32, 2*n)
	check(t, Download(d.Compute, got, second)) // plain memory: there when Download returns
	if !slices.Equal(got[:n], pinned.Data) {
		t.Error("data came back changed")
	}
	if got[n] != 3.14159274 || got[n+n/2-1] != 3.14159274 || got[n+n/2] == got[n+n/2] { // NaN
		t.Errorf("filled memory is %g, %g, %g", got[n], got[n+n/2-1], got[n+n/2])
	}
	clear(pinned.Data)
	check(t, Download(d.Compute, pinned.Data, first))
	check(t, d.Compute.Synchronize())
	if !slices.Equal(got[:n], pinned.Data) {
		t.Error("data came back changed to pinned memory")
	}
	check(t, copied.Close())
	check(t, pinned.Close())
	check(t, buffer.Close())
	check(t, buffer.Close()) // does nothing
}

func TestNothingToDo(t *testing.T) {
	d := open(t)
	buffer, err := d.Allocate(0)
	check(t, err)
	pinned, err := AllocatePinned[int32](d, 0)
	check(t, err)
	check(t, Upload(d.Copy, buffer.At, pinned.Data))
	check(t, Download(d.Copy, pinned.Data, buffer.At))
	check(t, d.Copy.Copy(buffer.At, buffer.At, 0))
	check(t, d.Copy.Fill8(buffer.At, 1, 0))
	check(t, d.Copy.Fill32(buffer.At, 1, 0))
	check(t, pinned.Close())
	check(t, buffer.Close())
}

func TestOutOfMemory(t *testing.T) {
	d := open(t)
	before, err := d.FreeMemory()
	check(t, err)
	_, err = d.Allocate(d.Memory * 2)
	var out *OutOfMemory
	if !errors.As(err, &out) || out.Need != d.Memory*2 || out.Free > before || out.Free <= 0 || out.Total != d.Memory {
		t.Fatalf("error is %v: %+v", err, out)
	}
	t.Log(err)
	if errors.Is(err, ErrLost) {
		t.Error("the GPU is lost")
	}
	buffer, err := d.Allocate(1 << 16) // and there is still memory
	check(t, err)
	check(t, buffer.Close())
}

func TestEvents(t *testing.T) {
	d := open(t)
	start, err := d.NewTimedEvent()
	check(t, err)
	end, err := d.NewTimedEvent()
	check(t, err)
	if past, err := start.Past(); err != nil || !past {
		t.Errorf("an event that was never recorded is past: %v, %v", past, err)
	}
	buffer, err := d.Allocate(1 << 20)
	check(t, err)
	check(t, start.Record(d.Compute))
	check(t, d.Compute.Fill8(buffer.At, 1, buffer.Bytes))
	check(t, end.Record(d.Compute))
	check(t, end.Synchronize())
	if past, err := end.Past(); err != nil || !past {
		t.Errorf("the event is past: %v, %v", past, err)
	}
	if took, err := end.Since(start); err != nil || took <= 0 || took > time.Minute {
		t.Errorf("filling took %v: %v", took, err)
	}
	untimed, err := d.NewEvent()
	check(t, err)
	check(t, untimed.Record(d.Compute))
	if _, err := untimed.Since(start); err == nil {
		t.Error("an event without time has one")
	}
	check(t, errors.Join(start.Close(), end.Close(), untimed.Close(), buffer.Close()))
}

// Goroutines move between threads, and threads between GPUs; each call finds its own.
func TestGoroutines(t *testing.T) {
	first := open(t)
	devices := []*Device{first}
	if count, err := Count(); err == nil && count > 1 {
		second, err := Open(1)
		check(t, err)
		defer second.Close()
		devices = append(devices, second)
	}
	var work sync.WaitGroup
	for _, d := range devices {
		turn := make(chan *Buffer, 1) // a device belongs to one goroutine at a time
		buffer, err := d.Allocate(4)
		check(t, err)
		turn <- buffer
		for i := range uint32(20) {
			work.Go(func() {
				buffer := <-turn
				got := []uint32{0}
				err := errors.Join(d.Compute.Fill32(buffer.At, i, 1), Download(d.Compute, got, buffer.At))
				if err != nil || got[0] != i {
					t.Errorf("%s: filled with %d, got %d, %v", d, i, got[0], err)
				}
				turn <- buffer
			})
		}
		defer func() { check(t, (<-turn).Close()) }()
	}
	work.Wait()
}

func TestClosedDevice(t *testing.T) {
	d := open(t)
	buffer, err := d.Allocate(8)
	check(t, err)
	check(t, buffer.Close())
	check(t, d.Close())
	check(t, d.Close())
	if _, err := d.Allocate(8); err == nil {
		t.Error("a closed device gives memory")
	}
	if err := d.Compute.Synchronize(); err == nil {
		t.Error("a stream of a closed device works")
	}
}

// What a device has taken is free again once it is closed, although something else keeps the GPU's context, as libraries do.
func TestClosedDeviceFreesItsMemory(t *testing.T) {
	other := open(t)
	before, err := other.FreeMemory()
	check(t, err)
	d := open(t)
	for range 3 {
		_, err := d.Allocate(64 << 20)
		check(t, err)
	}
	check(t, d.Close())
	if after, err := other.FreeMemory(); err != nil || after != before {
		t.Errorf("free were %d bytes, and are %d, %v", before, after, err)
	}
}
