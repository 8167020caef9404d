package exchange

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"uer/internal/console"
	"uer/internal/huggingface"
	"uer/internal/statedict"
)

// Source is what a pretrained model's file or folder holds. The tensors of Hugging Face's models have UER-py's names of 2021
// and its layouts; those of UER-py and its descendants have the names of their versions.
type Source struct {
	Path       string
	Kind       string              // of the architecture, as package huggingface calls it; "" for UER-py and its descendants
	Config     *huggingface.Config // nil if there is none
	Vocabulary string              // path of the vocabulary beside the weights, "" if there is none
	Tensors    []statedict.Tensor
	Types      []string          // of the tensors in the file, before a translation
	Format     string            // of the file
	Entry      string            // of the file's dictionary that holds the tensors; "" if there is none around them
	Metadata   map[string]string // of safetensors
}

// wrapper is the prefix of all names of a model wrapped for training on several GPUs.
const wrapper = "module."

// Open reads a pretrained model: a state dict of PyTorch or safetensors, of any program that package huggingface or [Load]
// knows, or a folder of Hugging Face's transformers.
func Open(path string) (*Source, error) {
	s, err := readSource(path)
	if err != nil {
		return nil, err
	}
	for i := range s.Tensors {
		if at := slices.IndexFunc(s.Tensors[i].Data, notFinite); at >= 0 {
			return nil, console.Hint(fmt.Errorf("%s: tensor %q holds %v, the value %d", path, s.Tensors[i].Name, s.Tensors[i].Data[at], at),
				"the training that saved it had failed: take an earlier checkpoint")
		}
	}
	names := make([]string, len(s.Tensors))
	wrapped := true
	for i, t := range s.Tensors {
		names[i] = strings.TrimPrefix(t.Name, wrapper)
		wrapped = wrapped && names[i] != t.Name
	}
	if wrapped {
		for i := range s.Tensors {
			s.Tensors[i].Name = names[i]
		}
	}
	if s.Kind = huggingface.Recognize(names); s.Kind == "" {
		return s, nil
	}
	folder := path
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		folder = filepath.Dir(path)
	}
	s.Vocabulary = huggingface.VocabularyIn(folder)
	if s.Config, err = huggingface.ConfigIn(folder); err != nil {
		return s, err
	}
	s.Kind = s.Config.Kind(s.Kind)
	if s.Tensors, err = huggingface.ToUER(s.Kind, s.Config, s.Tensors); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return s, nil
}

func notFinite(x float32) bool { return math.Float32bits(x)&0x7f800000 == 0x7f800000 }

// readSource reads a file, or all files of a folder.
func readSource(path string) (*Source, error) {
	paths := []string{path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if paths, err = huggingface.WeightFiles(path); err != nil {
			return nil, err
		}
	}
	s := &Source{Path: path}
	for _, path := range paths {
		file, err := statedict.ReadFile(path)
		if err != nil {
			return nil, err
		}
		s.Tensors, s.Types = append(s.Tensors, file.Tensors...), append(s.Types, file.Types...)
		s.Format, s.Entry, s.Metadata = file.Format, file.Entry, file.Metadata
	}
	return s, nil
}

// HasEmbedding reports whether there are tensors of an embedding by UER-py's names, which all of its models have.
func (s *Source) HasEmbedding() bool {
	return slices.ContainsFunc(s.Tensors, func(t statedict.Tensor) bool { return strings.HasPrefix(t.Name, "embedding.") })
}

// Title says whose model it is.
func (s *Source) Title() string {
	if s.Kind != "" {
		return huggingface.Title(s.Kind)
	}
	return ""
}
