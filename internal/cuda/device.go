//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"gorgonia.org/cu"
)

// Device is a GPU that this process uses, through its primary context.
type Device struct {
	Info
	Driver  Driver
	Compute *Stream // where kernels and products run
	Copy    *Stream // where copies run beside them

	device  cu.Device
	context cu.CUContext
	closed  bool

	lock    sync.Mutex
	buffers map[*Buffer]bool // those not closed
}

// Find describes a GPU that can be used. The error is an [Unavailable] if there is no driver, no such GPU, or the GPU is not
// [Info.Supported].
func Find(number int) (Info, error) {
	if _, err := FindDriver(); err != nil {
		return Info{}, err
	}
	count, err := Count()
	if err != nil {
		return Info{}, err
	}
	if number < 0 || number >= count {
		return Info{}, &Unavailable{
			Reason: fmt.Sprintf("there is no GPU %d: the driver finds %d", number, count),
			Hint:   "GPUs are numbered from 0",
		}
	}
	info, err := describeGPU(number)
	if err != nil {
		return Info{}, err
	}
	return info, info.Supported()
}

// Open begins to use a GPU. The errors are those of [Find], and the driver's.
func Open(number int) (*Device, error) {
	info, err := Find(number)
	if err != nil {
		return nil, err
	}
	driver, err := FindDriver()
	if err != nil {
		return nil, err
	}
	d := &Device{Info: info, Driver: driver, buffers: map[*Buffer]bool{}}
	if d.device, err = cu.GetDevice(number); err == nil {
		d.context, err = d.device.RetainPrimaryCtx()
	}
	if err != nil {
		return nil, failure(err, fmt.Sprintf("opening %s", d))
	}
	if err := d.makeStreams(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Device) makeStreams() (err error) {
	if d.Compute, err = d.newStream("compute"); err == nil {
		d.Copy, err = d.newStream("copy")
	}
	return err
}

// Close waits for the GPU and ends its use. Memory that was not closed is freed. Modules that were not closed stay as long
// as something else in this process uses the GPU.
func (d *Device) Close() error {
	if d.closed {
		return nil
	}
	err := errors.Join(d.Compute.close(), d.Copy.close())
	// Libraries of CUDA keep the context, and all that is in it, until the process ends.
	d.lock.Lock()
	left := slices.Collect(maps.Keys(d.buffers))
	d.lock.Unlock()
	for i := 0; i < len(left) && err == nil; i++ {
		err = left[i].Close()
	}
	d.closed = true
	if e := d.device.ReleasePrimaryCtx(); e != nil {
		err = errors.Join(err, failure(e, fmt.Sprintf("closing %s", d)))
	}
	return err
}

// FreeMemory is how much of the GPU's memory no process uses, in bytes.
func (d *Device) FreeMemory() (int64, error) {
	if err := d.enter(); err != nil {
		return 0, err
	}
	defer d.leave()
	free, _, err := cu.MemInfo()
	if err != nil {
		return 0, failure(err, fmt.Sprintf("asking %s for its free memory", d))
	}
	return free, nil
}

// enter makes the device's context current on this thread, and keeps the goroutine on it until leave.
func (d *Device) enter() error {
	if d.closed {
		return fmt.Errorf("%s is closed", d)
	}
	runtime.LockOSThread()
	if err := cu.SetCurrentContext(d.context); err != nil {
		runtime.UnlockOSThread()
		return failure(err, fmt.Sprintf("turning to %s", d))
	}
	return nil
}

func (d *Device) leave() { runtime.UnlockOSThread() }
