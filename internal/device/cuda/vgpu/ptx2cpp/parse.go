package ptx2cpp

import (
	"fmt"
	"strings"
)

// kernel is an .entry of a module.
type kernel struct {
	name       string
	parameters []variable
	body       []statement
}

// variable is a parameter, or an array of a state space.
type variable struct {
	name      string
	space     string // shared, global, const, local, param
	typ       string // f32, b8 …
	count     string // of elements, "" for a single one, "0" for an array whose size the launch gives
	alignment string
	values    string // that it begins with
	pointer   bool   // of a parameter: the type says so
}

type kind int

const (
	instructionStatement kind = iota
	labelStatement
	directiveStatement
	openStatement  // of a block with registers of its own
	closeStatement // of a block
)

// statement is what ends with a semicolon, a label, or a brace.
type statement struct {
	kind kind
	text string
	line int
}

// module is a PTX text in parts.
type module struct {
	variables []variable
	kernels   []*kernel
}

// parser cuts a text into statements.
type parser struct {
	text string
	at   int
	line int
}

// lineDirectives end with their line instead of a semicolon.
var lineDirectives = map[string]bool{".version": true, ".target": true, ".address_size": true, ".file": true, ".loc": true}

func (p *parser) fail(format string, a ...any) error {
	return fmt.Errorf("%d: %s", p.line, fmt.Sprintf(format, a...))
}

// advance moves over n bytes.
func (p *parser) advance(n int) string {
	part := p.text[p.at : p.at+n]
	p.line += strings.Count(part, "\n")
	p.at += n
	return part
}

// skip moves over white space. Comments are gone already.
func (p *parser) skip() {
	rest := p.text[p.at:]
	p.advance(len(rest) - len(strings.TrimLeft(rest, " \t\r\n")))
}

// word is the name, number or directive that comes next, without moving.
func (p *parser) word() string {
	rest := p.text[p.at:]
	end := strings.IndexFunc(rest, func(c rune) bool { return !strings.ContainsRune("._$%", c) && !isLetterOrDigit(c) })
	if end < 0 {
		end = len(rest)
	}
	return rest[:end]
}

func isLetterOrDigit(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// until moves up to the first of some characters, and over it.
func (p *parser) until(characters string) (string, error) {
	end := strings.IndexAny(p.text[p.at:], characters)
	if end < 0 {
		return "", p.fail("the text ends in the middle of a statement")
	}
	return p.advance(end + 1)[:end], nil
}

// withoutComments blanks comments, so that lines keep their numbers.
func withoutComments(text string) string {
	var b strings.Builder
	for text != "" {
		slash := strings.Index(text, "/")
		if slash < 0 || slash+1 == len(text) {
			b.WriteString(text)
			break
		}
		b.WriteString(text[:slash])
		text = text[slash:]
		end := 1
		switch text[1] {
		case '/':
			end = strings.IndexByte(text, '\n')
		case '*':
			end = strings.Index(text, "*/") + 2
		default:
			b.WriteByte('/')
		}
		if end < 1 {
			end = len(text)
		}
		b.WriteString(strings.Repeat("\n", strings.Count(text[:end], "\n")))
		text = text[end:]
	}
	return b.String()
}

func parse(text string) (*module, error) {
	p := &parser{text: withoutComments(text), line: 1}
	m := &module{}
	for {
		p.skip()
		if p.at == len(p.text) {
			return m, nil
		}
		if lineDirectives[p.word()] {
			if _, err := p.until("\n"); err != nil {
				return nil, err
			}
			continue
		}
		head, err := p.until("(;{")
		if err != nil {
			return nil, err
		}
		fields := strings.Fields(head)
		switch entry := indexOf(fields, ".entry"); {
		case entry >= 0 && entry+1 < len(fields):
			k := &kernel{name: fields[entry+1]}
			if p.text[p.at-1] == '(' {
				if err := p.parameters(k); err != nil {
					return nil, err
				}
			}
			if err := p.body(k); err != nil {
				return nil, err
			}
			m.kernels = append(m.kernels, k)
		case p.text[p.at-1] == '{' || strings.Contains(head, "="):
			values, err := p.until("}")
			if err != nil {
				return nil, err
			}
			v, err := parseVariable(strings.TrimSuffix(strings.TrimSpace(head), "="))
			if err != nil {
				return nil, p.fail("%v", err)
			}
			v.values = values
			m.variables = append(m.variables, v)
			if _, err := p.until(";"); err != nil {
				return nil, err
			}
		default:
			v, err := parseVariable(head)
			if err != nil {
				return nil, p.fail("%v", err)
			}
			m.variables = append(m.variables, v)
		}
	}
}

func indexOf(fields []string, want string) int {
	for i, field := range fields {
		if field == want {
			return i
		}
	}
	return -1
}

func (p *parser) parameters(k *kernel) error {
	list, err := p.until(")")
	if err != nil {
		return err
	}
	for item := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(item) == "" {
			continue
		}
		v, err := parseVariable(item)
		if err != nil {
			return p.fail("%v", err)
		}
		k.parameters = append(k.parameters, v)
	}
	if _, err := p.until("{"); err != nil { // over .maxntid and the like
		return err
	}
	return nil
}

