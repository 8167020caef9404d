package ptx2cpp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// body is a module with a kernel of these lines, the first of which is line 8.
func body(lines string) []byte {
	head := ".version 7.1\n.target sm_80\n.address_size 64\n.visible .entry k(\n\t.param .u64 p\n)\n{\n"
	return []byte(head + lines + "\n}\n")
}

func TestTranslate(t *testing.T) {
	text := body(`	.reg .b64 %rd<3>; // registers
	.reg .pred %p<2>;
	.shared .align 4 .b8 tile[64];
	ld.param.u64 %rd1, [p]; /* a comment
	over lines */
	cvta.to.global.u64 %rd2, %rd1;
$L__BB0_1:
	@!%p1 bra $L__BB0_1;
	st.shared.u64 [tile+8], %rd2;`)
	got, err := Translate(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`extern "C" void k(void * v_p) {`, // cvta says that it is an address
		"uint64_t v_rd0 = garbage<uint64_t>(), v_rd1",
		"v__L__BB0_1:;",
		"if (!v_p1) { goto v__L__BB0_1; }",
		"*shared_at<uint64_t>(uint64_t(uint64_t(0) + INT64_C(8)), 1) = as<uint64_t>(v_rd2);",
		`vgpu::register_twin("k", k, 64);`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("the translation lacks %s:\n%s", want, got)
		}
	}
}

// What the translator does not know is an error that names the line, never a guess.
func TestTranslateRefuses(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"frob.u32 %r1, %r2;", "8: frob.u32 is outside the subset"},
		{".reg .b32 %r<3>; add.sat.s32 %r1, %r2, %r2;", "8: add.sat.s32 with .sat is outside the subset"},
		{".reg .f32 %f<3>; div.approx.f32 %f1, %f2, %f2;", "div.approx.f32 with .approx is outside the subset"},
		{".reg .f32 %f<3>; add.rz.f32 %f1, %f2, %f2;", "with .rz is outside"},
		{".reg .f32 %f<3>; fma.f32 %f1, %f2, %f2, %f1;", "fma.f32 is outside the subset"},
		{".reg .b32 %r<3>; add.s32 %r1, %r2;", "add.s32 has 2 operands instead of 3"},
		{".reg .b32 %r<3>; mov.u32 %r1, nowhere;", "names nowhere"},
		{".reg .b32 %r<3>; mov.u32 %r1, %clock;", "names %clock"},
		{".reg .f32 %f<3>; atom.global.add.f32 %f1, [%rd1], %f2;", "atom.global.add.f32 is outside the subset"},
		{"bar.sync 1;", "bar.sync is outside the subset"},
		{".reg .b32 %r<9>; shfl.sync.bfly.b32 %r1, %r2, 1, 7, -1;", "with the width 7"},
		{".param .u64 q;", ".param is outside the subset"},
		{"mov.u32 %r1, 0", "ends in the middle of a statement"},
	} {
		_, err := Translate(body(test.line))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %s", test.line, err, test.want)
		}
	}
	if _, err := Translate([]byte(".version 7.1\n.visible .func f()\n{\n}\n")); err == nil {
		t.Error("a function is translated")
	}
}

// TestTranslateKernels: all kernels that ship can be translated.
func TestTranslateKernels(t *testing.T) {
	modules, err := filepath.Glob("../../kernels/*.ptx")
	if err != nil || len(modules) == 0 {
		t.Fatalf("%d modules, %v", len(modules), err)
	}
	for _, module := range modules {
		ptx, err := os.ReadFile(module)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Translate(ptx); err != nil {
			t.Errorf("%s:%v", filepath.Base(module), err)
		}
	}
}
