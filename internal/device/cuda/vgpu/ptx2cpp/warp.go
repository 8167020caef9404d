package ptx2cpp

import (
	"fmt"
	"strconv"
	"strings"
)

var shuffles = map[string]string{
	"bfly": "vgpu::shuffle_xor", "down": "vgpu::shuffle_down", "up": "vgpu::shuffle_up", "idx": "vgpu::shuffle_index",
}

// shuffle is shfl.sync. Its fourth operand says how wide the parts are that shuffle among themselves: upper bits of a
// lane's number that stay, and the last lane, or the first for up.
func shuffle(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil || t.size != 4 || !in.take("sync") {
		return "", errSubset
	}
	if err := in.need(5); err != nil {
		return "", err
	}
	how := in.takeAny("bfly", "down", "up", "idx")
	control, err := strconv.ParseUint(in.operands[3], 0, 32)
	if err != nil || how == "" {
		return "", errSubset
	}
	width := 32 - control>>8&31
	last := map[string]uint64{"up": 0}
	if want, special := last[how]; control&31 != 31 && !(special && control&31 == want) {
		return "", fmt.Errorf("with the width %s %w", in.operands[3], errSubset)
	}
	values, err := w.values(types["u32"], in.operands[4], in.operands[1], in.operands[2])
	if err != nil {
		return "", err
	}
	to, _, predicate := strings.Cut(in.operands[0], "|")
	if predicate {
		return "", fmt.Errorf("with a predicate %w", errSubset)
	}
	arguments := append([]any{in.site, shuffles[how]}, values...)
	return w.assign(to, fmt.Sprintf("shuffle32(%q, %s, %s, %s, %s, %d)", append(arguments, width)...)), nil
}

// vote is vote.sync.ballot.
func vote(w *writer, in *instruction) (string, error) {
	t, err := in.takeType()
	if err != nil || t.name != "b32" || !in.take("sync") || !in.take("ballot") {
		return "", errSubset
	}
	if err := in.need(3); err != nil {
		return "", err
	}
	predicate, err := w.value(in.operands[1], types["pred"])
	if err != nil {
		return "", err
	}
	mask, err := w.value(in.operands[2], types["u32"])
	if err != nil {
		return "", err
	}
	return w.assign(in.operands[0], fmt.Sprintf("shuffle32(%q, vgpu::ballot, %s, %s, 0, 32)", in.site, mask, predicate)), nil
}

// multiplyFragments is mma.sync.aligned.m16n8k16 of bf16 factors and float32 sums: d = a b + c.
func multiplyFragments(w *writer, in *instruction) (string, error) {
	shape := []string{"sync", "aligned", "m16n8k16", "row", "col", "f32", "bf16", "bf16", "f32"}
	if strings.Join(in.modifiers, ".") != strings.Join(shape, ".") {
		return "", errSubset
	}
	in.modifiers = nil
	if err := in.need(4); err != nil {
		return "", err
	}
	var parts [4][]string
	for i, count := range []int{4, 4, 2, 4} {
		if parts[i] = vector(in.operands[i]); len(parts[i]) != count {
			return "", errSubset
		}
	}
	var lists [4]string
	for i, t := range []string{"f32", "b32", "b32", "f32"} {
		values, err := w.values(types[t], parts[i]...)
		if err != nil {
			return "", err
		}
		lists[i] = strings.TrimSuffix(strings.Repeat("%s, ", len(values)), ", ")
		lists[i] = fmt.Sprintf(lists[i], values...)
	}
	code := fmt.Sprintf("{ float d[4] = {%s}; const unsigned a[4] = {%s}; vgpu::multiply_add(%q, d, a, %s);",
		lists[3], lists[1], in.site, lists[2])
	for i, register := range parts[0] {
		code += " " + w.assign(register, fmt.Sprintf("d[%d]", i))
	}
	return code + " }", nil
}

// loadMatrix is ldmatrix of four matrices.
func loadMatrix(w *writer, in *instruction) (string, error) {
	for _, modifier := range []string{"sync", "aligned", "m8n8", "x4", "shared", "b16"} {
		if !in.take(modifier) {
			return "", errSubset
		}
	}
	transposed := in.take("trans")
	if err := in.need(2); err != nil {
		return "", err
	}
	registers := vector(in.operands[0])
	address, err := w.address(in.operands[1])
	if err != nil || len(registers) != 4 {
		return "", errSubset
	}
	code := fmt.Sprintf("{ unsigned matrix[4]; vgpu::load_matrix(%q, matrix, vgpu::shared_address(%s, 16), %t);",
		in.site, address, transposed)
	for i, register := range registers {
		code += " " + w.assign(register, fmt.Sprintf("matrix[%d]", i))
	}
	return code + " }", nil
}

// copyAsync is cp.async of 16 bytes, of which all or none are read, and what commits and waits.
func copyAsync(w *writer, in *instruction) (string, error) {
	if !in.take("async") {
		return "", errSubset
	}
	switch {
	case in.take("commit_group"):
		return "vgpu::copies_commit();", in.need(0)
	case in.take("wait_group"):
		if err := in.need(1); err != nil {
			return "", err
		}
		pending, err := w.value(in.operands[0], types["u32"])
		return fmt.Sprintf("vgpu::copies_wait(%s);", pending), err
	}
	if !in.take("cg") || !in.take("shared") || !in.take("global") || len(in.operands) < 3 || in.operands[2] != "16" {
		return "", errSubset
	}
	to, err := w.address(in.operands[0])
	if err != nil {
		return "", err
	}
	from, err := w.address(in.operands[1])
	if err != nil {
		return "", err
	}
	size := "16"
	if len(in.operands) == 4 {
		if size, err = w.value(in.operands[3], types["u32"]); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("vgpu::copy_async(vgpu::shared_address(%s, 16), (const void *)%s, copy_size(%s));", to, from, size), nil
}
