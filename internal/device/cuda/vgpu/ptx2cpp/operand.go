package ptx2cpp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// specialRegisters are read by mov.
var specialRegisters = map[string]string{
	"%tid": "vgpu::now.thread->index", "%ntid": "vgpu::now.launch->block",
	"%ctaid": "vgpu::now.block", "%nctaid": "vgpu::now.launch->grid",
}

// value is an operand in C++, read as a type.
func (w *writer) value(operand string, t ptxType) (string, error) {
	if operand == "" {
		return "", errors.New("lacks an operand")
	}
	if operand == "%laneid" {
		return fmt.Sprintf("(%s)vgpu::now.thread->lane", t.cpp), nil
	}
	if name, axis, found := strings.Cut(operand, "."); found && specialRegisters[name] != "" && strings.Contains("xyz", axis) {
		return specialRegisters[name] + "." + axis, nil
	}
	if _, found := w.register(operand); found {
		if t.name == "pred" {
			return identifier(operand), nil
		}
		return fmt.Sprintf("as<%s>(%s)", t.cpp, identifier(operand)), nil
	}
	if operand[0] == '-' || operand[0] >= '0' && operand[0] <= '9' {
		return literal(operand, t)
	}
	return w.addressOf(operand)
}

// literal is a number in C++. Numbers of floating point are given by their bits: 0f3F800000, 0d3FF0000000000000.
func literal(text string, t ptxType) (string, error) {
	if len(text) > 2 && text[0] == '0' && strings.ContainsAny(text[1:2], "fFdD") {
		bits := "uint32_t"
		if text[1] == 'd' || text[1] == 'D' {
			bits = "uint64_t"
		}
		return fmt.Sprintf("as<%s>(%s(0x%s))", t.cpp, bits, text[2:]), nil
	}
	text = strings.TrimSuffix(text, "U")
	if t.float {
		return "", fmt.Errorf("has the integer %s for a number of floating point", text)
	}
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		if n < 0 {
			return fmt.Sprintf("%s(INT64_C(%d)%+d)", t.cpp, n+1, -1), nil // the least integer has no literal
		}
		return fmt.Sprintf("%s(INT64_C(%d))", t.cpp, n), nil
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return "", fmt.Errorf("has the operand %s, which %w", text, errSubset)
	}
	return fmt.Sprintf("%s(UINT64_C(%d))", t.cpp, n), nil
}

// values are several operands read as one type.
func (w *writer) values(t ptxType, operands ...string) ([]any, error) {
	var values []any
	for _, operand := range operands {
		v, err := w.value(operand, t)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// assign writes an expression to a register. "_" takes a result that nobody reads.
func (w *writer) assign(register, expression string) string {
	if register == "_" {
		return fmt.Sprintf("(void)(%s);", expression)
	}
	return fmt.Sprintf("set(%s, %s);", identifier(register), expression)
}

// expression fills values of one type into a format, and assigns the result to the first operand.
func (w *writer) expression(in *instruction, t ptxType, format string) (string, error) {
	values, err := w.values(t, in.operands[1:]...)
	if err != nil {
		return "", err
	}
	return w.assign(in.operands[0], fmt.Sprintf(format, values...)), nil
}

// vector gives the registers of {a, b, c, d}, or the one register.
func vector(operand string) []string {
	if !strings.HasPrefix(operand, "{") {
		return []string{operand}
	}
	return splitList(strings.Trim(operand, "{}"))
}

// address is the address of a memory operand such as [%rd1+16] or [table], in its state space.
func (w *writer) address(operand string) (string, error) {
	inner, found := strings.CutPrefix(operand, "[")
	if !found {
		return "", fmt.Errorf("has %s instead of an address", operand)
	}
	inner = strings.TrimSuffix(inner, "]")
	base, offset, _ := strings.Cut(inner, "+")
	if offset == "" {
		offset = "0"
	}
	if _, err := strconv.ParseInt(offset, 0, 64); err != nil {
		return "", fmt.Errorf("has the address %s, which %w", operand, errSubset)
	}
	var start string
	var err error
	if t, found := w.register(base); found {
		start = fmt.Sprintf("as<%s>(%s)", t.cpp, identifier(base))
	} else if start, err = w.addressOf(base); err != nil {
		return "", err
	}
	return fmt.Sprintf("uint64_t(%s + INT64_C(%s))", start, offset), nil
}
