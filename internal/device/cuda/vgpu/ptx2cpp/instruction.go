package ptx2cpp

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// instruction is one of a kernel, in parts. Whoever translates it takes the modifiers that it knows: one that is left
// over is an error.
type instruction struct {
	root      string   // add
	modifiers []string // rn f32
	operands  []string
	site      string // for messages of the running kernel
}

// errSubset says that an instruction is not known; the caller adds the instruction.
var errSubset = errors.New("is outside the subset")

// parseInstruction reads "add.rn.f32 %f1, %f2, %f3", behind the guard.
func parseInstruction(text, site string) *instruction {
	opcode, rest, _ := strings.Cut(text, " ")
	parts := strings.Split(opcode, ".")
	return &instruction{root: parts[0], modifiers: parts[1:], operands: splitList(rest), site: site}
}

// splitList splits at the commas that are not in brackets.
func splitList(list string) []string {
	var items []string
	depth, from := 0, 0
	for i, c := range list {
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 0 {
				items = append(items, strings.TrimSpace(list[from:i]))
				from = i + 1
			}
		}
	}
	if last := strings.TrimSpace(list[from:]); last != "" || len(items) > 0 {
		items = append(items, last)
	}
	return items
}

// take removes a modifier and tells whether it was there.
func (in *instruction) take(modifier string) bool {
	i := slices.Index(in.modifiers, modifier)
	if i < 0 {
		return false
	}
	in.modifiers = slices.Delete(in.modifiers, i, i+1)
	return true
}

// takeAny removes the first of some modifiers that is there.
func (in *instruction) takeAny(modifiers ...string) string {
	for _, modifier := range modifiers {
		if in.take(modifier) {
			return modifier
		}
	}
	return ""
}

// takeType removes the last modifier, which is a type.
func (in *instruction) takeType() (ptxType, error) {
	if len(in.modifiers) == 0 {
		return ptxType{}, errSubset
	}
	last := len(in.modifiers) - 1
	t, known := types[in.modifiers[last]]
	if !known {
		return t, errSubset
	}
	in.modifiers = in.modifiers[:last]
	return t, nil
}

// need checks the number of operands.
func (in *instruction) need(n int) error {
	if len(in.operands) != n {
		return fmt.Errorf("has %d operands instead of %d", len(in.operands), n)
	}
	return nil
}

// translators has a function for each instruction. It gives C++ statements.
var translators map[string]func(*writer, *instruction) (string, error)

func init() { // the functions refer to the table, through the writer
	translators = map[string]func(*writer, *instruction) (string, error){
		"add": arithmetic, "sub": arithmetic, "mul": arithmetic, "div": arithmetic, "rem": arithmetic,
		"mad": multiplyAdd, "fma": multiplyAdd,
		"min": arithmetic, "max": arithmetic, "and": arithmetic, "or": arithmetic, "xor": arithmetic,
		"shl": shift, "shr": shift,
		"abs": unary, "neg": unary, "not": unary, "sqrt": unary, "rcp": unary, "ex2": unary, "lg2": unary,
		"popc": unary, "clz": unary, "brev": unary, "bfe": extract, "copysign": copysign,
		"setp": compare, "selp": choose, "slct": choose,
		"mov": move, "cvt": convert, "cvta": convertAddress,
		"ld": load, "st": store, "atom": atomic, "red": atomic,
		"bra": branch, "ret": leave, "exit": leave, "trap": leave,
		"bar": barrier, "barrier": barrier, "membar": fence, "fence": fence,
		"shfl": shuffle, "vote": vote,
		"mma": multiplyFragments, "ldmatrix": loadMatrix, "cp": copyAsync,
	}
}

// translate gives the C++ of an instruction, guard included.
func (w *writer) translate(text, site string) (string, error) {
	guard := ""
	if strings.HasPrefix(text, "@") {
		guard, text, _ = strings.Cut(text[1:], " ")
	}
	in := parseInstruction(text, site)
	translator, known := translators[in.root]
	opcode, _, _ := strings.Cut(text, " ")
	if !known {
		return "", fmt.Errorf("%s %w", opcode, errSubset)
	}
	code, err := translator(w, in)
	if err == nil && len(in.modifiers) > 0 {
		err = fmt.Errorf("with .%s %w", strings.Join(in.modifiers, " ."), errSubset)
	}
	if err != nil {
		return "", fmt.Errorf("%s %w", opcode, err)
	}
	if guard == "" {
		return code, nil
	}
	condition := identifier(guard)
	if negated, found := strings.CutPrefix(guard, "!"); found {
		condition = "!" + identifier(negated)
	}
	return fmt.Sprintf("if (%s) { %s }", condition, code), nil
}
