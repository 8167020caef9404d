package sentencepiece

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// file is what a model file says, a protocol buffer of the message ModelProto.
type file struct {
	pieces       []piece
	algorithm    algorithm
	byteFallback bool
	suffix       bool // white space belongs to the word before it

	charsmap    []byte
	prefix      bool // text begins with a space
	removeExtra bool // white space at the ends and repeated white space goes
	escape      bool // a space becomes ▁
}

type piece struct {
	text  string
	score float32
	kind  kind
}

// field is a field of a message: a number or bytes.
type field struct {
	number protowire.Number
	value  uint64
	bytes  []byte
}

var errFormat = errors.New("not a SentencePiece model, or damaged")

// fields calls found for each field of a message.
func fields(data []byte, found func(field) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return errFormat
		}
		data = data[n:]
		f := field{number: number}
		switch kind {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(data)
			f.value = uint64(v)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return errFormat
		}
		data = data[n:]
		if err := found(f); err != nil {
			return err
		}
	}
	return nil
}

// parseFile reads a model file. Fields that do not change ids are passed over.
func parseFile(data []byte) (*file, error) {
	f := &file{algorithm: unigramModel, prefix: true, removeExtra: true, escape: true}
	err := fields(data, func(x field) error {
		switch x.number {
		case 1:
			return f.addPiece(x.bytes)
		case 2:
			return fields(x.bytes, f.setTraining)
		case 3:
			return fields(x.bytes, f.setNormalizer)
		}
		return nil
	})
	if err == nil && len(f.pieces) == 0 {
		err = errFormat
	}
	return f, err
}

func (f *file) addPiece(data []byte) error {
	p := piece{kind: normal}
	err := fields(data, func(x field) error {
		switch x.number {
		case 1:
			p.text = string(x.bytes)
		case 2:
			p.score = math.Float32frombits(uint32(x.value))
		case 3:
			p.kind = kind(x.value)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("piece %d: %w", len(f.pieces), err)
	}
	f.pieces = append(f.pieces, p)
	return nil
}

func (f *file) setTraining(x field) error {
	switch x.number {
	case 3:
		f.algorithm = algorithm(x.value)
	case 24:
		f.suffix = x.value != 0
	case 35:
		f.byteFallback = x.value != 0
	}
	return nil
}

func (f *file) setNormalizer(x field) error {
	switch x.number {
	case 2:
		f.charsmap = x.bytes
	case 3:
		f.prefix = x.value != 0
	case 4:
		f.removeExtra = x.value != 0
	case 5:
		f.escape = x.value != 0
	}
	return nil
}
