package statedict

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uer/internal/npz"
)

func mustRead(t testing.TB, path string) []Tensor {
	t.Helper()
	tensors, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return tensors
}

// find returns the tensor with a name.
func find(t testing.TB, tensors []Tensor, name string) Tensor {
	t.Helper()
	for _, tensor := range tensors {
		if tensor.Name == name {
			return tensor
		}
	}
	t.Fatalf("no tensor %q", name)
	return Tensor{}
}

// expectEqual compares names, shapes, the bits of all values, and which tensors share their data.
func expectEqual(t *testing.T, got, want []Tensor) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d tensors, want %d", len(got), len(want))
	}
	first := func(tensors []Tensor, i int) int {
		return slices.IndexFunc(tensors, func(other Tensor) bool { return shared(tensors[i], other) })
	}
	for i := range got {
		if got[i].Name != want[i].Name || !slices.Equal(got[i].Shape, want[i].Shape) {
			t.Fatalf("tensor %d is %q %v, want %q %v", i, got[i].Name, got[i].Shape, want[i].Name, want[i].Shape)
		}
		if !equalBits(got[i].Data, want[i].Data) {
			t.Fatalf("tensor %q differs", got[i].Name)
		}
		if first(got, i) != first(want, i) {
			t.Fatalf("tensor %q is tied to the wrong tensor", got[i].Name)
		}
	}
}

func shared(a, b Tensor) bool {
	return len(a.Data) > 0 && len(a.Data) == len(b.Data) && &a.Data[0] == &b.Data[0]
}

func equalBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// TestModels reads state dicts of UER-py models, tied and untied, in both containers.
func TestModels(t *testing.T) {
	for _, path := range []string{
		"albert/init.bin", "albert/fresh.bin", "gpt2/init.bin", "gpt2/fresh.bin", "gpt2/init_legacy.bin",
	} {
		tensors := mustRead(t, filepath.Join("testdata", path))
		description, err := os.ReadFile(filepath.Join("testdata", filepath.Dir(path), "state_dict.json"))
		if err != nil {
			t.Fatal(err)
		}
		var want struct{ Entries [][2]any }
		if err := json.Unmarshal(description, &want); err != nil {
			t.Fatal(err)
		}
		if len(tensors) != len(want.Entries) {
			t.Errorf("%s: %d tensors, want %d", path, len(tensors), len(want.Entries))
			continue
		}
		for i, entry := range want.Entries {
			got := fmt.Sprint(tensors[i].Name, tensors[i].Shape)
			if want := fmt.Sprint(entry[0], entry[1]); got != want {
				t.Errorf("%s: entry %d is %s, want %s", path, i, got, want)
			}
		}
	}
}

func TestContainersAgree(t *testing.T) {
	tensors := mustRead(t, "testdata/gpt2/init.bin")
	expectEqual(t, mustRead(t, "testdata/gpt2/init_legacy.bin"), tensors)
	word, output := find(t, tensors, "embedding.word_embedding.weight"), find(t, tensors, "target.output_layer.weight")
	if !shared(word, output) {
		t.Error("the tied output layer has its own copy")
	}
}

func TestNamesAgreeWithGradients(t *testing.T) {
	tensors := mustRead(t, "testdata/albert/init.bin")
	gradients := npz.Read(t, "testdata/albert/grads.npz")
	if len(gradients) == 0 {
		t.Fatal("no gradients")
	}
	for name, gradient := range gradients {
		if tensor := find(t, tensors, name); !slices.Equal(tensor.Shape, gradient.Shape) {
			t.Errorf("%s: shape %v, but its gradient has %v", tensor.Name, tensor.Shape, gradient.Shape)
		}
	}
}

