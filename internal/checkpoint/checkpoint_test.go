package checkpoint

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"uer/internal/console"
	"uer/internal/exchange"
	"uer/internal/graph"
	"uer/internal/statedict"
)

// small has a weight that two modules share, and gaps between its parameters.
var small = &graph.Program{Layout: graph.Layout{
	Parameters: []graph.Parameter{
		{Name: "embedding.word_embedding.weight", Aliases: []string{"target.output_layer.weight"}, Shape: graph.Shape{2, 3}},
		{Name: "embedding.layer_norm.gamma", Shape: graph.Shape{3}, Offset: 16},
		{Name: "target.sop_linear_1.bias", Shape: graph.Shape{2}, Offset: 32},
	},
	ParameterSize: 48,
}}

// filled are parameters of small, all of them different.
func filled() []float32 {
	parameters := make([]float32, small.ParameterSize)
	for i := range parameters {
		parameters[i] = float32(i + 1)
	}
	return parameters
}

// tensor is one whose values are all the same.
func tensor(name string, value float32, shape ...int) statedict.Tensor {
	elements := 1
	for _, size := range shape {
		elements *= size
	}
	return statedict.Tensor{Name: name, Shape: shape, Data: slices.Repeat([]float32{value}, elements)}
}

// load loads a file with the given tensors into parameters of small.
func load(t *testing.T, parameters []float32, tensors ...statedict.Tensor) (exchange.Match, error) {
	t.Helper()
	var file bytes.Buffer
	if err := statedict.Write(&file, tensors); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.bin")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, small, parameters)
}

func TestRoundTrip(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "model.bin")
	parameters := filled()
	saved, err := Save(prefix, 7, exchange.Naming{}, &small.Layout, &buffers{parameters: parameters}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	path := saved.Path
	if path != prefix+"-7" || path != Path(prefix, 7) {
		t.Errorf("saved as %s", path)
	}
	loaded := make([]float32, small.ParameterSize)
	match, err := Load(path, small, loaded)
	if err != nil {
		t.Fatal(err)
	}
	if want := (exchange.Match{Loaded: 3}); !reflect.DeepEqual(match, want) {
		t.Errorf("match %+v, want %+v", match, want)
	}
	for i := range loaded {
		want := parameters[i]
		if i >= 6 && i < 16 || i >= 19 && i < 32 || i >= 34 {
			want = 0 // no parameter is there
		}
		if loaded[i] != want {
			t.Errorf("element %d is %v, want %v", i, loaded[i], want)
		}
	}
}

