package ptx2cpp

import (
	"fmt"
	"strings"
)

// place is C++ for what lies at an address, count elements side by side.
func (w *writer) place(in *instruction, t ptxType, operand string, count int) (string, error) {
	space := in.takeAny("global", "shared", "local", "const", "param")
	address, err := w.address(operand)
	if err != nil {
		return "", err
	}
	if space == "" {
		w.pointsToGlobal(strings.Split(strings.Trim(operand, "[]"), "+")[0])
	}
	function := "at"
	if space == "shared" {
		function = "shared_at"
	}
	return fmt.Sprintf("%s<%s>(%s, %d)", function, t.cpp, address, count), nil
}

// width takes the number of elements of a vector access.
func width(in *instruction) int {
	switch in.takeAny("v2", "v4") {
	case "v2":
		return 2
	case "v4":
		return 4
	}
	return 1
}

// takeCaching takes modifiers that change when memory is seen, not what: each access of a twin is seen at once.
func takeCaching(in *instruction) {
	in.takeAny("volatile", "relaxed", "weak")
	in.takeAny("cta", "gpu", "sys")
	in.takeAny("nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt")
}

func load(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil {
		return "", err
	}
	if err := in.need(2); err != nil {
		return "", err
	}
	acquire := in.take("acquire")
	takeCaching(in)
	count := width(in)
	place, err := w.place(in, t, in.operands[1], count)
	if err != nil {
		return "", err
	}
	if acquire {
		if t.size != 4 || t.float || count != 1 {
			return "", errSubset
		}
		return w.assign(in.operands[0], fmt.Sprintf("vgpu::load_acquire((const int *)%s)", place)), nil
	}
	if count == 1 {
		if name := strings.Trim(in.operands[1], "[]"); w.isParameter(name) {
			w.loaded[in.operands[0]] = name
		}
		return w.assign(in.operands[0], "*"+place), nil
	}
	var code []string
	for i, register := range vector(in.operands[0]) {
		code = append(code, w.assign(register, fmt.Sprintf("from[%d]", i)))
	}
	return fmt.Sprintf("{ const %s *from = %s; %s }", t.cpp, place, strings.Join(code, " ")), nil
}

func store(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil {
		return "", err
	}
	if err := in.need(2); err != nil {
		return "", err
	}
	takeCaching(in)
	count := width(in)
	place, err := w.place(in, t, in.operands[0], count)
	if err != nil {
		return "", err
	}
	values, err := w.values(t, vector(in.operands[1])...)
	if err != nil {
		return "", err
	}
	if count == 1 {
		return fmt.Sprintf("*%s = %s;", place, values[0]), nil
	}
	var code []string
	for i, v := range values {
		code = append(code, fmt.Sprintf("to[%d] = %s;", i, v))
	}
	return fmt.Sprintf("{ %s *to = %s; %s }", t.cpp, place, strings.Join(code, " ")), nil
}

// atomic has the operations of integers. None of floats: their order, and so their bits, would be left to chance.
func atomic(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil || t.float {
		return "", errSubset
	}
	operands := in.operands
	if in.root == "red" {
		operands = append([]string{"_"}, operands...)
	}
	function := map[string]string{
		"add": "__atomic_fetch_add", "and": "__atomic_fetch_and", "or": "__atomic_fetch_or", "exch": "__atomic_exchange_n",
	}[in.takeAny("add", "and", "or", "exch")]
	if function == "" || len(operands) != 3 {
		return "", errSubset
	}
	order := "__ATOMIC_RELAXED"
	if in.take("release") {
		order = "__ATOMIC_RELEASE"
	}
	takeCaching(in)
	place, err := w.place(in, t, operands[1], 1)
	if err != nil {
		return "", err
	}
	value, err := w.value(operands[2], t)
	if err != nil {
		return "", err
	}
	return w.assign(operands[0], fmt.Sprintf("%s(%s, %s, %s)", function, place, value, order)), nil
}
