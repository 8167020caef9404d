//go:build !gpu

package cuda

import "time"

// errNone is the error of every function of a build without the tag gpu.
var errNone = &Unavailable{Reason: "this build has no GPU support", Hint: "build with make build, which needs a C compiler"}

// FindDriver returns an error: this build has no GPU support.
func FindDriver() (Driver, error) { return Driver{}, errNone }

// FindBLAS returns an error: this build has no GPU support.
func FindBLAS() (Library, error) { return Library{}, errNone }

// Count returns an error: this build has no GPU support.
func Count() (int, error) { return 0, errNone }

// Devices returns an error: this build has no GPU support.
func Devices() ([]Info, error) { return nil, errNone }

// Find returns an error: this build has no GPU support.
func Find(number int) (Info, error) { return Info{}, errNone }

// Device is never made: this build has no GPU support.
type Device struct {
	Info
	Driver  Driver
	Compute *Stream
	Copy    *Stream
}

// Open returns an error: this build has no GPU support.
func Open(number int) (*Device, error) { return nil, errNone }

func (d *Device) Close() error                                               { return errNone }
func (d *Device) FreeMemory() (int64, error)                                 { return 0, errNone }
func (d *Device) Allocate(bytes int64) (*Buffer, error)                      { return nil, errNone }
func (d *Device) NewEvent() (*Event, error)                                  { return nil, errNone }
func (d *Device) NewTimedEvent() (*Event, error)                             { return nil, errNone }
func (d *Device) Load(name string, image []byte) (*Module, error)            { return nil, errNone }
func (d *Device) NewProducts(s *Stream, choices *Choices) (*Products, error) { return nil, errNone }

// Choices are never made: this build has no GPU support.
type Choices struct{}

// OpenChoices returns an error: this build has no GPU support.
func OpenChoices(path string) (*Choices, error) { return nil, errNone }

// Stream is never made: this build has no GPU support.
type Stream struct{}

func (s *Stream) String() string                                          { return "no stream" }
func (s *Stream) Synchronize() error                                      { return errNone }
func (s *Stream) Wait(e *Event) error                                     { return errNone }
func (s *Stream) Mark(p *Pinned[int32], number int32) error               { return errNone }
func (s *Stream) Time(begin func() error) (took time.Duration, err error) { return 0, errNone }
func (s *Stream) Copy(to, from Pointer, bytes int64) error                { return errNone }
func (s *Stream) Fill8(to Pointer, value byte, bytes int64) error         { return errNone }
func (s *Stream) Fill32(to Pointer, value uint32, words int64) error      { return errNone }

// Upload returns an error: this build has no GPU support.
func Upload[T Element](s *Stream, to Pointer, from []T) error { return errNone }

// Download returns an error: this build has no GPU support.
func Download[T Element](s *Stream, to []T, from Pointer) error { return errNone }

// Event is never made: this build has no GPU support.
type Event struct{}

func (e *Event) Record(s *Stream) error                      { return errNone }
func (e *Event) Synchronize() error                          { return errNone }
func (e *Event) Past() (bool, error)                         { return false, errNone }
func (e *Event) Since(earlier *Event) (time.Duration, error) { return 0, errNone }
func (e *Event) Close() error                                { return errNone }

// Buffer is never made: this build has no GPU support.
type Buffer struct {
	At    Pointer
	Bytes int64
}

func (b *Buffer) Close() error { return errNone }

// Pinned is never made: this build has no GPU support.
type Pinned[T Element] struct{ Data []T }

// AllocatePinned returns an error: this build has no GPU support.
func AllocatePinned[T Element](d *Device, n int) (*Pinned[T], error) { return nil, errNone }

func (p *Pinned[T]) Close() error { return errNone }

// Module is never made: this build has no GPU support.
type Module struct{}

func (m *Module) Function(name string) (*Function, error) { return nil, errNone }
func (m *Module) Close() error                            { return errNone }

// Function is never made: this build has no GPU support.
type Function struct {
	Name         string
	Registers    int
	LocalBytes   int
	StaticShared int
	MaxThreads   int
}

func (f *Function) Launch(s *Stream, grid, block Dim, shared int, arguments ...Argument) error {
	return errNone
}

func (f *Function) LaunchTogether(s *Stream, grid, block Dim, shared int, arguments ...Argument) error {
	return errNone
}
func (f *Function) MostTogether(threads, shared int) (int, error) { return 0, errNone }

// Products is never made: this build has no GPU support.
type Products struct{}

func (p *Products) Multiply(product Product) error { return errNone }
func (p *Products) WorkspaceBytes() int64          { return 0 }
func (p *Products) Close() error                   { return errNone }

// FindNCCL returns an error: this build has no GPU support.
func FindNCCL() (Library, error) { return Library{}, errNone }

// GroupID names nothing: this build has no GPU support.
type GroupID [128]byte

// NewGroupID returns an error: this build has no GPU support.
func NewGroupID() (id GroupID, err error) { return GroupID{}, errNone }

// Group is never made: this build has no GPU support.
type Group struct{ Stream *Stream }

// Join returns an error: this build has no GPU support.
func (d *Device) Join(id GroupID, ranks, rank int, over <-chan struct{}) (*Group, error) {
	return nil, errNone
}

func (g *Group) Sum(at Pointer, n int) error                   { return errNone }
func (g *Group) SumTo(rank int, at Pointer, n int) error       { return errNone }
func (g *Group) Gather(at Pointer, bounds []int) error         { return errNone }
func (g *Group) Broadcast(from, to Pointer, n, rank int) error { return errNone }
func (g *Group) Err() error                                    { return errNone }
func (g *Group) Close() error                                  { return errNone }
