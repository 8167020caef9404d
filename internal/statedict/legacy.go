package statedict

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"uer/internal/console"
	"uer/internal/pickle"
)

// readLegacy reads the container of PyTorch before 1.6: pickles of a magic number, the protocol's number, facts about
// the machine, the object and the list of its storages' keys; then, for each key, the number of values in 8 bytes and
// the values.
func readLegacy(data []byte) ([]Tensor, error) {
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
		return nil, fmt.Errorf("%s stands where the list of storages should be", describe(keys))
	}
	rest := data[decoder.Offset():]
	for _, item := range list.Items {
		storage := content.find(item)
		if storage == nil {
			return nil, fmt.Errorf("storage %.40q belongs to no tensor", fmt.Sprint(item))
		}
		if rest, err = storage.cut(rest); err != nil {
			return nil, err
		}
	}
	return content.tensors(len(data))
}

func readLegacyHeader(decoder *pickle.Decoder) error {
	magic, err := decoder.Decode()
	want, _ := new(big.Int).SetString("1950a86a20f9469cfc6c", 16)
	if number, ok := magic.(*big.Int); err != nil || !ok || number.Cmp(want) != 0 {
		return errors.New("not a file that PyTorch wrote: it starts as a pickle, but not with PyTorch's magic number")
	}
	protocol, err := decoder.Decode()
	if err != nil {
		return err
	}
	if protocol != int64(1001) {
		return fmt.Errorf("version %v of PyTorch's first container is not supported, only 1001", protocol)
	}
	facts, err := decoder.Decode()
	if err != nil {
		return err
	}
	machine, ok := facts.(*pickle.Dict)
	if !ok {
		return fmt.Errorf("%s stands where facts about the machine should be", describe(facts))
	}
	for _, entry := range machine.Entries {
		if entry.Key == "little_endian" && entry.Value != true {
			return errors.New("values of a big-endian machine are not supported")
		}
	}
	return nil
}

// cut takes the storage's values from the start of rest.
func (s *storage) cut(rest []byte) ([]byte, error) {
	const field = 8 // bytes of the number of values
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
