// Package cuda is the device that computes on an NVIDIA GPU. It has a binding for each operation of package op, in a file
// of the operation's name; table.go lists them. A binding launches kernels of package kernels and matrix products of
// cuBLASLt; a run is begun, not awaited.
package cuda

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"uer/internal/console"
	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/graph"
	"uer/internal/registry"
)

// Device is one GPU. It implements device.Device.
type Device struct {
	gpu         *driver.Device
	activations graph.Type       // how they are stored; products read their factors in the same type
	tf32        bool             // products round float32 factors
	products    *driver.Products // nil without cuBLASLt: then kernels of ours multiply
	product     [3]*function     // by the destination
	halve, pack *function        // make the bfloat16 copies of parameters
	modules     map[string]*module
	functions   map[string]*function
	unsettled   []*function    // those whose modules may still be being loaded
	scratch     *driver.Buffer // of one operation at a time; all run in one stream
	pending     pendingSums
	trail       *trail
	logits      int           // of a cross entropy that exist at a time, if they are more than a row
	group       *driver.Group // connects it to the GPUs of the other replicas; nil if there are none
	rank        int           // its number among them
	name        string
	kind        string
}

// Options of a device.
type Options struct {
	Number    int    // of the GPU, as the driver counts
	Precision string // one of Precisions; "" is fp32
	Ranks     *Ranks // connects the GPU to those of the other replicas; nil if there are none
}

// precision is how a device stores activations and multiplies.
type precision struct {
	activations graph.Type
	tf32        bool
}

// Precisions are those of a GPU: fp32; tf32, in which products round the float32 factors to 11 significant bits; and bf16,
// in which activations and the factors of products are stored in bfloat16. Sums, statistics, losses, parameters, their
// gradients and the optimizer state are float32 in all of them.
var Precisions = map[string]precision{
	"fp32": {activations: graph.Float32}, "tf32": {activations: graph.Float32, tf32: true}, "bf16": {activations: graph.BFloat16},
}

// Ranks say which replica a GPU trains, and how it finds the GPUs of the others. All must be opened at the same time.
type Ranks struct {
	ID         driver.GroupID // the same for all
	Rank, Size int
	Over       <-chan struct{} // closed when the training has ended, so that no GPU waits for another any more
}

// Details are what is worth knowing of a GPU in use.
type Details struct {
	Memory, Free int64 // bytes
	Driver       driver.Driver
	BLAS         driver.Library
	NoBLAS       error // why there is no cuBLASLt
}

// New opens a GPU.
func New(o Options) (*Device, error) {
	name := cmp.Or(o.Precision, "fp32")
	computes, err := registry.Find(Precisions, "precision", name)
	if err != nil {
		return nil, err
	}
	gpu, err := driver.Open(o.Number)
	if err != nil {
		return nil, hinted(err)
	}
	d := &Device{
		gpu: gpu, activations: computes.activations, tf32: computes.tf32,
		modules: map[string]*module{}, functions: map[string]*function{}, scratch: &driver.Buffer{}, logits: maxLogits,
		pending: pendingSums{buffer: &driver.Buffer{}},
	}
	var slow string
	if d.trail, err = newTrail(gpu); err == nil {
		slow, err = d.openProducts()
	}
	if err == nil {
		d.pending.kernel, err = d.function("column_sums")
	}
	if err == nil && d.activations == graph.BFloat16 {
		if d.halve, err = d.function("copy_bf16_float"); err == nil {
			d.pack, err = d.function("pack_bf16")
		}
	}
	if err == nil {
		err = d.settle()
	}
	if err == nil && o.Ranks != nil {
		d.rank = o.Ranks.Rank
		d.group, err = gpu.Join(o.Ranks.ID, o.Ranks.Size, o.Ranks.Rank, o.Ranks.Over)
	}
	if err != nil {
		d.wait()
		gpu.Close()
		return nil, advised(err, "see in nvidia-smi what takes the memory")
	}
	d.kind, d.name = fmt.Sprintf("%s (%s%s)", gpu.Name, name, slow), fmt.Sprintf("%s (GPU %d, %s%s)", gpu.Name, gpu.Number, name, slow)
	return d, nil
}

