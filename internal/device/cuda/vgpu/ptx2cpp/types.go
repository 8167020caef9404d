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

var types = typesByName([]ptxType{
	{"u8", "uint8_t", 1, false, false}, {"s8", "int8_t", 1, false, true}, {"b8", "uint8_t", 1, false, false},
	{"u16", "uint16_t", 2, false, false}, {"s16", "int16_t", 2, false, true}, {"b16", "uint16_t", 2, false, false},
	{"u32", "uint32_t", 4, false, false}, {"s32", "int32_t", 4, false, true}, {"b32", "uint32_t", 4, false, false},
	{"u64", "uint64_t", 8, false, false}, {"s64", "int64_t", 8, false, true}, {"b64", "uint64_t", 8, false, false},
	{"f32", "float", 4, true, true}, {"f64", "double", 8, true, true}, {"pred", "bool", 1, false, false},
})

func typesByName(list []ptxType) map[string]ptxType {
	m := map[string]ptxType{}
	for _, t := range list {
		m[t.name] = t
	}
	return m
}

// wider has the integer types of products of two others.
var wider = map[string]string{"u16": "u32", "s16": "s32", "u32": "u64", "s32": "s64"}

// identifier is the name of a register, label or variable in C++.
func identifier(name string) string {
	return "v_" + strings.NewReplacer("%", "", "$", "_", ".", "_").Replace(name)
}
