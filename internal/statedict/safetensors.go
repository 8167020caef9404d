package statedict

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"uer/internal/console"
	"uer/internal/durable"
)

// Stored is a tensor as a safetensors file holds it.
type Stored struct {
	Name  string
	Type  string // "F32", "BF16", "I64" and so on
	Shape []int
	Raw   []byte // little-endian, row-major; part of the mapped file
}

// Safetensors is an open safetensors file (github.com/huggingface/safetensors): the length of a header, the header, which
// is a JSON object, and the values. Opening reads the header alone.
type Safetensors struct {
	Metadata map[string]string
	Tensors  []Stored // in the order of their values
	Header   []byte   // all before the values: the length and the JSON, as they are in the file

	mapping *durable.Mapping
}

// safetensorsTypes maps the types of safetensors to kinds. The size of the others is known, but they are not converted.
var safetensorsTypes = map[string]kind{
	"F32": kinds["FloatStorage"], "F64": kinds["DoubleStorage"], "F16": kinds["HalfStorage"], "BF16": kinds["BFloat16Storage"],
	"I64": kinds["LongStorage"], "I32": kinds["IntStorage"],
	"U64": {size: 8}, "U32": {size: 4}, "U16": {size: 2}, "I16": {size: 2}, "U8": {size: 1}, "I8": {size: 1}, "BOOL": {size: 1},
	"F8_E4M3": {size: 1}, "F8_E5M2": {size: 1},
}

const (
	lengthSize = 8 // bytes of the length of the header
	// maxHeader is the format's own limit.
	maxHeader = 100_000_000
	// metadataKey is the name in the header that is not a tensor's.
	metadataKey = "__metadata__"
)

// OpenSafetensors opens a safetensors file, which the caller must close. The tensors' values are not read.
func OpenSafetensors(path string) (*Safetensors, error) {
	mapping, err := durable.Map(path)
	if err != nil {
		return nil, err
	}
	file, err := parseSafetensors(mapping.Bytes)
	if err != nil {
		_ = mapping.Close()
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	file.mapping = mapping
	return file, nil
}

// Close unmaps the file. Raw values and the Header must not be used afterwards.
func (f *Safetensors) Close() error { return f.mapping.Close() }

// isSafetensors recognises the header's length and its first character.
func isSafetensors(data []byte) bool {
	return len(data) > lengthSize && data[lengthSize] == '{' && binary.LittleEndian.Uint64(data) <= maxHeader
}

// parseSafetensors reads the header and checks that the values cover the rest of the file without gaps and overlaps.
func parseSafetensors(data []byte) (*Safetensors, error) {
	if !isSafetensors(data) {
		return nil, errors.New("not a safetensors file")
	}
	length := binary.LittleEndian.Uint64(data)
	if length > uint64(len(data)-lengthSize) {
		return nil, console.Hint(fmt.Errorf("the file is truncated: its header is said to have %d bytes, the file has %d",
			length, len(data)), hintWhole)
	}
	f := &Safetensors{Header: data[:lengthSize+length]}
	values := data[len(f.Header):]
	entries, err := f.decodeHeader()
	if err != nil {
		return nil, err
	}
	end := 0
	for _, e := range entries {
		if e.start != end || e.end < e.start || e.end > len(values) {
			return nil, console.Hint(fmt.Errorf("tensor %q is said to take bytes %d to %d of %d, after one that ends at %d",
				e.Name, e.start, e.end, len(values), end), hintWhole)
		}
		end = e.end
		e.Raw = values[e.start:e.end:e.end]
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", e.Name, err)
		}
		f.Tensors = append(f.Tensors, e.Stored)
	}
	if end != len(values) {
		return nil, console.Hint(fmt.Errorf("its tensors end at byte %d of %d", end, len(values)), hintWhole)
	}
	return f, nil
}

// headerEntry is a tensor with its place among the values.
type headerEntry struct {
	Stored
	start, end int
}

// decodeHeader reads the metadata, and the tensors by their place. JSON allows a key twice, the format does not: it would
// be ambiguous which of them counts.
func (f *Safetensors) decodeHeader() ([]headerEntry, error) {
	text := f.Header[lengthSize:]
	decoder := json.NewDecoder(bytes.NewReader(text))
	wrong := func(err error) error { return fmt.Errorf("its header is not that of a safetensors file: %w", err) }
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, wrong(cmp.Or(err, errors.New("it is not an object")))
	}
	var entries []headerEntry
	seen := map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, wrong(err)
		}
		name, _ := token.(string)
		if seen[name] {
			return nil, fmt.Errorf("tensor %q occurs twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			if err := decoder.Decode(&f.Metadata); err != nil {
				return nil, wrong(err)
			}
			continue
		}
		var fields struct {
			Type    string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}
		if err := decoder.Decode(&fields); err != nil {
			return nil, wrong(fmt.Errorf("tensor %q: %w", name, err))
		}
		stored := Stored{Name: name, Type: fields.Type, Shape: fields.Shape}
		entries = append(entries, headerEntry{stored, fields.Offsets[0], fields.Offsets[1]})
	}
	if _, err := decoder.Token(); err != nil {
		return nil, wrong(err)
	}
	if rest := bytes.TrimSpace(text[decoder.InputOffset():]); len(rest) > 0 {
		return nil, wrong(fmt.Errorf("%d bytes follow it", len(rest)))
	}
	slices.SortStableFunc(entries, func(a, b headerEntry) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end))
	})
	return entries, nil
}

