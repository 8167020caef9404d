package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDigits bounds integers written in decimal, since reading one takes time quadratic in its length. Python has the
// same limit.
const maxDigits = 4300

func (d *Decoder) protocol(argument []byte) error {
	if argument[0] > 5 {
		return fmt.Errorf("protocol %d is newer than 5", argument[0])
	}
	return nil
}

// frame only checks that the frame is complete; its content is read like any other.
func (d *Decoder) frame(argument []byte) error {
	if binary.LittleEndian.Uint64(argument) > uint64(len(d.data)-d.offset) {
		return errTruncated
	}
	return nil
}

func (d *Decoder) none([]byte) error     { return d.push(nil, 0) }
func (d *Decoder) newTrue([]byte) error  { return d.push(true, 0) }
func (d *Decoder) newFalse([]byte) error { return d.push(false, 0) }

func (d *Decoder) integer1(argument []byte) error { return d.push(int64(argument[0]), 0) }

func (d *Decoder) integer2(argument []byte) error {
	return d.push(int64(binary.LittleEndian.Uint16(argument)), 0)
}

func (d *Decoder) integer4(argument []byte) error {
	return d.push(int64(int32(binary.LittleEndian.Uint32(argument))), 0)
}

// integerText reads a decimal integer; 00 and 01 are how protocols 0 and 1 write False and True.
func (d *Decoder) integerText(argument []byte) error {
	switch string(argument) {
	case "00":
		return d.push(false, 0)
	case "01":
		return d.push(true, 0)
	}
	return d.decimal(string(argument))
}

func (d *Decoder) longText(argument []byte) error {
	return d.decimal(strings.TrimSuffix(string(argument), "L"))
}

func (d *Decoder) decimal(text string) error {
	if len(text) > maxDigits {
		return fmt.Errorf("an integer of more than %d digits", maxDigits)
	}
	if small, err := strconv.ParseInt(text, 10, 64); err == nil {
		return d.push(small, 0)
	}
	large, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return fmt.Errorf("%.40q is not an integer", text)
	}
	return d.push(large, 0)
}

// long reads a little-endian two's complement integer of any length; no bytes mean 0.
func (d *Decoder) long(argument []byte) error {
	negative := len(argument) > 0 && argument[len(argument)-1] >= 0x80
	if len(argument) <= 8 {
		var field [8]byte
		if negative {
			field = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
		}
		copy(field[:], argument)
		return d.push(int64(binary.LittleEndian.Uint64(field[:])), 0)
	}
	reversed := slices.Clone(argument)
	slices.Reverse(reversed)
	value := new(big.Int).SetBytes(reversed)
	if negative {
		value.Sub(value, new(big.Int).Lsh(big.NewInt(1), uint(8*len(argument))))
	}
	if value.IsInt64() {
		return d.push(value.Int64(), 0)
	}
	return d.push(value, 0)
}

func (d *Decoder) float(argument []byte) error {
	return d.push(math.Float64frombits(binary.BigEndian.Uint64(argument)), 0)
}

func (d *Decoder) floatText(argument []byte) error {
	value, err := strconv.ParseFloat(string(argument), 64)
	if err != nil {
		return fmt.Errorf("%.40q is not a number", argument)
	}
	return d.push(value, 0)
}

func (d *Decoder) text(argument []byte) error {
	if !utf8.Valid(argument) {
		return errors.New("the string is not UTF-8")
	}
	return d.push(string(argument), 0)
}

// textEscaped reads Python's raw-unicode-escape: bytes are Latin-1, \uxxxx and \Uxxxxxxxx are code points, and any
// other backslash stands for itself.
func (d *Decoder) textEscaped(argument []byte) error {
	var text []byte
	for i := 0; i < len(argument); i++ {
		digits := 0
		if argument[i] == '\\' && i+1 < len(argument) {
			switch argument[i+1] {
			case 'u':
				digits = 4
			case 'U':
				digits = 8
			}
		}
		if digits == 0 {
			text = utf8.AppendRune(text, rune(argument[i]))
			continue
		}
		code, err := strconv.ParseUint(string(argument[i+2:min(i+2+digits, len(argument))]), 16, 32)
		if err != nil || i+2+digits > len(argument) || code > utf8.MaxRune || !utf8.ValidRune(rune(code)) {
			return fmt.Errorf("%.10q is not a character escape", argument[i:])
		}
		text = utf8.AppendRune(text, rune(code))
		i += 1 + digits
	}
	return d.push(string(text), 0)
}

func (d *Decoder) bytes(argument []byte) error { return d.push(slices.Clone(argument), 0) }
