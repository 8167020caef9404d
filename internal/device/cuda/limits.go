package cuda

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"

	driver "uer/internal/cuda"
	"uer/internal/device"
)

// Limits measures products of square matrices, and copies. Their sizes grow up to 8192 and 1 GiB, unless smaller ones take
// long enough to be timed, as on the stand-in, or half of the memory would be taken.
func (d *Device) Limits() (device.Limits, error) {
	var limits device.Limits
	free, err := d.gpu.FreeMemory()
	if err != nil {
		return limits, d.explained(err)
	}
	for n, shift := 512, 22; n <= 8192 && sizeBytes(n, 1<<shift) <= free/2; n, shift = 2*n, shift+2 {
		product, copied, err := d.timeSize(n, 1<<shift)
		if err != nil {
			return limits, d.explained(err)
		}
		limits.Products = max(limits.Products, 2*float64(n)*float64(n)*float64(n)/product.Seconds())
		limits.Bandwidth = max(limits.Bandwidth, 2*float64(int(1)<<shift)/copied.Seconds())
		if product > time.Millisecond {
			break
		}
	}
	return limits, nil
}

// sizeBytes is the memory for a product of matrices [n, n] and a copy of so many bytes.
func sizeBytes(n int, bytes int64) int64 { return max(3*4*int64(n)*int64(n), 2*bytes) }

// timeSize times a product of matrices [n, n] and a copy of so many bytes.
func (d *Device) timeSize(n int, bytes int64) (product, copied time.Duration, err error) {
	matrix := int64(4 * n * n)
	memory, err := d.gpu.Allocate(sizeBytes(n, bytes))
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	if err := d.fillRandom(memory); err != nil {
		return 0, 0, err
	}
	r := run{device: d}
	a, b, to := memory.At, memory.At+driver.Pointer(matrix), memory.At+driver.Pointer(2*matrix)
	product, err = d.time(func() error {
		r.multiply(toActivations, driver.Product{
			M: n, N: n, K: n, A: driver.Matrix{At: a}, B: driver.Matrix{At: b, Transposed: true}, D: driver.Matrix{At: to},
		})
		return r.err
	})
	if err != nil {
		return 0, 0, err
	}
	copied, err = d.time(func() error { return d.gpu.Compute.Copy(memory.At+driver.Pointer(bytes), memory.At, bytes) })
	return product, copied, err
}

// fillRandom fills memory with numbers between -1 and 1, in float32 and in bfloat16 alike. Products of equal numbers take less
// power, and are faster.
func (d *Device) fillRandom(memory *driver.Buffer) error {
	const size = 1 << 14
	random := rand.New(rand.NewPCG(1, 2))
	block := make([]float32, min(size, memory.Bytes/4))
	for i := range block {
		half := func() uint32 { return math.Float32bits(2*random.Float32()-1) >> 16 }
		block[i] = math.Float32frombits(half()<<16 | half())
	}
	if err := driver.Upload(d.gpu.Compute, memory.At, block); err != nil {
		return err
	}
	for done := int64(4 * len(block)); done < memory.Bytes; done *= 2 {
		if err := d.gpu.Compute.Copy(memory.At+driver.Pointer(done), memory.At, min(done, memory.Bytes-done)); err != nil {
			return err
		}
	}
	return nil
}

// time is what some work takes on the GPU, once it has been done before.
func (d *Device) time(begin func() error) (time.Duration, error) {
	if err := begin(); err != nil {
		return 0, err
	}
	const times = 3
	elapsed, err := d.gpu.Compute.Time(func() error {
		for range times {
			if err := begin(); err != nil {
				return err
			}
		}
		return nil
	})
	return max(elapsed/times, 1), err
}
