package statedict

import (
	"encoding/binary"
	"fmt"
	"math"

	"uer/internal/pickle"
)

// types names the types of storages as safetensors does.
var types = map[string]string{
	"FloatStorage": "F32", "DoubleStorage": "F64", "HalfStorage": "F16", "BFloat16Storage": "BF16", "LongStorage": "I64",
	"IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8", "BoolStorage": "BOOL",
}

// kind is the type of a storage's values: their size in bytes, and how to convert them to float32.
type kind struct {
	size   int
	decode func(out []float32, raw []byte)
}

var kinds = map[string]kind{
	"FloatStorage":    {4, decodeFloat},
	"DoubleStorage":   {8, decodeDouble},
	"HalfStorage":     {2, decodeHalf},
	"BFloat16Storage": {2, decodeBFloat16},
	"LongStorage":     {8, decodeLong},
	"IntStorage":      {4, decodeInt},
	"ShortStorage":    {2, decodeShort},
	"CharStorage":     {1, decodeChar},
	"ByteStorage":     {1, decodeByte},
	"BoolStorage":     {1, decodeByte},
}

// storage is the memory behind one or more tensors.
type storage struct {
	key    string
	class  string // FloatStorage and so on
	kind   kind
	count  int
	raw    []byte    // the values as they are in the file; nil until found
	values []float32 // the values converted; nil until convert is called
}

// parseStorage parses the persistent id ("storage", type, key, location, number of values). Older files add a sixth
// member for views of storages; it is None now that tensors are the views.
func parseStorage(id pickle.PersistentID) (*storage, error) {
	fields, ok := id.Value.(pickle.Tuple)
	if !ok || len(fields) < 5 || len(fields) > 6 || fields[0] != "storage" {
		return nil, fmt.Errorf("%s is not a reference to a storage", describe(id.Value))
	}
	class, isClass := fields[1].(pickle.Global)
	key, isText := fields[2].(string)
	count, err := natural(fields[4])
	if !isClass || !isText || err != nil || len(fields) == 6 && fields[5] != nil {
		return nil, fmt.Errorf("the reference to storage %v has an unsupported form", fields[2])
	}
	kind, ok := kinds[class.Name]
	if !ok {
		return nil, fmt.Errorf("storage %q is a %s.%s, which is not supported", key, class.Module, class.Name)
	}
	return &storage{key: key, class: class.Name, kind: kind, count: count}, nil
}

// check checks that the storage's length fits its number of values.
func (s *storage) check() error {
	if len(s.raw)/s.kind.size != s.count || len(s.raw)%s.kind.size != 0 {
		return fmt.Errorf("storage %q has %d bytes, want %d values of %d bytes",
			s.key, len(s.raw), s.count, s.kind.size)
	}
	return nil
}

// convert returns the values as float32, the same slice on each call.
func (s *storage) convert() []float32 {
	if s.values == nil {
		s.values = make([]float32, s.count)
		s.kind.decode(s.values, s.raw)
	}
	return s.values
}

func decodeFloat(out []float32, raw []byte) {
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
}

func decodeDouble(out []float32, raw []byte) {
	for i := range out {
		out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:])))
	}
}

func decodeHalf(out []float32, raw []byte) {
	for i := range out {
		out[i] = half(binary.LittleEndian.Uint16(raw[2*i:]))
	}
}

// half converts an IEEE 754 binary16 number; the result is exact.
func half(bits uint16) float32 {
	sign := uint32(bits&0x8000) << 16
	exponent, fraction := uint32(bits>>10)&0x1f, uint32(bits)&0x3ff
	switch exponent {
	case 0: // zero, or fraction * 2^-24
		return math.Float32frombits(math.Float32bits(float32(fraction)*0x1p-24) | sign)
	case 0x1f: // infinity or NaN
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

func decodeBFloat16(out []float32, raw []byte) {
	for i := range out {
		out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(raw[2*i:])) << 16)
	}
}

func decodeLong(out []float32, raw []byte) {
	for i := range out {
		out[i] = float32(int64(binary.LittleEndian.Uint64(raw[8*i:])))
	}
}

func decodeInt(out []float32, raw []byte) {
	for i := range out {
		out[i] = float32(int32(binary.LittleEndian.Uint32(raw[4*i:])))
	}
}

func decodeShort(out []float32, raw []byte) {
	for i := range out {
		out[i] = float32(int16(binary.LittleEndian.Uint16(raw[2*i:])))
	}
}

func decodeChar(out []float32, raw []byte) {
	for i := range out {
		out[i] = float32(int8(raw[i]))
	}
}

func decodeByte(out []float32, raw []byte) {
	for i := range out {
		out[i] = float32(raw[i])
	}
}
