//go:build linux && cgo

package gloo

/*
#include <dlfcn.h>
#include <stdlib.h>
#include "gloo.h"

void uerGlooPut(void *handle, char *key, char *value, size_t length);
long uerGlooGet(void *handle, char *key, char *value, size_t capacity);

static struct {
	int (*version)(void);
	uer_gloo *(*open)(int, int, const char *, long, uer_gloo_put, uer_gloo_get, void *, char *);
	int (*exchange)(uer_gloo *, float *, const int64_t *, float *, const int64_t *, char *);
	int (*gather)(uer_gloo *, float *, float *, const int64_t *, char *);
	void (*close)(uer_gloo *);
} gloo;

// Opens the library; returns NULL, or what is wrong with it.
static const char *gloo_load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return dlerror();
	gloo.version = dlsym(library, "uer_gloo_version");
	gloo.open = dlsym(library, "uer_gloo_open");
	gloo.exchange = dlsym(library, "uer_gloo_exchange");
	gloo.gather = dlsym(library, "uer_gloo_gather");
	gloo.close = dlsym(library, "uer_gloo_close");
	if (!gloo.version || !gloo.open || !gloo.exchange || !gloo.gather || !gloo.close || gloo.version() != UER_GLOO_VERSION)
		return "it belongs to another version of uer";
	return NULL;
}

static uer_gloo *gloo_open(int process, int processes, const char *address, long timeout, uintptr_t handle, char *error)
{
	return gloo.open(process, processes, address, timeout, (uer_gloo_put)uerGlooPut, (uer_gloo_get)uerGlooGet, (void *)handle, error);
}

static int gloo_exchange(uer_gloo *g, float *out, const int64_t *sent, float *in, const int64_t *received, char *error)
{
	return gloo.exchange(g, out, sent, in, received, error);
}

static int gloo_gather(uer_gloo *g, float *own, float *all, const int64_t *lengths, char *error)
{
	return gloo.gather(g, own, all, lengths, error);
}

static void gloo_close(uer_gloo *g) { gloo.close(g); }
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/cgo"
	"strings"
	"sync"
	"time"
	"unsafe"

	"uer/internal/console"
)

// Mesh connects this process with all others.
type Mesh struct {
	mesh           *C.uer_gloo
	sent, received []C.int64_t
	message        [C.UER_GLOO_ERROR]C.char
}

// libraryName is the file that make gloo builds.
const libraryName = "libuer_gloo.so"

var load = sync.OnceValue(func() error {
	folder := ""
	if program, err := os.Executable(); err == nil {
		folder = filepath.Dir(program)
	}
	var refused []string
	for _, path := range []string{os.Getenv("UER_GLOO_LIB"), filepath.Join(folder, libraryName), libraryName} {
		if path == "" {
			continue
		}
		name := C.CString(path)
		why := C.gloo_load(name)
		C.free(unsafe.Pointer(name))
		if why == nil {
			return nil
		}
		refused = append(refused, C.GoString(why))
	}
	return console.Hint(fmt.Errorf("open Gloo, which connects the processes: %s", strings.Join(refused, "; ")),
		"build it with: apt install libgloo-dev, then make gloo; or name the file with UER_GLOO_LIB")
})

// Connect connects this process with the others. All must call it.
func Connect(o Options) (*Mesh, error) {
	if err := load(); err != nil {
		return nil, err
	}
	m := &Mesh{}
	handle := cgo.NewHandle(o)
	defer handle.Delete()
	address := C.CString(o.Address)
	defer C.free(unsafe.Pointer(address))
	m.mesh = C.gloo_open(C.int(o.Process), C.int(o.Processes), address, C.long(o.Timeout/time.Millisecond),
		C.uintptr_t(handle), &m.message[0])
	if m.mesh == nil {
		return nil, fmt.Errorf("connect the processes with Gloo, from %s: %w", o.Address, m.failure())
	}
	return m, nil
}

func (m *Mesh) failure() error { return errors.New(C.GoString(&m.message[0])) }

//export uerGlooPut
func uerGlooPut(handle unsafe.Pointer, key, value *C.char, length C.size_t) {
	o := cgo.Handle(uintptr(handle)).Value().(Options)
	o.Put(C.GoString(key), C.GoBytes(unsafe.Pointer(value), C.int(length)))
}

//export uerGlooGet
func uerGlooGet(handle unsafe.Pointer, key, value *C.char, capacity C.size_t) C.long {
	o := cgo.Handle(uintptr(handle)).Value().(Options)
	data, err := o.Get(C.GoString(key))
	if err != nil || len(data) > int(capacity) {
		return -1
	}
	return C.long(copy(unsafe.Slice((*byte)(unsafe.Pointer(value)), int(capacity)), data))
}

// Exchange sends to each process its part of out, and receives into in what each has sent to this one.
func (m *Mesh) Exchange(out []float32, sent []int, in []float32, received []int) error {
	m.sent, m.received = counts(m.sent, sent), counts(m.received, received)
	if C.gloo_exchange(m.mesh, first(out), &m.sent[0], first(in), &m.received[0], &m.message[0]) != 0 {
		return fmt.Errorf("exchange gradients with Gloo: %w", m.failure())
	}
	return nil
}

// Gather fills all with the parts of all processes.
func (m *Mesh) Gather(own, all []float32, lengths []int) error {
	m.sent = counts(m.sent, lengths)
	if C.gloo_gather(m.mesh, first(own), first(all), &m.sent[0], &m.message[0]) != 0 {
		return fmt.Errorf("gather gradients with Gloo: %w", m.failure())
	}
	return nil
}

// Close ends the connections.
func (m *Mesh) Close() error {
	C.gloo_close(m.mesh)
	return nil
}

func counts(to []C.int64_t, from []int) []C.int64_t {
	to = to[:0]
	for _, n := range from {
		to = append(to, C.int64_t(n))
	}
	return to
}

// empty is something to point to where there are no values.
var empty [1]float32

func first(values []float32) *C.float {
	if len(values) == 0 {
		values = empty[:]
	}
	return (*C.float)(unsafe.Pointer(&values[0]))
}
