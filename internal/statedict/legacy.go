package statedict

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"uer/internal/console"
	"uer/internal/pickle"
)

// readLegacy reads the container of PyTorch before 1.6: pickles of a magic number, the protocol version, properties of
// the machine, the object and the list of its storages' keys; then, for each key, an 8-byte number of values and the
// values.
func readLegacy(data []byte) (*File, error) {
	decoder := pickle.NewDecoder(data)
	if err := readLegacyHeader(decoder); err != nil {
		return nil, err
	}
	root, err := decoder.Decode()
	if err != nil {
		return nil, err
	}
	content, err := parseRoot(root)
	if err != nil {
		return nil, err
	}
	keys, err := decoder.Decode()
	if err != nil {
		return nil, fmt.Errorf("list of storages: %w", err)
	}
	list, ok := keys.(*pickle.List)
	if !ok {
		return nil, fmt.Errorf("expected the list of storages, found %s", describe(keys))
	}
	rest := data[decoder.Offset():]
	var others map[string]*storage
	if content.entry != "" {
		others = content.others()
	}
	for _, item := range list.Items {
		storage := content.find(item)
		if key, ok := item.(string); ok && storage == nil {
			storage = others[key]
		}
		if storage == nil {
			return nil, fmt.Errorf("storage %.40q belongs to no tensor", fmt.Sprint(item))
		}
		if rest, err = storage.cut(rest); err != nil {
			return nil, err
		}
	}
	return content.file("PyTorch, before 1.6", len(data))
}

func readLegacyHeader(decoder *pickle.Decoder) error {
	magic, err := decoder.Decode()
	want, _ := new(big.Int).SetString("1950a86a20f9469cfc6c", 16)
	if number, ok := magic.(*big.Int); err != nil || !ok || number.Cmp(want) != 0 {
		return errors.New("not a PyTorch file: it starts like a pickle, but not with PyTorch's magic number")
	}
	protocol, err := decoder.Decode()
	if err != nil {
		return err
	}
	if protocol != int64(1001) {
		return fmt.Errorf("version %v of PyTorch's legacy format is not supported, only 1001", protocol)
	}
	properties, err := decoder.Decode()
	if err != nil {
		return err
	}
	machine, ok := properties.(*pickle.Dict)
	if !ok {
		return fmt.Errorf("expected properties of the machine, found %s", describe(properties))
	}
	for _, entry := range machine.Entries {
		if entry.Key == "little_endian" && entry.Value != true {
			return errors.New("files of a big-endian machine are not supported")
		}
	}
	return nil
}

// cut takes the storage's values from the start of rest and returns what follows them.
func (s *storage) cut(rest []byte) ([]byte, error) {
	const field = 8 // bytes that hold the number of values
	if s.raw != nil {
		return nil, fmt.Errorf("storage %q is listed twice", s.key)
	}
	if len(rest) < field || (len(rest)-field)/s.kind.size < s.count {
		return nil, console.Hint(fmt.Errorf("the file ends inside storage %q", s.key), hintWhole)
	}
	if count := binary.LittleEndian.Uint64(rest); count != uint64(s.count) {
		return nil, fmt.Errorf("storage %q has %d values where its tensors expect %d", s.key, count, s.count)
	}
	s.raw = rest[field:][:s.count*s.kind.size]
	return rest[field+len(s.raw):], nil
}
