package ptx2cpp

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// writer writes one kernel.
type writer struct {
	module *module
	kernel *kernel

	registers map[string]ptxType  // by name, or by what stands before the number
	arrays    map[string]variable // of the module and the kernel, by name
	offsets   map[string]int      // of arrays in shared memory
	shared    int                 // bytes of them
	loaded    map[string]string   // the parameter that a register was loaded from
	pointers  map[string]bool     // parameters that are addresses
	depth     int                 // of blocks
}

// Translate turns a PTX text into C++ that registers its kernels. An error begins with the number of the line.
func Translate(ptx []byte) ([]byte, error) {
	m, err := parse(string(ptx))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString("// Translated from PTX.\n#include \"vgpu_ptx.h\"\n\nusing namespace vgpu::ptx;\n")
	for _, v := range m.variables {
		if v.space != "shared" {
			writeArray(&out, v)
		}
	}
	for _, k := range m.kernels {
		w := &writer{
			module: m, kernel: k, registers: map[string]ptxType{}, arrays: map[string]variable{},
			offsets: map[string]int{}, loaded: map[string]string{}, pointers: map[string]bool{},
		}
		if err := w.write(&out); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// writeArray declares an array of global or constant memory.
func writeArray(out *bytes.Buffer, v variable) {
	count := v.count
	if count == "" {
		count = "1"
	}
	fmt.Fprintf(out, "alignas(%s) static %s %s[%s] = {%s};\n",
		v.alignment, types[v.typ].cpp, identifier(v.name), count, v.values)
}

func (w *writer) write(out *bytes.Buffer) error {
	for _, p := range w.kernel.parameters {
		w.pointers[p.name] = p.pointer
	}
	for _, v := range w.module.variables {
		w.arrays[v.name] = v
	}
	if err := w.placeShared(); err != nil {
		return err
	}
	var body bytes.Buffer
	for _, s := range w.kernel.body {
		code, err := w.statement(s)
		if err != nil {
			return fmt.Errorf("%d: %w", s.line, err)
		}
		fmt.Fprintf(&body, "\t%s\n", code)
	}
	fmt.Fprintf(out, "\nextern \"C\" void %s(%s) {\n", w.kernel.name, w.signature())
	out.Write(body.Bytes())
	fmt.Fprintf(out, "}\nstatic const bool registered_%s = vgpu::register_twin(\"%s\", %s, %d);\n",
		w.kernel.name, w.kernel.name, w.kernel.name, w.shared)
	return nil
}

// placeShared gives each array of shared memory that the kernel names its offset. What the launch adds comes last.
func (w *writer) placeShared() error {
	named := map[string]bool{}
	for _, s := range w.kernel.body {
		if s.kind == directiveStatement && strings.HasPrefix(s.text, ".shared") {
			v, err := parseVariable(s.text)
			if err != nil {
				return fmt.Errorf("%d: %w", s.line, err)
			}
			w.arrays[v.name] = v
			named[v.name] = true
		}
		for word := range strings.FieldsFuncSeq(s.text, func(c rune) bool { return strings.ContainsRune(" ,[]{}+;", c) }) {
			named[word] = true
		}
	}
	var dynamic []string
	for _, v := range w.sharedArrays() {
		if !named[v.name] {
			continue
		}
		if v.count == "0" {
			dynamic = append(dynamic, v.name)
			continue
		}
		count, alignment := 1, 1
		fmt.Sscan(v.count, &count)
		fmt.Sscan(v.alignment, &alignment)
		w.shared = roundUp(w.shared, alignment)
		w.offsets[v.name] = w.shared
		w.shared += count * types[v.typ].size
	}
	for _, name := range dynamic {
		w.offsets[name] = roundUp(w.shared, sharedAlignment)
	}
	return nil
}

// sharedAlignment is where the runtime lets dynamic shared memory begin.
const sharedAlignment = 128

func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }

// sharedArrays are in the order of their names, so that a translation is always the same.
func (w *writer) sharedArrays() []variable {
	var shared []variable
	for _, name := range slices.Sorted(maps.Keys(w.arrays)) {
		if w.arrays[name].space == "shared" {
			shared = append(shared, w.arrays[name])
		}
	}
	return shared
}

func (w *writer) signature() string {
	var list []string
	for _, p := range w.kernel.parameters {
		typ := types[p.typ].cpp
		switch {
		case p.count != "":
			typ = fmt.Sprintf("Bytes<%s, %s>", p.count, p.alignment)
		case w.pointers[p.name]:
			typ = "void *"
		}
		list = append(list, typ+" "+identifier(p.name))
	}
	return strings.Join(list, ", ")
}

func (w *writer) statement(s statement) (string, error) {
	switch s.kind {
	case labelStatement:
		return identifier(s.text) + ":;", nil
	case openStatement:
		w.depth++
		return "{", nil
	case closeStatement:
		w.depth--
		return "}", nil
	case directiveStatement:
		return w.directive(s.text)
	}
	return w.translate(s.text, fmt.Sprintf("PTX line %d", s.line))
}

func (w *writer) directive(text string) (string, error) {
	switch word, _, _ := strings.Cut(text, " "); word {
	case ".reg":
		return w.declareRegisters(text)
	case ".local":
		v, err := parseVariable(text)
		if err != nil {
			return "", err
		}
		w.arrays[v.name] = v
		name := identifier(v.name)
		return fmt.Sprintf("alignas(%s) %s %s[%s]; memset(%s, 0xff, sizeof %s);",
			v.alignment, types[v.typ].cpp, name, v.count, name, name), nil
	case ".shared", ".pragma":
		return "", nil
	default:
		return "", fmt.Errorf("%s %w", word, errSubset)
	}
}

var registerDirective = regexp.MustCompile(`^\.reg \.(\w+) (.+)$`)
var registerRange = regexp.MustCompile(`^(%?[\w$]+)<(\d+)>$`)

// declareRegisters turns ".reg .b32 %r<21>" into variables. Those of a block come without a value: a jump may pass
// them.
func (w *writer) declareRegisters(text string) (string, error) {
	found := registerDirective.FindStringSubmatch(text)
	if found == nil || types[found[1]].name == "" {
		return "", fmt.Errorf("%q %w", text, errSubset)
	}
	t := types[found[1]]
	start := ""
	if w.depth == 0 {
		start = fmt.Sprintf(" = garbage<%s>()", t.cpp)
	}
	var names []string
	for _, item := range splitList(found[2]) {
		parts := registerRange.FindStringSubmatch(item)
		if parts == nil {
			w.registers[item] = t
			names = append(names, identifier(item)+start)
			continue
		}
		w.registers[parts[1]] = t
		count, err := strconv.Atoi(parts[2])
		if err != nil {
			return "", err
		}
		for i := range count {
			names = append(names, identifier(parts[1]+strconv.Itoa(i))+start)
		}
	}
	return t.cpp + " " + strings.Join(names, ", ") + ";", nil
}

// register gives the type of a register.
func (w *writer) register(name string) (ptxType, bool) {
	if t, found := w.registers[name]; found {
		return t, true
	}
	t, found := w.registers[strings.TrimRight(name, "0123456789")]
	return t, found
}

// addressOf is the address of an array or a parameter in its state space.
func (w *writer) addressOf(name string) (string, error) {
	if w.isParameter(name) {
		return "(uint64_t)&" + identifier(name), nil
	}
	v, known := w.arrays[name]
	if !known {
		return "", fmt.Errorf("names %s, which %w", name, errSubset)
	}
	if v.space == "shared" {
		return fmt.Sprintf("uint64_t(%d)", w.offsets[name]), nil
	}
	return "(uint64_t)" + identifier(name), nil
}

func (w *writer) isParameter(name string) bool {
	_, found := w.pointers[name]
	return found
}

// pointsToGlobal notes that a register holds an address: if it came from a parameter, that is a pointer.
func (w *writer) pointsToGlobal(register string) {
	if name, found := w.loaded[register]; found {
		w.pointers[name] = true
	}
}
