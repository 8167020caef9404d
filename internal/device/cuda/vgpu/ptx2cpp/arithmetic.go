package ptx2cpp

import "fmt"

// exact takes the rounding of an operation of floating point: to nearest even, without flushing. What an approximation
// gives is no GPU's business to promise.
func exact(in *instruction, t ptxType) {
	if t.float {
		in.take("rn")
	}
}

var operators = map[string]string{
	"add": "+", "sub": "-", "mul": "*", "div": "/", "rem": "%", "and": "&", "or": "|", "xor": "^",
}

func arithmetic(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil {
		return "", err
	}
	if err := in.need(3); err != nil {
		return "", err
	}
	exact(in, t)
	switch {
	case in.root == "min" && t.float:
		return w.expression(in, t, "vgpu::smaller(%s, %s)")
	case in.root == "max" && t.float:
		return w.expression(in, t, "vgpu::larger(%s, %s)")
	case in.root == "min" || in.root == "max":
		return w.expression(in, t, "std::"+in.root+"<"+t.cpp+">(%s, %s)")
	case in.root == "mul" && !t.float:
		return product(w, in, t, "%s")
	}
	return w.expression(in, t, fmt.Sprintf("%s(%%s %s %%s)", t.cpp, escape(operators[in.root])))
}

// escape keeps % for Sprintf.
func escape(operator string) string {
	if operator == "%" {
		return "%%"
	}
	return operator
}

// product fills the low or high half of a product of integers, or all of it, into a format, and assigns that.
func product(w *writer, in *instruction, t ptxType, format string) (string, error) {
	values, err := w.values(t, in.operands[1], in.operands[2])
	if err != nil {
		return "", err
	}
	var e string
	switch in.takeAny("lo", "hi", "wide") {
	case "lo":
		e = fmt.Sprintf("%s(%s * %s)", append([]any{t.cpp}, values...)...)
	case "hi":
		e = fmt.Sprintf("multiply_high(%s, %s)", values...)
	case "wide":
		wide, known := wider[t.name]
		if !known {
			return "", errSubset
		}
		e = fmt.Sprintf("multiply_wide<%s>(%s, %s)", append([]any{types[wide].cpp}, values...)...)
	default:
		return "", errSubset
	}
	return w.assign(in.operands[0], fmt.Sprintf(format, e)), nil
}

// multiplyAdd is mad of integers, and fma.
func multiplyAdd(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil {
		return "", err
	}
	if err := in.need(4); err != nil {
		return "", err
	}
	if t.float {
		if !in.take("rn") {
			return "", errSubset
		}
		return w.expression(in, t, "fused(%s, %s, %s)")
	}
	sum := t
	for _, modifier := range in.modifiers {
		if modifier == "wide" {
			sum = types[wider[t.name]]
		}
	}
	addend, err := w.value(in.operands[3], sum)
	if err != nil {
		return "", err
	}
	return product(w, in, t, fmt.Sprintf("%s(%%s + %s)", sum.cpp, addend))
}

func shift(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil {
		return "", err
	}
	if err := in.need(3); err != nil {
		return "", err
	}
	value, err := w.value(in.operands[1], t)
	if err != nil {
		return "", err
	}
	by, err := w.value(in.operands[2], types["u32"])
	if err != nil {
		return "", err
	}
	function := map[string]string{"shl": "shift_left", "shr": "shift_right"}[in.root]
	return w.assign(in.operands[0], fmt.Sprintf("%s<%s>(%s, %s)", function, t.cpp, value, by)), nil
}

// approximations are what hardware approximates, for kernels whose results are compared with a tolerance.
var approximations = map[string]string{"ex2": "exp2_fast", "lg2": "log2_fast", "rcp": "reciprocal_fast"}