// openProducts opens cuBLASLt. Where it is missing, products are right and slow, which the device's name says.
func (d *Device) openProducts() (slow string, err error) {
	d.products, err = d.gpu.NewProducts(d.gpu.Compute, openChoices())
	var missing *driver.Unavailable
	if errors.As(err, &missing) {
		d.products = nil
		names := [...]string{toActivations: "product_float", toFloat: "product_float", allFloat: "product_float"}
		if d.activations == graph.BFloat16 {
			names[toActivations], names[toFloat] = "product_bf16", "product_float_bf16"
		}
		for to, name := range names {
			if d.product[to], err = d.function(name); err != nil {
				break
			}
		}
		return ", without cuBLASLt", err
	}
	if err != nil {
		return "", fmt.Errorf("opening cuBLASLt: %w", err)
	}
	return "", nil
}

// openChoices opens the file of the fastest algorithms in the user's cache, once a process. Without one, nothing is measured,
// since another training would choose otherwise and round otherwise.
var openChoices = sync.OnceValue(func() *driver.Choices {
	folder, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	choices, err := driver.OpenChoices(filepath.Join(folder, "uer", "products"))
	if err != nil {
		return nil
	}
	return choices
})

// hinted adds what can be done about an error of the driver.
func hinted(err error) error { return advised(err, "pass a smaller --batch_size, or --recompute") }

// explained adds to an error of a run which operation it was, and what can be done.
func (d *Device) explained(err error) error { return hinted(d.located(err)) }

// advised adds what can be done about an error of the driver, among them that the GPU's memory is full.
func advised(err error, full string) error {
	hint := driver.Hint(err)
	if out := (*driver.OutOfMemory)(nil); errors.As(err, &out) {
		hint = full
	}
	if hint == "" {
		return err
	}
	return console.Hint(err, hint)
}

// Name implements device.Device, as do the methods below.
func (d *Device) Name() string { return d.name }

// Activations are stored in bfloat16 if that is the device's precision.
func (d *Device) Activations() graph.Type { return d.activations }

// Kind is the name of the device without its number.
func (d *Device) Kind() string { return d.kind }

// Details describes the GPU's memory and its software.
func (d *Device) Details() (Details, error) {
	details := Details{Memory: d.gpu.Memory, Driver: d.gpu.Driver}
	details.BLAS, details.NoBLAS = driver.FindBLAS()
	var err error
	details.Free, err = d.gpu.FreeMemory()
	return details, err
}

// Allocate makes memory for one replica.
func (d *Device) Allocate(layout graph.Layout) (device.Memory, error) {
	m, err := newMemory(d, layout)
	if err != nil {
		return nil, advised(err, "train a smaller model, or pass --optimizer adafactor; see in nvidia-smi what else takes memory")
	}
	return m, nil
}

// Load prepares a program.
func (d *Device) Load(p *graph.Program, m device.Memory) (device.Executable, error) {
	own, ok := m.(*memory)
	if !ok || own.device != d {
		return nil, errors.New("the memory belongs to another device")
	}
	e, err := load(d, p, own)
	if err == nil {
		err = d.settle()
	}
	if err != nil {
		return nil, hinted(err)
	}
	return e, nil
}

// Close waits for the GPU and frees what was allocated on it.
func (d *Device) Close() error {
	d.wait()
	var err error
	if d.group != nil {
		err = d.group.Close()
	}
	if d.products != nil {
		err = errors.Join(err, d.products.Close())
	}
	return errors.Join(err, d.gpu.Close())
}

// reserve makes memory for intermediate results at least so large.
func (d *Device) reserve(buffer **driver.Buffer, bytes int64) error {
	if bytes <= (*buffer).Bytes {
		return nil
	}
	err := d.gpu.Compute.Synchronize()
	if err = errors.Join(err, (*buffer).Close()); err != nil {
		return err
	}
	larger, err := d.gpu.Allocate(bytes)
	if err != nil {
		return fmt.Errorf("allocating memory for intermediate results: %w", err)
	}
	*buffer = larger
	return nil
}

// scratchBytes is the memory of intermediate results, those of cuBLASLt too.
func (d *Device) scratchBytes() int64 {
	bytes := d.scratch.Bytes + d.pending.buffer.Bytes
	if d.products != nil {
		bytes += d.products.WorkspaceBytes()
	}
	return bytes
}