// TestValuesOfPyTorch reads views and number types as saved by two versions of PyTorch.
func TestValuesOfPyTorch(t *testing.T) {
	base := make([]float32, 24) // [4, 6]
	for i := range base {
		base[i] = float32(i) / 8
	}
	at := func(index ...int) []float32 {
		values := make([]float32, len(index))
		for i, index := range index {
			values[i] = base[index]
		}
		return values
	}
	transposed := at(0, 6, 12, 18, 1, 7, 13, 19, 2, 8, 14, 20, 3, 9, 15, 21, 4, 10, 16, 22, 5, 11, 17, 23)
	cube := []float32{0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23}
	infinity := float32(math.Inf(1))
	negativeZero := float32(math.Copysign(0, -1))
	special := []float32{0, negativeZero, 1, -1.5, 65504, 0x1p-14, 0x1p-24, 0x1.8p-23, infinity, -infinity}
	rounded := slices.Clone(special)
	rounded[4] = 65536 // bfloat16 has 8 significant bits
	want := []Tensor{
		{"plain", []int{4, 6}, base},
		{"tied", []int{4, 6}, base},
		{"transposed", []int{6, 4}, transposed},
		{"transposed_tied", []int{6, 4}, transposed},
		{"columns", []int{4, 2}, at(1, 3, 7, 9, 13, 15, 19, 21)},
		{"rows", []int{2, 6}, base[6:18]},
		{"scalar", []int{}, []float32{-2.5}},
		{"empty", []int{0, 3}, []float32{}},
		{"unit_axis", []int{1, 6, 1}, []float32{0, 1, 2, 3, 4, 5}},
		{"cube", []int{4, 2, 3}, cube},
		{"repeated", []int{2, 2}, []float32{1, 2, 1, 2}},
		{"half", []int{10}, special},
		{"bfloat16", []int{10}, rounded},
		{"double", []int{10}, slices.Clone(special)},
		{"long", []int{1, 3}, []float32{-1, 1 << 24, -1 << 40}},
		{"int", []int{2}, []float32{-1 << 31, 7}},
		{"parameter", []int{2}, []float32{1, 1}},
	}
	for _, name := range []string{"values1.bin", "values1_legacy.bin", "values2.bin", "values2_legacy.bin"} {
		t.Run(name, func(t *testing.T) { expectEqual(t, mustRead(t, filepath.Join("testdata", name)), want) })
	}
}

func TestHalf(t *testing.T) {
	for bits := range 1 << 16 {
		sign, exponent, fraction := 1.0, bits>>10&0x1f, float64(bits&0x3ff)
		if bits >= 1<<15 {
			sign = -1
		}
		want := sign * math.Ldexp(1024+fraction, exponent-25)
		switch {
		case exponent == 0:
			want = sign * math.Ldexp(fraction, -24)
		case exponent == 31 && fraction == 0:
			want = math.Inf(int(sign))
		case exponent == 31:
			want = math.NaN()
		}
		got := half(uint16(bits))
		if float64(got) != want && !(math.IsNaN(want) && got != got) || math.Signbit(float64(got)) != (sign < 0) {
			t.Fatalf("half %04x is %g, want %g", bits, got, want)
		}
	}
}

func TestForeignFiles(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct{ path, message, hint string }{
		{write("nothing", ""), "the file is empty", "again"},
		{write("page", "\n<!DOCTYPE HTML><p>404"), "this is an HTML page, not a model", "web page"},
		{write("pointer", "version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer", "git lfs pull"},
		{write("text", "hello"), "neither a PyTorch file nor safetensors", ""},
		{write("zip", "PK\x03\x04"), "truncated or damaged", "again"},
		{write("pickle", "\x80\x04K\x01."), "not with PyTorch's magic number", ""},
		{write("broken pickle", "\x80\x04\xff"), "not with PyTorch's magic number", ""},
		{"testdata/checkpoint.bin", `entry "epoch" is the number 3, not a tensor`, `torch.load(file)["model"]`},
		{"testdata/nested.bin", `entry "model" is a dictionary, not a tensor`, `torch.load(file)["model"]`},
		{"testdata/list.bin", "the file holds a list, not a state dict", "state_dict()"},
		{"testdata/tensor.bin", "the file holds a tensor, not a state dict", "state_dict()"},
		{"testdata/module.bin", "an object made by torch.nn.modules.linear.Linear, not a state dict", "state_dict()"},
		{"testdata/complex.bin", `tensor "weight": storage "0" is a torch.ComplexFloatStorage, which is not`, ""},
		{"testdata/sparse.bin", `tensor "weight": an object made by torch._utils._rebuild_sparse_tensor is not`, ""},
		{"testdata/empty.bin", "the file holds an empty dictionary, without tensors", ""},
		{"testdata/script.bin", "this is a TorchScript program, not a state dict", "torch.jit.load"},
		{"testdata/albert/grads.npz", "a zip archive, but not a PyTorch file: it has no data.pkl", ""},
		{filepath.Join(folder, "absent"), "no such file", ""},
	} {
		_, err := Read(test.path)
		if err == nil || !strings.Contains(err.Error(), test.message) || !strings.Contains(err.Error(), test.path) {
			t.Errorf("%s: got error %v, want %s", test.path, err, test.message)
			continue
		}
		if hint := hintOf(err); !strings.Contains(hint, test.hint) || (hint == "") != (test.hint == "") {
			t.Errorf("%s: got hint %q, want %q", test.path, hint, test.hint)
		}
	}
	if _, err := Read(filepath.Join(folder, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want os.ErrNotExist", err)
	}
}
