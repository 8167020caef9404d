package statedict

import (
	"errors"
	"fmt"
	"math/big"

	"uer/internal/console"
	"uer/internal/pickle"
)

// content is the pickled part of a state dict: its tensors in order, as views of storages elsewhere in the file.
type content struct {
	entry    string // of the pickled dictionary that is the state dict, "" if it is itself
	views    []*view
	storages []*storage
	byKey    map[string]*storage
	root     any
}

// parseRoot parses the pickled object: a dictionary from names to tensors, or one with such a dictionary in one of its
// entries. PyTorch's attributes of the dictionary, the versions of modules, say nothing about the tensors and are ignored.
func parseRoot(root any) (*content, error) {
	entries, ok := dictionary(root)
	if !ok {
		return nil, console.Hint(fmt.Errorf("the file holds %s, not a state dict", describe(root)),
			"save only the weights: torch.save(model.state_dict(), file)")
	}
	c := &content{byKey: map[string]*storage{}, root: root}
	c.entry, entries = unwrap(entries)
	names := map[string]bool{}
	for _, entry := range entries {
		name, ok := entry.Key.(string)
		if !ok {
			return nil, fmt.Errorf("the file holds a dictionary with %s as a key, not a state dict", describe(entry.Key))
		}
		if names[name] {
			return nil, fmt.Errorf("tensor %q occurs twice", name)
		}
		names[name] = true
		tensor, ok := entry.Value.(*pickle.Call)
		if _, isDictionary := dictionary(entry.Value); !ok || isDictionary {
			return nil, console.Hint(fmt.Errorf("entry %q is %s, not a tensor", name, describe(entry.Value)),
				"save only the weights: torch.save(model.state_dict(), file)")
		}
		if err := c.add(name, tensor); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	if len(c.views) == 0 {
		return nil, errors.New("the file holds an empty dictionary, without tensors")
	}
	return c, nil
}

// dictionary returns the entries of a Python dict or OrderedDict, and whether value is one.
func dictionary(value any) ([]pickle.Entry, bool) {
	switch value := value.(type) {
	case *pickle.Dict:
		return value.Entries, true
	case *pickle.Call:
		if value.Callee == (pickle.Global{Module: "collections", Name: "OrderedDict"}) && len(value.Args) == 0 {
			return value.Entries, true
		}
	}
	return nil, false
}

// rebuilds returns the name of the function in torch._utils that is called, "" if it is another module's.
func rebuilds(call *pickle.Call) string {
	if callee, ok := call.Callee.(pickle.Global); ok && callee.Module == "torch._utils" {
		return callee.Name
	}
	return ""
}

// add adds the tensor that a call creates: _rebuild_tensor_v2(storage, offset, shape, strides, ...), the older
// _rebuild_tensor with the same first four arguments, or _rebuild_parameter(tensor, ...) around either.
func (c *content) add(name string, call *pickle.Call) error {
	function := rebuilds(call)
	if function == "_rebuild_parameter" && len(call.Args) > 0 {
		if inner, ok := call.Args[0].(*pickle.Call); ok {
			call, function = inner, rebuilds(inner)
		}
	}
	if function != "_rebuild_tensor_v2" && function != "_rebuild_tensor" || len(call.Args) < 4 {
		return fmt.Errorf("%s is not supported", describe(call))
	}
	id, ok := call.Args[0].(pickle.PersistentID)
	if !ok {
		return fmt.Errorf("its storage is %s", describe(call.Args[0]))
	}
	parsed, err := parseStorage(id)
	if err != nil {
		return err
	}
	known := c.byKey[parsed.key]
	switch {
	case known == nil:
		known = parsed
		c.byKey[known.key] = known
		c.storages = append(c.storages, known)
	case known.count != parsed.count || known.class != parsed.class:
		return fmt.Errorf("storage %q has a different length or type than in another tensor", known.key)
	}
	v := &view{name: name, storage: known}
	if err := v.setExtent(call.Args[1], call.Args[2], call.Args[3]); err != nil {
		return err
	}
	c.views = append(c.views, v)
	return nil
}

// find returns the storage with a key from the pickled list of keys, nil if there is none.
func (c *content) find(key any) *storage {
	text, ok := key.(string)
	if !ok {
		return nil
	}
	return c.byKey[text]
}

// file returns the tensors, as tensors does, with what else is known of the file.
func (c *content) file(format string, length int) (*File, error) {
	tensors, err := c.tensors(length)
	if err != nil {
		return nil, err
	}
	f := &File{Tensors: tensors, Format: format, Entry: c.entry}
	for _, v := range c.views {
		f.Types = append(f.Types, types[v.storage.class])
	}
	return f, nil
}

// tensors returns the tensors once the data of every storage is known. Contiguous views share their storage's memory,
// and equal views share one copy. A file cannot take more memory than a few times its own length.
func (c *content) tensors(fileLength int) ([]Tensor, error) {
	for _, storage := range c.storages {
		if err := storage.check(); err != nil {
			return nil, err
		}
	}
	copies, room := map[string][]float32{}, fileLength
	tensors := make([]Tensor, len(c.views))
	for i, v := range c.views {
		tensors[i] = Tensor{Name: v.name, Shape: v.shape}
		if v.count == 0 {
			tensors[i].Data = []float32{}
			continue
		}
		values := v.storage.convert()
		if v.contiguous() {
			tensors[i].Data = values[v.offset:][:v.count:v.count]
			continue
		}
		place := fmt.Sprintf("%q %d %v %v", v.storage.key, v.offset, v.shape, v.strides)
		if copies[place] == nil {
			if room -= v.count; room < 0 {
				return nil, fmt.Errorf("tensor %q: the tensors have many more values than the file", v.name)
			}
			copies[place] = make([]float32, v.count)
			gather(copies[place], values[v.offset:], v.shape, v.strides)
		}
		tensors[i].Data = copies[place]
	}
	return tensors, nil
}

// describe names a pickled value in the user's terms.
func describe(value any) string {
	switch value := value.(type) {
	case nil:
		return "None"
	case bool:
		return fmt.Sprint(value)
	case int64, float64, *big.Int:
		return fmt.Sprintf("the number %.40s", fmt.Sprint(value))
	case string:
		return fmt.Sprintf("the string %.40q", value)
	case []byte:
		return "a string of bytes"
	case pickle.Tuple:
		return "a tuple"
	case *pickle.List:
		return "a list"
	case *pickle.Dict:
		return "a dictionary"
	case pickle.Global:
		return fmt.Sprintf("the class %s.%s", value.Module, value.Name)
	case *pickle.Call:
		if _, ok := dictionary(value); ok {
			return "a dictionary"
		}
		if function := rebuilds(value); function == "_rebuild_tensor_v2" || function == "_rebuild_tensor" {
			return "a tensor"
		}
		if callee, ok := value.Callee.(pickle.Global); ok {
			return fmt.Sprintf("an object made by %s.%s", callee.Module, callee.Name)
		}
	}
	return "an object"
}
