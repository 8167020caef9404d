//go:build gpu

package cuda

import (
	"bytes"
	_ "embed"
	"errors"
	"math"
	"strings"
	"testing"
)

//go:embed testdata/scale.ptx
var scalePTX []byte

// scale loads the kernel in testdata, or skips the test where the driver is a stand-in that does not know it.
func scale(t testing.TB, d *Device) *Function {
	t.Helper()
	module, err := d.Load("scale.ptx", scalePTX)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { check(t, module.Close()) })
	f, err := module.Function("scale")
	check(t, err)
	again, err := module.Function("scale")
	if check(t, err); again != f {
		t.Error("a function is found anew")
	}
	return f
}

func TestLaunch(t *testing.T) {
	d := open(t)
	f := scale(t, d)
	if f.Registers < 0 || f.StaticShared != 0 || f.LocalBytes != 0 || f.MaxThreads < 128 {
		t.Errorf("function is %+v", f)
	}
	const n = 1000
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i)
	}
	buffer, err := d.Allocate(2 * 4 * n)
	check(t, err)
	from, to := buffer.At, buffer.At+4*n
	check(t, Upload(d.Compute, from, x))
	for _, shared := range []int{0, 40 << 10, 90 << 10, 60 << 10} {
		check(t, d.Compute.Fill8(to, 0, 4*n))
		check(t, f.Launch(d.Compute, Dim{(n + 127) / 128, 1, 1}, Dim{128, 1, 1}, shared,
			Address(to), Address(from), Float32(0.5), Int32(n-1)))
		got := make([]float32, n)
		check(t, Download(d.Compute, got, to))
		for i := range got {
			if want := x[i] / 2; i < n-1 && got[i] != want || i == n-1 && got[i] != 0 {
				t.Fatalf("with %d bytes of shared memory, element %d is %g", shared, i, got[i])
			}
		}
	}
	check(t, f.Launch(d.Compute, Dim{0, 1, 1}, Dim{128, 1, 1}, 0, Address(0), Address(0), Float32(1), Int32(1)))
	check(t, buffer.Close())
}

func TestLaunchRefuses(t *testing.T) {
	d := open(t)
	f := scale(t, d)
	one := Dim{1, 1, 1}
	for _, c := range []struct {
		words     string
		block     Dim
		shared    int
		arguments []Argument
	}{
		{"scale takes 4 arguments, got 3", one, 0, []Argument{Address(0), Address(0), Float32(1)}},
		{"scale: argument 2 is a 32-bit integer, the kernel takes a float", one, 0,
			[]Argument{Address(0), Address(0), Int32(1), Int32(1)}},
		{"scale: argument 1 is a 32-bit integer, the kernel takes a pointer", one, 0,
			[]Argument{Address(0), Uint32(0), Float32(1), Int32(1)}},
		{"scale: argument 3 is an integer of more than 32 bits", one, 0,
			[]Argument{Address(0), Address(0), Float32(1), Int32(1 << 31)}},
		{"scale needs 1000000 bytes of shared memory, and a block of GPU 0", one, 1000000,
			[]Argument{Address(0), Address(0), Float32(1), Int32(0)}},
		{"launching scale with grid [1 1 1], block [2048 1 1], 16 bytes of shared memory: CUDA", Dim{2048, 1, 1}, 16,
			[]Argument{Address(0), Address(0), Float32(1), Int32(0)}},
	} {
		err := f.Launch(d.Compute, one, c.block, c.shared, c.arguments...)
		if err == nil || !strings.HasPrefix(err.Error(), c.words) {
			t.Errorf("error is %v, want %s", err, c.words)
		}
	}
	check(t, d.Compute.Synchronize())
}

func TestLoadRefuses(t *testing.T) {
	d := open(t)
	module, err := d.Load("scale.ptx", scalePTX)
	if err != nil {
		t.Skip(err)
	}
	if _, err := module.Function("absent"); err == nil || !strings.HasPrefix(err.Error(), "finding kernel absent in scale.ptx: ") {
		t.Errorf("error is %v", err)
	}
	check(t, module.Close())
	_, err = d.Load("scale.ptx", bytes.Replace(scalePTX, []byte("mul.rn.f32"), []byte("mule.rn.f32"), 1))
	var refused *Error
	if !errors.As(err, &refused) || !strings.Contains(refused.Text, "mule") ||
		!strings.HasPrefix(refused.Doing, "loading the kernels scale.ptx on GPU 0") {
		t.Errorf("error is %v", err)
	}
}

func TestParameters(t *testing.T) {
	kernels, err := parametersOf([]byte(`
.visible .entry none()
{
}
.entry many(
	.param .u64 .ptr .align 1 many_param_0,
	.param .s64 many_param_1, .param .f64 many_param_2,
	.param .u8 many_param_3,
	.param .align 8 .b8 many_param_4[24]
)
.maxntid 128, 1, 1
{
	ld.param.u64 %rd1, [many_param_0];
}`))
	check(t, err)
	want := []kind{word64, word64, double, word32, structure}
	if len(kernels) != 2 || len(kernels["none"]) != 0 || !bytes.Equal(asBytes(kernels["many"]), asBytes(want)) {
		t.Errorf("kernels take %v", kernels)
	}
	if _, err := parametersOf([]byte(".entry bad(.reg .u64 a)")); err == nil {
		t.Error("a parameter that is none is read")
	}
}

func asBytes(kinds []kind) (b []byte) {
	for _, k := range kinds {
		b = append(b, byte(k))
	}
	return b
}

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		argument Argument
		want     Argument
	}{
		{Int32(-1), Argument{0xffffffff, word32}}, {Int32(math.MinInt32 - 1), Argument{^uint64(1 << 31), tooWide}},
		{Int64(-1), Argument{1<<64 - 1, word64}}, {Uint64(7), Argument{7, word64}}, {Uint32(7), Argument{7, word32}},
		{Float32(1), Argument{0x3f800000, single}}, {Float64(1), Argument{0x3ff << 52, double}},
		{Address(256), Argument{256, word64}},
	} {
		if c.argument != c.want {
			t.Errorf("argument is %x, %s, want %x, %s", c.argument.bits, c.argument.kind, c.want.bits, c.want.kind)
		}
	}
}

func TestLaunchMakesNoGarbage(t *testing.T) {
	d := open(t)
	launch := launcher(t, d)
	event, err := d.NewEvent()
	check(t, err)
	allocations := testing.AllocsPerRun(100, func() {
		check(t, launch())
		check(t, event.Record(d.Compute))
		check(t, d.Copy.Wait(event))
		check(t, event.Synchronize())
	})
	if allocations != 0 {
		t.Errorf("%g allocations", allocations)
	}
	check(t, event.Close())
}

// launcher is a launch of a kernel with four arguments and little to do.
func launcher(t testing.TB, d *Device) func() error {
	f := scale(t, d)
	buffer, err := d.Allocate(8)
	check(t, err)
	t.Cleanup(func() { check(t, buffer.Close()) })
	return func() error {
		return f.Launch(d.Compute, Dim{1, 1, 1}, Dim{32, 1, 1}, 0,
			Address(buffer.At), Address(buffer.At+4), Float32(2), Int32(1))
	}
}

func BenchmarkLaunch(b *testing.B) {
	d := open(b)
	launch := launcher(b, d)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		check(b, launch())
		if i%256 == 255 { // the queue holds about a thousand
			check(b, d.Compute.Synchronize())
		}
	}
}

func BenchmarkEnter(b *testing.B) {
	d := open(b)
	for b.Loop() {
		check(b, d.enter())
		d.leave()
	}
}