// check checks that type, shape and number of bytes agree.
func (s *Stored) check() error {
	kind, known := safetensorsTypes[s.Type]
	if !known {
		return fmt.Errorf("type %.20q is not supported", s.Type)
	}
	if len(s.Shape) > maxAxes {
		return fmt.Errorf("its shape has %d axes", len(s.Shape))
	}
	count, empty := 1, false
	for _, size := range s.Shape {
		switch {
		case size < 0:
			return fmt.Errorf("its shape is %v", s.Shape)
		case size == 0:
			empty = true
		case size > math.MaxInt/kind.size/count:
			return fmt.Errorf("its shape is %v", s.Shape)
		default:
			count *= size
		}
	}
	if empty {
		count = 0
	}
	if len(s.Raw) != count*kind.size {
		return fmt.Errorf("shape %v of type %s takes %d bytes, not %d", s.Shape, s.Type, count*kind.size, len(s.Raw))
	}
	return nil
}

// Values returns a tensor's number of values.
func (s *Stored) Values() int { return len(s.Raw) / safetensorsTypes[s.Type].size }

// Decode converts the values from offset on to float32. It fails for types other than those that [Read] converts.
func (s *Stored) Decode(offset int, to []float32) error {
	kind := safetensorsTypes[s.Type]
	if kind.decode == nil {
		return fmt.Errorf("tensor %q: values of type %s are not supported", s.Name, s.Type)
	}
	kind.decode(to, s.Raw[offset*kind.size:])
	return nil
}

// readSafetensors converts all tensors of a file.
func readSafetensors(data []byte) ([]Tensor, error) {
	f, err := parseSafetensors(data)
	if err != nil {
		return nil, err
	}
	if len(f.Tensors) == 0 {
		return nil, errors.New("the file holds no tensors")
	}
	tensors := make([]Tensor, len(f.Tensors))
	for i := range f.Tensors {
		s := &f.Tensors[i]
		tensors[i] = Tensor{Name: s.Name, Shape: s.Shape, Data: make([]float32, s.Values())}
		if err := s.Decode(0, tensors[i].Data); err != nil {
			return nil, err
		}
	}
	return tensors, nil
}

// Entry is a tensor to be written to a safetensors file.
type Entry struct {
	Name  string
	Type  string // a type of safetensors
	Shape []int
	Write func(w io.Writer) error // writes the values, little-endian and row-major
}

// WriteSafetensors writes a safetensors file with the entries in the given order. Their values are streamed: nothing of
// them is kept.
func WriteSafetensors(w io.Writer, metadata map[string]string, entries []Entry) error {
	header, sizes, err := encodeHeader(metadata, entries)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for i, e := range entries {
		out := &counter{w: w}
		if err := e.Write(out); err != nil {
			return err
		}
		if out.n != sizes[i] {
			return fmt.Errorf("tensor %q: %d bytes were written, its shape takes %d", e.Name, out.n, sizes[i])
		}
	}
	return nil
}

// encodeHeader returns the length and the header, padded such that the values start at a multiple of 8 bytes, and the
// bytes of each tensor.
func encodeHeader(metadata map[string]string, entries []Entry) (header []byte, sizes []int64, err error) {
	header = append(make([]byte, lengthSize), '{')
	names := map[string]bool{metadataKey: true}
	if len(metadata) > 0 {
		text, err := json.Marshal(metadata)
		if err != nil {
			return nil, nil, err
		}
		header = append(fmt.Appendf(header, "%q:", metadataKey), text...)
		header = append(header, ',')
	}
	start := int64(0)
	for _, e := range entries {
		if names[e.Name] {
			return nil, nil, fmt.Errorf("the name of tensor %q is taken", e.Name)
		}
		names[e.Name] = true
		size := int64(safetensorsTypes[e.Type].size)
		for _, n := range e.Shape {
			size *= int64(n)
		}
		name, err := json.Marshal(e.Name)
		if err != nil {
			return nil, nil, err
		}
		shape, err := json.Marshal(append([]int{}, e.Shape...)) // [] for a scalar, not null
		if err != nil {
			return nil, nil, err
		}
		header = fmt.Appendf(header, `%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]},`, name, e.Type, shape, start, start+size)
		start += size
		sizes = append(sizes, size)
	}
	header = append(bytes.TrimSuffix(header, []byte(",")), '}')
	for len(header)%8 != 0 {
		header = append(header, ' ')
	}
	binary.LittleEndian.PutUint64(header, uint64(len(header)-lengthSize))
	return header, sizes, nil
}

// Floats returns an entry of float32 values that are read piece by piece: read fills a slice from an offset on.
func Floats(name string, shape []int, read func(offset int, to []float32) error) Entry {
	count := 1
	for _, size := range shape {
		count *= size
	}
	return Entry{Name: name, Type: "F32", Shape: shape, Write: func(w io.Writer) error { return writeFloats(w, count, read) }}
}

// Integers returns an entry of int32 values.
func Integers(name string, values []int32) Entry {
	return Entry{Name: name, Type: "I32", Shape: []int{len(values)}, Write: func(w io.Writer) error {
		return binary.Write(w, binary.LittleEndian, values)
	}}
}

// writeFloats writes count little-endian float32, which it reads and encodes piece by piece.
func writeFloats(w io.Writer, count int, read func(offset int, to []float32) error) error {
	const limit = 1 << 18
	values := make([]float32, min(count, limit))
	piece := make([]byte, 4*len(values))
	for offset := 0; offset < count; offset += len(values) {
		values = values[:min(len(values), count-offset)]
		if err := read(offset, values); err != nil {
			return err
		}
		for i, value := range values {
			binary.LittleEndian.PutUint32(piece[4*i:], math.Float32bits(value))
		}
		if _, err := w.Write(piece[:4*len(values)]); err != nil {
			return err
		}
	}
	return nil
}

// From returns the read function of [Floats] for values in memory.
func From(values []float32) func(offset int, to []float32) error {
	return func(offset int, to []float32) error {
		copy(to, values[offset:])
		return nil
	}
}
