package cuda

import (
	driver "uer/internal/cuda"
	"uer/internal/device/cuda/kernels"
)

// function is a kernel with the size of its blocks.
type function struct {
	*driver.Function // nil until the device settles
	block            driver.Dim
	shared           int // bytes of dynamic shared memory
	module           *module
	name             string
}

// module is a set of kernels that is being loaded.
type module struct {
	loaded *driver.Module
	err    error
	over   chan struct{} // closed when one of the two is set
}

// function finds a kernel. Its module begins to be loaded, if it is not yet, beside others: where the driver has to compile
// them, which it remembers, that takes tenths of a second each. The kernel can be launched once the device has settled.
func (d *Device) function(name string) (*function, error) {
	if f := d.functions[name]; f != nil {
		return f, nil
	}
	k, err := kernels.Find(name)
	if err != nil {
		return nil, err
	}
	m := d.modules[k.Module]
	if m == nil {
		text, err := kernels.Module(k.Module)
		if err != nil {
			return nil, err
		}
		m = &module{over: make(chan struct{})}
		d.modules[k.Module] = m
		go func() {
			defer close(m.over)
			m.loaded, m.err = d.gpu.Load(k.Module, []byte(text))
		}()
	}
	f := &function{block: driver.Dim{k.Threads, 1, 1}, shared: k.Shared(), module: m, name: name}
	d.functions[name] = f
	d.unsettled = append(d.unsettled, f)
	return f, nil
}

// settle waits for the modules of all kernels that were found.
func (d *Device) settle() error {
	for len(d.unsettled) > 0 {
		f := d.unsettled[0]
		<-f.module.over
		if f.module.err != nil {
			return f.module.err
		}
		var err error
		if f.Function, err = f.module.loaded.Function(f.name); err != nil {
			return err
		}
		d.unsettled = d.unsettled[1:]
	}
	return nil
}

// wait waits until no module is being loaded any more.
func (d *Device) wait() {
	for _, m := range d.modules {
		<-m.over
	}
}