// body reads the statements of a kernel, behind the brace that opens it.
func (p *parser) body(k *kernel) error {
	for depth := 1; ; {
		p.skip()
		if p.at == len(p.text) {
			return p.fail("the kernel %s has no end", k.name)
		}
		line := p.line
		add := func(kind kind, text string) {
			k.body = append(k.body, statement{kind, strings.Join(strings.Fields(text), " "), line})
		}
		word := p.word()
		switch {
		case p.text[p.at] == '{':
			p.advance(1)
			depth++
			add(openStatement, "")
		case p.text[p.at] == '}':
			p.advance(1)
			if depth--; depth == 0 {
				return nil
			}
			add(closeStatement, "")
		case lineDirectives[word]:
			if _, err := p.until("\n"); err != nil {
				return err
			}
		case word != "" && strings.HasPrefix(p.text[p.at+len(word):], ":"):
			p.advance(len(word) + 1)
			add(labelStatement, word)
		default:
			text, err := p.until(";")
			if err != nil {
				return err
			}
			if strings.HasPrefix(text, ".") {
				add(directiveStatement, text)
			} else {
				add(instructionStatement, text)
			}
		}
	}
}

var spaces = map[string]bool{".shared": true, ".global": true, ".const": true, ".local": true, ".param": true}

// parseVariable reads "[.extern|.visible] .space [.align n] .type name[count]".
func parseVariable(text string) (variable, error) {
	v := variable{alignment: "1"}
	fields := strings.Fields(strings.NewReplacer("[", " [ ", "]", " ] ").Replace(text))
	for len(fields) > 0 {
		field := fields[0]
		fields = fields[1:]
		switch {
		case field == ".extern" || field == ".visible" || field == ".weak":
		case spaces[field]:
			v.space = field[1:]
		case field == ".ptr":
			v.pointer = true
		case field == ".align" && len(fields) > 0:
			v.alignment = fields[0]
			fields = fields[1:]
		case types[strings.TrimPrefix(field, ".")].name != "":
			v.typ = field[1:]
		case field == "[" && len(fields) > 0:
			v.count = fields[0]
			if v.count == "]" {
				v.count = "0"
			}
			return v, nil
		case strings.HasPrefix(field, "."):
			if v.pointer && spaces[field] { // .ptr .global
				continue
			}
			return v, fmt.Errorf("the directive %s is outside the subset", field)
		default:
			v.name = field
		}
	}
	if v.name == "" || v.space == "" || v.typ == "" {
		return v, fmt.Errorf("%q is no variable", strings.TrimSpace(text))
	}
	return v, nil
}
