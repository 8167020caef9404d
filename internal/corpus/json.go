package corpus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"uer/internal/console"
)

// maxDepth is how deep objects and lists may be nested. The library that checks them calls itself for each level.
const maxDepth = 10000

// textOf returns the text in a line of JSON, which must be an object. A field of an object within it is named by both
// names with a dot between them; a field whose name has a dot is found, too.
func (f *File) textOf(line string, number int) (string, error) {
	if number == 1 {
		line = strings.TrimPrefix(line, "\ufeff")
	}
	err := errors.New("not JSON lines: each line must be an object such as {\"text\": \"...\"}")
	if deeper(line, maxDepth) || !gjson.Valid(line) || !gjson.Parse(line).IsObject() {
		return "", console.Hint(fmt.Errorf("%s:%d: %w", f.Path, number, err),
			"write one object per line, without line feeds in it; --bad_lines skip leaves such lines out")
	}
	value := gjson.Get(line, f.nested)
	if !value.Exists() {
		value = gjson.Get(line, gjson.Escape(f.field))
	}
	switch {
	case value.Type == gjson.String:
		half := halfCharacter(value)
		if half == "" {
			return value.Str, nil
		}
		return "", console.Hint(fmt.Errorf("%s:%d: the field %s holds half a character: %s", f.Path, number, f.field, half),
			"the two halves of a character are written one after the other; --bad_lines skip leaves such lines out")
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

// nestedPath is what the library calls a field of an object within an object.
func nestedPath(field string) string {
	names := strings.Split(field, ".")
	for i, name := range names {
		names[i] = gjson.Escape(name)
	}
	return strings.Join(names, ".")
}

// deeper reports whether objects and lists in a line are nested deeper than most.
func deeper(line string, most int) bool {
	if strings.Count(line, "{")+strings.Count(line, "[") <= most {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// halfCharacter returns the first escape of a string that stands for one half of a character, a surrogate without the
// other; "" if there is none.
func halfCharacter(value gjson.Result) string {
	if !strings.ContainsRune(value.Str, utf8.RuneError) { // which the library makes of it
		return ""
	}
	const size = len(`\u0000`)
	raw := value.Raw
	unit := func(at int) rune {
		if at+size > len(raw) || raw[at:at+2] != `\u` {
			return 0
		}
		code, _ := strconv.ParseUint(raw[at+2:at+size], 16, 16)
		return rune(code)
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		switch first := unit(i); {
		case !utf16.IsSurrogate(first):
			i++ // what is escaped
		case utf16.DecodeRune(first, unit(i+size)) == utf8.RuneError:
			return raw[i : i+size]
		default:
			i += 2*size - 1
		}
	}
	return ""
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
