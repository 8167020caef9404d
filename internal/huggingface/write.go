package huggingface

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"uer/internal/durable"
	"uer/internal/statedict"
	"uer/internal/vocab"
)

// Folder is a model as transformers load it.
type Folder struct {
	Config     *Config
	Tensors    []statedict.Tensor
	Vocabulary *vocab.Vocabulary
	Tokenizer  Tokenizer
	Card       string // README.md
}

// Write writes the folder, which must not exist. It has its name only when all files are on disk.
func (f *Folder) Write(path string) (err error) {
	partial := path + ".partial"
	if err := os.Mkdir(partial, 0o777); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(partial)
		}
	}()
	write := func(name string, content func(w io.Writer) error) {
		if err == nil {
			err = durable.WriteFile(filepath.Join(partial, name), nil, content)
		}
	}
	text := func(name, content string) {
		write(name, func(w io.Writer) error {
			_, err := io.WriteString(w, content)
			return err
		})
	}
	object := func(name string, value any) {
		data, e := json.MarshalIndent(value, "", "  ")
		if err == nil {
			err = e
		}
		text(name, string(data)+"\n")
	}
	write("model.safetensors", func(w io.Writer) error {
		var entries []statedict.Entry
		for _, t := range f.Tensors {
			entries = append(entries, statedict.Floats(t.Name, t.Shape, statedict.From(t.Data)))
		}
		return statedict.WriteSafetensors(w, map[string]string{"format": "pt"}, entries)
	})
	object("config.json", f.Config)
	for _, name := range slices.Sorted(maps.Keys(f.Tokenizer.Files)) {
		text(name, f.Tokenizer.Files[name])
	}
	if f.Tokenizer.Description != nil {
		object("tokenizer.json", f.Tokenizer.Description)
	}
	object("tokenizer_config.json", f.tokenizerConfig())
	object("special_tokens_map.json", f.specialTokens())
	text("README.md", f.Card)
	if err == nil {
		err = os.Rename(partial, path)
	}
	return err
}

// maxWord is the number of characters of a word beyond which it is unknown, as in UER-py.
const maxWord = 200

func (f *Folder) specialTokens() object {
	v, tokens := f.Vocabulary, object{}
	for name, id := range map[string]int32{
		"pad_token": v.Padding, "unk_token": v.Unknown, "cls_token": v.Class, "sep_token": v.Separator, "mask_token": v.Mask,
	} {
		if id >= 0 {
			tokens[name] = v.Token(id)
		}
	}
	return tokens
}

func (f *Folder) tokenizerConfig() object {
	c := f.specialTokens()
	maps.Copy(c, f.Tokenizer.Settings)
	c["tokenizer_class"], c["model_max_length"] = f.Tokenizer.Class, f.Config.Positions+f.Config.PositionsGPT2
	return c
}
