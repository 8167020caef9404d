package corpus

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"uer/internal/console"
)

// textOf returns the text in a line of JSON, which must be an object. A field of an object within it is named by both
// names with a dot between them.
func (f *File) textOf(line string, number int) (string, error) {
	if number == 1 {
		line = strings.TrimPrefix(line, "\ufeff")
	}
	err := errors.New("not JSON lines: each line must be an object such as {\"text\": \"...\"}")
	if !gjson.Valid(line) || !gjson.Parse(line).IsObject() {
		return "", console.Hint(fmt.Errorf("%s:%d: %w", f.Path, number, err),
			"write one object per line, without line feeds in it; --bad_lines skip leaves such lines out")
	}
	value := gjson.Get(line, f.field)
	switch {
	case value.Type == gjson.String:
		return value.Str, nil
	case value.Exists():
		err = fmt.Errorf("the field %s is not a string: %s", f.field, shortened(value.Raw))
	default:
		err = fmt.Errorf("there is no field %s", f.field)
	}
	var fields []string
	gjson.Parse(line).ForEach(func(key, value gjson.Result) bool {
		if value.Type == gjson.String {
			fields = append(fields, key.Str)
		}
		return len(fields) < 20
	})
	hint := "--text_field names the field that holds the text; --bad_lines skip leaves such lines out"
	if len(fields) > 0 {
		hint = fmt.Sprintf("--text_field names the field that holds the text, here one of %s; "+
			"--bad_lines skip leaves such lines out", strings.Join(fields, ", "))
	}
	return "", console.Hint(fmt.Errorf("%s:%d: %w", f.Path, number, err), hint)
}

// shortened cuts text for a message.
func shortened(text string) string {
	const most = 40 // characters
	n := 0
	for i := range text {
		if n++; n > most {
			return text[:i] + "…"
		}
	}
	return text
}
