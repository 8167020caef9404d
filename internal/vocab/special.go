package vocab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"uer/internal/console"
)

// Absent is the id of a special token that a vocabulary does not have.
const Absent = -1

// Special holds the names of special tokens, "" for those that have one of the usual names.
type Special struct {
	Padding, Unknown, Class, Separator, Mask string
}

// role is the purpose of a special token.
type role struct {
	name  string
	usual []string // names by which it is found, the most specific one first
	id    func(*Vocabulary) *int32
	given func(*Special) *string
}

// whole is GPT-2's only special token, which serves all purposes that it can.
const whole = "<|endoftext|>"

var roles = []role{
	{"unk", []string{"[UNK]", "<unk>", whole},
		func(v *Vocabulary) *int32 { return &v.Unknown }, func(s *Special) *string { return &s.Unknown }},
	{"cls", []string{"[CLS]", "<s>", "<cls>", whole},
		func(v *Vocabulary) *int32 { return &v.Class }, func(s *Special) *string { return &s.Class }},
	{"sep", []string{"[SEP]", "</s>", "<sep>", whole},
		func(v *Vocabulary) *int32 { return &v.Separator }, func(s *Special) *string { return &s.Separator }},
	{"mask", []string{"[MASK]", "<mask>"},
		func(v *Vocabulary) *int32 { return &v.Mask }, func(s *Special) *string { return &s.Mask }},
	{"pad", []string{"[PAD]", "<pad>"},
		func(v *Vocabulary) *int32 { return &v.Padding }, func(s *Special) *string { return &s.Padding }},
}

// findSpecial finds the special tokens by the names given, or else by the usual ones.
func (v *Vocabulary) findSpecial(special Special) error {
	for _, r := range roles {
		id := r.id(v)
		*id = Absent
		if name := *r.given(&special); name != "" {
			found, ok := v.ids[name]
			if !ok {
				return console.Hint(fmt.Errorf("the vocabulary lacks %s, which the map of special tokens gives as %s_token", name, r.name),
					"name a token of the vocabulary in the file of --special_tokens_map")
			}
			*id = found
			continue
		}
		for _, name := range r.usual {
			if found, ok := v.ids[name]; ok {
				*id = found
				break
			}
		}
	}
	for _, r := range roles[:3] {
		if *r.id(v) == Absent {
			return errLacks(r.usual[0])
		}
	}
	if special.Padding == "" && v.tokens[v.Unknown] == roles[0].usual[0] {
		return v.checkBERT()
	}
	return nil
}

// checkBERT checks a vocabulary whose unknown token is [UNK]. UER-py and the checkpoints that it exchanges take token 0 for
// padding, whatever it is: it would be neither masked nor predicted.
func (v *Vocabulary) checkBERT() error {
	padding := roles[len(roles)-1].usual
	first := v.tokens[0]
	if v.Mask == Absent {
		return errLacks("[MASK]")
	}
	var err error
	switch {
	case slices.Contains(padding, first):
		return nil
	case v.Padding != Absent:
		err = fmt.Errorf("%s is on line %d, but token 0 is the padding, so that %q would be padding",
			v.tokens[v.Padding], v.Padding+1, first)
	case v.isSpecial(0):
		err = fmt.Errorf("%s is on line 1, which is reserved for the padding", first)
	default:
		err = fmt.Errorf("line 1 holds %q, which would be the padding", first)
	}
	return console.Hint(err, "put [PAD] on the first line")
}

func errLacks(token string) error {
	return console.Hint(fmt.Errorf("the vocabulary lacks %s", token), "add a line "+token+
		", check that this is a vocabulary with one token per line, or name the special tokens by --special_tokens_map")
}

// isSpecial reports whether an id is one of the special tokens.
func (v *Vocabulary) isSpecial(id int32) bool {
	for _, r := range roles {
		if *r.id(v) == id {
			return true
		}
	}
	return false
}

// SpecialTokens lists the special tokens with their ids, such as "unk 100, cls 101".
func (v *Vocabulary) SpecialTokens() string {
	var list []string
	for _, r := range roles {
		if id := *r.id(v); id != Absent {
			list = append(list, fmt.Sprintf("%s %d", r.name, id))
		}
	}
	return strings.Join(list, ", ")
}

// ReadSpecial reads the names of special tokens from a JSON file such as special_tokens_map.json of UER-py or of Hugging
// Face: an object whose keys are unk_token, cls_token, sep_token, mask_token and pad_token. A value is a name, or an object
// that holds it as content. bos_token and eos_token stand in for cls_token and sep_token. Other keys are ignored.
func ReadSpecial(path string) (Special, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Special{}, fmt.Errorf("read the map of special tokens: %w", err)
	}
	s, err := parseSpecial(data)
	if err != nil {
		err = console.Hint(fmt.Errorf("%s: %w", path, err),
			`the form is {"unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>", "pad_token": "<pad>"}`)
	}
	return s, err
}

func parseSpecial(data []byte) (Special, error) {
	var s Special
	var values map[string]json.RawMessage
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte(byteOrderMark)), &values); err != nil {
		return s, fmt.Errorf("not a map of special tokens: %w", err)
	}
	instead := map[string]string{"cls": "bos", "sep": "eos"}
	any := false
	for _, r := range roles {
		value, present := values[r.name+"_token"]
		if !present {
			if value, present = values[instead[r.name]+"_token"]; !present {
				continue
			}
		}
		name, err := specialName(value)
		if err != nil {
			return s, fmt.Errorf("%s_token: %w", r.name, err)
		}
		*r.given(&s) = name
		any = true
	}
	if !any {
		return s, errors.New("it names no special token")
	}
	return s, nil
}

// specialName reads a name, alone or as the content of an object; null gives none.
func specialName(value json.RawMessage) (string, error) {
	var name *string
	if json.Unmarshal(value, &name) == nil {
		if name == nil {
			return "", nil
		}
		return *name, nil
	}
	var token struct{ Content string }
	if err := json.Unmarshal(value, &token); err != nil || token.Content == "" {
		return "", errors.New(`neither a string nor an object with "content"`)
	}
	return token.Content, nil
}