// TestAliases: a file has a shared weight under each of its names, as PyTorch's have, but once; any of the names will do.
func TestAliases(t *testing.T) {
	naming := exchange.Naming{Versions: exchange.Names2021}
	saved, err := Save(filepath.Join(t.TempDir(), "model.bin"), 1, naming, &small.Layout, &buffers{parameters: filled()}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	tensors, err := statedict.Read(saved.Path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tensor := range tensors {
		names = append(names, tensor.Name)
	}
	want := []string{"embedding.word_embedding.weight", "target.output_layer.weight", "embedding.layer_norm.gamma", "target.sop_linear_1.bias"}
	if !slices.Equal(names, want) {
		t.Fatalf("tensors %v, want %v", names, want)
	}
	if &tensors[0].Data[0] != &tensors[1].Data[0] {
		t.Error("the shared weight is in the file twice")
	}

	parameters := filled()
	match, err := load(t, parameters, tensor("target.output_layer.weight", -1, 2, 3))
	if err != nil || match.Loaded != 1 || parameters[5] != -1 {
		t.Errorf("match %+v, error %v, last element %v", match, err, parameters[5])
	}
}

func TestMissingAndUnused(t *testing.T) {
	parameters := filled()
	match, err := load(t, parameters,
		tensor("target.lm.bias", -1, 3), tensor("embedding.layer_norm.gamma", -2, 3), tensor("position_ids", -3, 1, 4))
	if err != nil {
		t.Fatal(err)
	}
	want := exchange.Match{
		Loaded:  1,
		Missing: []string{"embedding.word_embedding.weight", "target.sop_linear_1.bias"},
		Unused:  []string{"target.lm.bias", "position_ids"},
	}
	if !reflect.DeepEqual(match, want) {
		t.Errorf("match %+v, want %+v", match, want)
	}
	expected := filled()
	copy(expected[16:], []float32{-2, -2, -2})
	if !slices.Equal(parameters, expected) {
		t.Errorf("parameters %v, want %v", parameters, expected)
	}
}

// TestNames loads tensors with the names of newer versions of UER-py. A name without a counterpart in the model is listed as
// the file has it.
func TestNames(t *testing.T) {
	for _, test := range []struct {
		name  string
		shape []int
		want  string // parameter of small, "" if none
	}{
		{"embedding.word.embedding.weight", []int{2, 3}, "embedding.word_embedding.weight"},
		{"target.lm.output_layer.weight", []int{2, 3}, "embedding.word_embedding.weight"}, // an alias
		{"target.sp.linear_1.bias", []int{2}, "target.sop_linear_1.bias"},                 // of albert here, of bert in other models
		{"target.sp.linear_2.bias", []int{2}, ""},
		{"embedding.pos.embedding.weight", []int{2, 3}, ""},
		{"module.embedding.word.embedding.weight", []int{2, 3}, ""},
	} {
		match, err := load(t, filled(), tensor("embedding.layer_norm.gamma", 0, 3), tensor(test.name, 0, test.shape...))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if test.want == "" {
			if !slices.Equal(match.Unused, []string{test.name}) {
				t.Errorf("%s: unused tensors %v", test.name, match.Unused)
			}
		} else if len(match.Unused) > 0 || match.Loaded != 2 || slices.Contains(match.Missing, test.want) {
			t.Errorf("%s: match %+v, want %s", test.name, match, test.want)
		}
	}
}

// TestRefusals: a file that does not fit is an error, and then no parameter has changed.
func TestRefusals(t *testing.T) {
	good := tensor("embedding.layer_norm.gamma", -1, 3)
	for _, test := range []struct {
		name       string
		tensors    []statedict.Tensor
		want, hint string
	}{
		{"shape", []statedict.Tensor{good, tensor("embedding.word_embedding.weight", -1, 3, 2)},
			"embedding.word_embedding.weight is 3x2, the model has 2x3", "--config_path"},
		{"shape of an alias", []statedict.Tensor{good, tensor("target.output_layer.weight", -1, 6)},
			"target.output_layer.weight is 6, the model has 2x3", "another kind of model"},
		{"no match", []statedict.Tensor{tensor("bert.pooler.weight", -1, 2, 3)},
			"no tensor of this model: it holds bert.pooler.weight, the model has embedding.word_embedding.weight", "give a state dict of UER-py"},
		{"no tensors", nil, "the file holds an empty dictionary", ""},
	} {
		parameters := filled()
		_, err := load(t, parameters, test.tensors...)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "model.bin") {
			t.Errorf("%s: error %v, want %s", test.name, err, test.want)
		}
		var report strings.Builder
		if console.Report(&report, err); !strings.Contains(report.String(), test.hint) {
			t.Errorf("%s: no hint %q in %s", test.name, test.hint, &report)
		}
		if !slices.Equal(parameters, filled()) {
			t.Errorf("%s: the parameters have changed", test.name)
		}
	}
}

func TestNoFile(t *testing.T) {
	folder := t.TempDir()
	if _, err := Load(filepath.Join(folder, "absent"), small, filled()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("load: error %v", err)
	}
	if _, err := Save(filepath.Join(folder, "absent", "model.bin"), 1, exchange.Naming{}, &small.Layout, &buffers{parameters: filled()}, nil, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("save: error %v", err)
	}
}
