package pickle

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

func (d *Decoder) global(argument []byte) error {
	if !utf8.Valid(argument) {
		return errors.New("the name is not UTF-8")
	}
	module, name, _ := bytes.Cut(argument, []byte{'\n'})
	return d.push(Global{string(module), string(name)}, 0)
}

func (d *Decoder) stackGlobal([]byte) error {
	parts, err := d.pop(2)
	if err != nil {
		return err
	}
	module, isText := parts[0].value.(string)
	name, isAlsoText := parts[1].value.(string)
	if !isText || !isAlsoText {
		return errors.New("the name of a global is not a string")
	}
	return d.push(Global{module, name}, 0)
}

// call records a call to a function, or to a class to create an object.
func (d *Decoder) call([]byte) error {
	parts, err := d.pop(2)
	if err != nil {
		return err
	}
	arguments, ok := parts[1].value.(Tuple)
	if !ok {
		return fmt.Errorf("the arguments are of type %T, not a tuple", parts[1].value)
	}
	depth := around(parts)
	return d.push(&Call{Callee: parts[0].value, Args: arguments, growth: growth{depth: depth}}, depth)
}

func (d *Decoder) build([]byte) error {
	state, err := d.pop(1)
	if err != nil {
		return err
	}
	target, err := d.top()
	if err != nil {
		return err
	}
	object, ok := target.value.(*Call)
	if !ok {
		return fmt.Errorf("cannot restore the state of a value of type %T", target.value)
	}
	object.State = state[0].value
	return target.contain(&object.growth, state)
}

func (d *Decoder) persistentID([]byte) error {
	id, err := d.pop(1)
	if err != nil {
		return err
	}
	return d.push(PersistentID{id[0].value}, around(id))
}
