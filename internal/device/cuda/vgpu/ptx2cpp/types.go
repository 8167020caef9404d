package ptx2cpp

import "strings"

// ptxType is a type of PTX and what it is in C++.
type ptxType struct {
	name  string // u32
	cpp   string // uint32_t
	size  int    // bytes
	float bool
	sign  bool
}

var types = map[string]ptxType{
	"u8": {"u8", "uint8_t", 1, false, false}, "s8": {"s8", "int8_t", 1, false, true}, "b8": {"b8", "uint8_t", 1, false, false},
	"u16": {"u16", "uint16_t", 2, false, false}, "s16": {"s16", "int16_t", 2, false, true}, "b16": {"b16", "uint16_t", 2, false, false},
	"u32": {"u32", "uint32_t", 4, false, false}, "s32": {"s32", "int32_t", 4, false, true}, "b32": {"b32", "uint32_t", 4, false, false},
	"u64": {"u64", "uint64_t", 8, false, false}, "s64": {"s64", "int64_t", 8, false, true}, "b64": {"b64", "uint64_t", 8, false, false},
	"f32": {"f32", "float", 4, true, true}, "f64": {"f64", "double", 8, true, true},
	"pred": {"pred", "bool", 1, false, false},
}

// wider has the integer types of products of two others.
var wider = map[string]string{"u16": "u32", "s16": "s32", "u32": "u64", "s32": "s64"}

// identifier is the name of a register, label or variable in C++.
func identifier(name string) string {
	return "v_" + strings.NewReplacer("%", "", "$", "_", ".", "_").Replace(name)
}