// unary has the operations of one operand.
func unary(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil {
		return "", err
	}
	if err := in.need(2); err != nil {
		return "", err
	}
	formats := map[string]string{
		"neg": t.cpp + "(-%s)", "not": t.cpp + "(~%s)", "brev": "reverse_bits(%s)", "clz": "count_leading(%s)",
	}
	switch {
	case in.root == "abs" && t.float:
		formats["abs"] = "std::fabs(%s)"
	case in.root == "abs":
		formats["abs"] = "std::abs(%s)"
	case in.root == "not" && t.name == "pred":
		formats["not"] = "!%s"
	case in.root == "popc":
		formats["popc"] = "uint32_t(__builtin_popcountll(%s))"
	case in.root == "sqrt" && in.take("rn"):
		formats["sqrt"] = "std::sqrt(%s)"
	case in.root == "rcp" && in.take("rn"):
		formats["rcp"] = t.cpp + "(1) / %s"
	case approximations[in.root] != "" && t.name == "f32" && in.take("approx"):
		in.take("ftz")
		formats[in.root] = approximations[in.root] + "(%s)"
	}
	format, known := formats[in.root]
	if !known {
		return "", errSubset
	}
	return w.expression(in, t, format)
}

// extract is bfe.
func extract(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil {
		return "", err
	}
	if err := in.need(4); err != nil {
		return "", err
	}
	value, err := w.value(in.operands[1], t)
	if err != nil {
		return "", err
	}
	bits, err := w.values(types["u32"], in.operands[2], in.operands[3])
	if err != nil {
		return "", err
	}
	return w.assign(in.operands[0], fmt.Sprintf("extract_bits<%s>(%s, %s, %s)", t.cpp, value, bits[0], bits[1])), nil
}

// copysign takes the sign of its first operand and the rest of its second.
func copysign(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil {
		return "", err
	}
	if err := in.need(3); err != nil {
		return "", err
	}
	return w.expression(in, t, "std::copysign(%[2]s, %[1]s)")
}

var comparisons = map[string]string{
	"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "lo": "<", "ls": "<=", "hi": ">", "hs": ">=",
}

// compare is setp: [.and|.or|.xor another predicate], and perhaps the opposite to a second predicate.
func compare(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil || len(in.modifiers) == 0 {
		return "", errSubset
	}
	if len(in.operands) < 3 {
		return "", in.need(3)
	}
	values, err := w.values(t, in.operands[1], in.operands[2])
	if err != nil {
		return "", err
	}
	how := in.modifiers[0]
	in.modifiers = in.modifiers[1:]
	format := "(%[1]s %[3]s %[2]s)"
	switch {
	case how == "num" || how == "nan":
		format = map[string]string{"num": "!", "nan": ""}[how] + "unordered(%[1]s, %[2]s)"
	case t.float && how == "ne": // false for NaN, other than in C++
		format = "(!unordered(%[1]s, %[2]s) && %[1]s != %[2]s)"
	case t.float && len(how) == 3 && how[2] == 'u':
		format, how = "(unordered(%[1]s, %[2]s) || %[1]s %[3]s %[2]s)", how[:2]
	}
	operator, known := comparisons[how]
	if !known && how != "num" && how != "nan" {
		return "", errSubset
	}
	e := fmt.Sprintf(format+"%.0[3]s", values[0], values[1], operator)
	combined := in.takeAny("and", "or", "xor")
	if combined != "" {
		if err := in.need(4); err != nil {
			return "", err
		}
		other, err := w.value(in.operands[3], types["pred"])
		if err != nil {
			return "", err
		}
		e = fmt.Sprintf("bool(%s %s %s)", e, operators[combined], other)
	} else if err := in.need(3); err != nil {
		return "", err
	}
	return w.assign(in.operands[0], e), nil
}

// choose is selp.
func choose(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil || in.root != "selp" {
		return "", errSubset
	}
	if err := in.need(4); err != nil {
		return "", err
	}
	values, err := w.values(t, in.operands[1], in.operands[2])
	if err != nil {
		return "", err
	}
	condition, err := w.value(in.operands[3], types["pred"])
	if err != nil {
		return "", err
	}
	return w.assign(in.operands[0], fmt.Sprintf("%s ? %s : %s", condition, values[0], values[1])), nil
}
