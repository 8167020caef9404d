package huggingface

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"uer/internal/durable"
	"uer/internal/statedict"
	"uer/internal/vocab"
)

// Folder is a model as transformers load it.
type Folder struct {
	Config     *Config
	Tensors    []statedict.Tensor
	Vocabulary *vocab.Vocabulary
	Tokenizer  string // how text is split: bert, char or space
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
	var tokens strings.Builder
	for id := range f.Vocabulary.Size() {
		tokens.WriteString(f.Vocabulary.Token(int32(id)) + "\n")
	}
	text("vocab.txt", tokens.String())
	object("tokenizer.json", f.tokenizer())
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

func (f *Folder) specialTokens() map[string]any {
	v := f.Vocabulary
	return map[string]any{
		"pad_token": v.Token(v.Padding), "unk_token": v.Token(v.Unknown), "cls_token": v.Token(v.Class),
		"sep_token": v.Token(v.Separator), "mask_token": v.Token(v.Mask),
	}
}

func (f *Folder) tokenizerConfig() map[string]any {
	c := f.specialTokens()
	c["tokenizer_class"] = "PreTrainedTokenizerFast"
	if f.Tokenizer == "bert" {
		c["tokenizer_class"], c["do_lower_case"], c["tokenize_chinese_chars"] = "BertTokenizer", true, true
		c["strip_accents"], c["do_basic_tokenize"] = nil, true
	}
	c["model_max_length"] = f.Config.Positions + f.Config.PositionsGPT2
	return c
}

// tokenizer describes how text is split, in the format of Hugging Face's tokenizers.
func (f *Folder) tokenizer() map[string]any {
	v := f.Vocabulary
	type object = map[string]any
	ids := make(map[string]int, v.Size())
	for id := range v.Size() {
		ids[v.Token(int32(id))] = id
	}
	var added []object
	for _, id := range []int32{v.Padding, v.Unknown, v.Class, v.Separator, v.Mask} {
		added = append(added, object{"id": id, "content": v.Token(id), "single_word": false, "lstrip": false, "rstrip": false,
			"normalized": false, "special": true})
	}
	special := func(id int32) object {
		return object{"id": v.Token(id), "ids": []int32{id}, "tokens": []string{v.Token(id)}}
	}
	piece := func(kind, id string, segment int) object { return object{kind: object{"id": id, "type_id": segment}} }
	class, separator := v.Token(v.Class), v.Token(v.Separator)
	single := []object{piece("SpecialToken", class, 0), piece("Sequence", "A", 0), piece("SpecialToken", separator, 0)}
	pair := append(append([]object{}, single...), piece("Sequence", "B", 1), piece("SpecialToken", separator, 1))
	t := object{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added, "normalizer": nil,
		"post_processor": object{"type": "TemplateProcessing", "single": single, "pair": pair,
			"special_tokens": object{class: special(v.Class), separator: special(v.Separator)}},
		"decoder": nil, "model": object{"type": "WordLevel", "vocab": ids, "unk_token": v.Token(v.Unknown)},
	}
	switch f.Tokenizer {
	case "bert":
		t["normalizer"] = object{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": nil, "lowercase": true}
		t["pre_tokenizer"] = object{"type": "BertPreTokenizer"}
		t["decoder"] = object{"type": "WordPiece", "prefix": "##", "cleanup": true}
		t["model"] = object{"type": "WordPiece", "unk_token": v.Token(v.Unknown), "continuing_subword_prefix": "##",
			"max_input_chars_per_word": maxWord, "vocab": ids}
	case "space":
		t["pre_tokenizer"] = object{"type": "Split", "pattern": object{"String": " "}, "behavior": "Removed", "invert": false}
	case "char":
		t["pre_tokenizer"] = object{"type": "Split", "pattern": object{"Regex": "[\\s\\S]"}, "behavior": "Isolated", "invert": false}
	}
	return t
}
