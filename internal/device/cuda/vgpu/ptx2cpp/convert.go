package ptx2cpp

import (
	"fmt"
	"strings"
)

// move is mov, which also puts registers together and takes them apart: mov.b64 {%r1, %r2}, %rd1.
func move(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil {
		return "", err
	}
	if err := in.need(2); err != nil {
		return "", err
	}
	to, from := in.operands[0], in.operands[1]
	switch {
	case strings.HasPrefix(to, "{"):
		part, err := partType(t, len(vector(to)))
		if err != nil {
			return "", err
		}
		whole, err := w.value(from, t)
		if err != nil {
			return "", err
		}
		var code []string
		for i, register := range vector(to) {
			code = append(code, w.assign(register, fmt.Sprintf("%s(whole >> %d)", part.cpp, i*part.size*8)))
		}
		return fmt.Sprintf("{ const %s whole = %s; %s }", t.cpp, whole, strings.Join(code, " ")), nil
	case strings.HasPrefix(from, "{"):
		part, err := partType(t, len(vector(from)))
		if err != nil {
			return "", err
		}
		values, err := w.values(part, vector(from)...)
		if err != nil {
			return "", err
		}
		var terms []string
		for i, v := range values {
			terms = append(terms, fmt.Sprintf("%s(%s) << %d", t.cpp, v, i*part.size*8))
		}
		return w.assign(to, t.cpp+"("+strings.Join(terms, " | ")+")"), nil
	}
	return w.expression(in, t, "%s")
}

// partType is the type of one of several parts of a register.
func partType(t ptxType, parts int) (ptxType, error) {
	part, known := types[fmt.Sprintf("b%d", t.size*8/parts)]
	if !known || t.float {
		return part, errSubset
	}
	return part, nil
}

// convert is cvt.
func convert(w *writer, in *instruction) (string, error) {
	if in.take("bf16x2") || in.take("bf16") {
		return convertToBfloat16(w, in)
	}
	from, err := in.takeType()
	if err != nil {
		return "", err
	}
	to, err := in.takeType()
	if err != nil {
		return "", err
	}
	if err := in.need(2); err != nil {
		return "", err
	}
	roundings := map[string]string{"rni": "std::nearbyint", "rzi": "std::trunc", "rmi": "std::floor", "rpi": "std::ceil"}
	switch rounding := in.takeAny("rni", "rzi", "rmi", "rpi"); {
	case from.float && !to.float:
		if rounding == "" {
			return "", errSubset
		}
		return w.expression(in, from, fmt.Sprintf("to_integer<%s>(%s(%%s))", to.cpp, roundings[rounding]))
	case from.float && rounding != "":
		return w.expression(in, from, roundings[rounding]+"(%s)")
	case to.float && (!from.float || to.size < from.size):
		if !in.take("rn") {
			return "", errSubset
		}
	}
	return w.expression(in, from, to.cpp+"(%s)")
}

// convertToBfloat16 is cvt.rn.bf16.f32, and cvt.rn.bf16x2.f32, whose first operand becomes the upper half.
func convertToBfloat16(w *writer, in *instruction) (string, error) {
	from, err := in.takeType()
	if err != nil || from.name != "f32" || !in.take("rn") {
		return "", errSubset
	}
	if len(in.operands) == 3 {
		return w.expression(in, from, "vgpu::pack_bf16(%[2]s, %[1]s)")
	}
	return w.expression(in, from, "vgpu::round_bf16(%s)")
}

// convertAddress is cvta: global, local and constant memory have their generic addresses, shared memory its offsets.
func convertAddress(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil || t.name != "u64" {
		return "", errSubset
	}
	if err := in.need(2); err != nil {
		return "", err
	}
	back := in.take("to")
	switch in.takeAny("global", "local", "const", "shared") {
	case "":
		return "", errSubset
	case "shared":
		if back {
			return w.expression(in, t, "vgpu::shared_offset(%s)")
		}
		return w.expression(in, t, "(uint64_t)vgpu::now.shared + %s")
	case "global":
		if back {
			w.pointsToGlobal(in.operands[1])
		}
	}
	return w.expression(in, t, "%s")
}
