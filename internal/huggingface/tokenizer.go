package huggingface

import (
	"errors"
	"fmt"
	"strings"

	"uer/internal/sentencepiece"
	"uer/internal/vocab"
)

// object is one of JSON.
type object = map[string]any

// Tokenizer is how a model's text is split, as files of its folder.
type Tokenizer struct {
	Files       map[string]string // verbatim, by name
	Description any               // tokenizer.json
	Class       string            // of transformers
	Settings    object            // further ones of tokenizer_config.json
	Remark      string            // in what it differs from the tokenizer it describes, "" if in nothing
}

// Words describes the tokenizers that have one token a line in vocab.txt: bert, char and space. bert may lower the case and
// strip accents; nil means that it strips them where it lowers.
func Words(v *vocab.Vocabulary, name string, lower bool, strip *bool) Tokenizer {
	var tokens strings.Builder
	for id := range v.Size() {
		tokens.WriteString(v.Token(int32(id)) + "\n")
	}
	t := description(v)
	t["model"] = object{"type": "WordLevel", "vocab": ids(v), "unk_token": v.Token(v.Unknown)}
	result := Tokenizer{Files: map[string]string{"vocab.txt": tokens.String()}, Description: t, Class: "PreTrainedTokenizerFast"}
	switch name {
	case "bert":
		t["normalizer"] = object{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": strip, "lowercase": lower}
		t["pre_tokenizer"] = object{"type": "BertPreTokenizer"}
		t["decoder"] = object{"type": "WordPiece", "prefix": "##", "cleanup": true}
		t["model"] = object{"type": "WordPiece", "unk_token": v.Token(v.Unknown), "continuing_subword_prefix": "##",
			"max_input_chars_per_word": maxWord, "vocab": ids(v)}
		result.Class = "BertTokenizer"
		result.Settings = object{"do_lower_case": lower, "tokenize_chinese_chars": true, "strip_accents": strip, "do_basic_tokenize": true}
	case "space":
		t["pre_tokenizer"] = object{"type": "Split", "pattern": object{"String": " "}, "behavior": "Removed", "invert": false}
	case "char":
		t["pre_tokenizer"] = object{"type": "Split", "pattern": object{"Regex": "[\\s\\S]"}, "behavior": "Isolated", "invert": false}
	}
	return result
}

// Pairs describes GPT-2's tokenizer, from its vocabulary and its merges.txt.
func Pairs(v *vocab.Vocabulary, vocabularyFile, mergesFile string) Tokenizer {
	var merges [][2]string
	for line := range strings.Lines(mergesFile) {
		left, right, found := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if found && !strings.HasPrefix(line, "#version") {
			merges = append(merges, [2]string{left, right})
		}
	}
	t := description(v)
	t["pre_tokenizer"] = object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	t["decoder"] = object{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}
	t["model"] = object{"type": "BPE", "vocab": ids(v), "merges": merges, "fuse_unk": false, "byte_fallback": false}
	return Tokenizer{
		Files:       map[string]string{"vocab.json": vocabularyFile, "merges.txt": mergesFile},
		Description: t, Class: "PreTrainedTokenizerFast",
	}
}

// blank is what a space becomes in SentencePiece.
const blank = "▁"

// pieces is a model of SentencePiece.
type pieces struct{ sentencepiece.Description }

// SentencePiece describes a model of that library, from its file, which the folder has, too.
func SentencePiece(v *vocab.Vocabulary, file []byte) (Tokenizer, error) {
	described, err := sentencepiece.Describe(file)
	d := pieces{described}
	if err != nil {
		return Tokenizer{}, err
	}
	if !d.Escape || d.Suffix {
		return Tokenizer{}, errors.New("this SentencePiece model keeps spaces in a way that no tokenizer of Hugging Face does")
	}
	t := description(v)
	remark := d.addSymbols(t, v)
	var normalizers []object
	replace := func(kind, pattern, content string) {
		normalizers = append(normalizers, object{"type": "Replace", "pattern": object{kind: pattern}, "content": content})
	}
	if len(d.Charsmap) > 0 {
		normalizers = append(normalizers, object{"type": "Precompiled", "precompiled_charsmap": d.Charsmap}) // in base 64
	}
	if d.RemoveExtra {
		replace("Regex", "^ +| +$", "")
		replace("Regex", " {2,}", " ")
	}
	scheme := "never"
	if d.Prefix { // Metaspace would leave it out before a text that begins with ▁
		scheme = "always"
		normalizers = append(normalizers, object{"type": "Prepend", "prepend": blank})
	}
	replace("String", " ", blank)
	t["normalizer"] = object{"type": "Sequence", "normalizers": normalizers}
	if d.Whole {
		t["pre_tokenizer"] = object{"type": "Metaspace", "replacement": blank, "prepend_scheme": "never", "split": true}
	}
	t["decoder"] = object{"type": "Metaspace", "replacement": blank, "prepend_scheme": scheme, "split": d.Whole}
	if d.ByteFallback {
		t["decoder"] = object{"type": "Sequence", "decoders": []object{
			{"type": "Replace", "pattern": object{"String": blank}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
			{"type": "Strip", "content": " ", "start": 1, "stop": 0},
		}}
	}
	if d.Unigram {
		pieces := make([][2]any, len(d.Pieces))
		for id, piece := range d.Pieces {
			pieces[id] = [2]any{piece, d.Scores[id]}
		}
		t["model"] = object{"type": "Unigram", "unk_id": d.Unknown, "vocab": pieces, "byte_fallback": d.ByteFallback}
	} else {
		t["model"] = object{"type": "BPE", "vocab": ids(v), "merges": d.Merges(), "unk_token": d.Pieces[d.Unknown],
			"fuse_unk": true, "byte_fallback": d.ByteFallback}
	}
	return Tokenizer{
		Files: map[string]string{"spiece.model": string(file)}, Description: t, Class: "PreTrainedTokenizerFast", Remark: remark,
	}, nil
}

// addSymbols adds the control symbols of the model and those that the user has defined, and says if text with these will be
// split in another way. As added tokens they divide text, so that a new word begins after each, and the text before and after
// is trimmed. In a unigram model, they can be pieces with a score that always makes them win, as in SentencePiece itself.
func (d *pieces) addSymbols(t object, v *vocab.Vocabulary) (remark string) {
	const always = -0.1
	added := t["added_tokens"].([]object)
	for _, id := range d.Marked {
		switch piece := d.Pieces[id]; {
		case isAdded(added, id) || strings.Contains(piece, " "): // a space is ▁ before pieces are looked for
		case d.Unigram && d.Keeps(piece):
			d.Scores[id] = always
		default:
			added = append(added, addedToken(v, id, false))
			remark = fmt.Sprintf("text is split in another way after symbols that the user of SentencePiece has defined, such as %q", piece)
		}
	}
	for _, id := range d.Control {
		if !isAdded(added, id) {
			added = append(added, addedToken(v, id, true))
		}
	}
	t["added_tokens"] = added
	return remark
}

// description is a tokenizer.json without what splits text: each text is put between [CLS] and [SEP].
func description(v *vocab.Vocabulary) object {
	var added []object
	for _, id := range []int32{v.Padding, v.Unknown, v.Class, v.Separator, v.Mask} {
		if id >= 0 && !isAdded(added, id) {
			added = append(added, addedToken(v, id, true))
		}
	}
	t := object{"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added, "normalizer": nil,
		"pre_tokenizer": nil, "post_processor": nil, "decoder": nil}
	if v.Class < 0 || v.Separator < 0 {
		return t
	}
	special := func(id int32) object {
		return object{"id": v.Token(id), "ids": []int32{id}, "tokens": []string{v.Token(id)}}
	}
	piece := func(kind, id string, segment int) object { return object{kind: object{"id": id, "type_id": segment}} }
	class, separator := v.Token(v.Class), v.Token(v.Separator)
	single := []object{piece("SpecialToken", class, 0), piece("Sequence", "A", 0), piece("SpecialToken", separator, 0)}
	pair := append(append([]object{}, single...), piece("Sequence", "B", 1), piece("SpecialToken", separator, 1))
	t["post_processor"] = object{"type": "TemplateProcessing", "single": single, "pair": pair,
		"special_tokens": object{class: special(v.Class), separator: special(v.Separator)}}
	return t
}

func addedToken(v *vocab.Vocabulary, id int32, special bool) object {
	return object{"id": id, "content": v.Token(id), "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
		"special": special}
}

func isAdded(added []object, id int32) bool {
	for _, a := range added {
		if a["id"] == id {
			return true
		}
	}
	return false
}

func ids(v *vocab.Vocabulary) map[string]int {
	all := make(map[string]int, v.Size())
	for id := range v.Size() {
		all[v.Token(int32(id))] = id
	}
	return all
}
