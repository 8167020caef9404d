package pickle

import (
	"errors"
	"fmt"
)

func (d *Decoder) push(value any, depth int) error {
	d.stack = append(d.stack, slot{value, depth})
	return checkDepth(depth)
}

func checkDepth(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("values are nested more than %d deep", maxDepth)
	}
	return nil
}

// floor returns the height of the stack at the innermost mark: the slots below belong to unfinished values.
func (d *Decoder) floor() int {
	if len(d.marks) == 0 {
		return 0
	}
	return d.marks[len(d.marks)-1]
}

// pop removes the top n values from the stack. They are valid until the next push.
func (d *Decoder) pop(n int) ([]slot, error) {
	height := len(d.stack) - n
	if height < d.floor() {
		return nil, errors.New("too few values on the stack")
	}
	top := d.stack[height:]
	d.stack = d.stack[:height]
	return top, nil
}

// popMarked removes all values above the innermost mark, and the mark. They are valid until the next push.
func (d *Decoder) popMarked() ([]slot, error) {
	if len(d.marks) == 0 {
		return nil, errors.New("no mark on the stack")
	}
	height := d.floor()
	d.marks = d.marks[:len(d.marks)-1]
	top := d.stack[height:]
	d.stack = d.stack[:height]
	return top, nil
}

// top returns the top value of the stack, which stays there.
func (d *Decoder) top() (*slot, error) {
	if len(d.stack) <= d.floor() {
		return nil, errors.New("too few values on the stack")
	}
	return &d.stack[len(d.stack)-1], nil
}

// contain updates the depth of a value that received members. It refuses a value that others may already contain.
func (s *slot) contain(state *growth, members []slot) error {
	if state.shared {
		return errors.New("a value that contains itself, or is filled after it was used, is not supported")
	}
	s.depth = max(s.depth, around(members))
	state.depth = s.depth
	return checkDepth(s.depth)
}

// around returns the depth of a value that contains members.
func around(members []slot) int {
	depth := 0
	for i := range members {
		depth = max(depth, members[i].depth)
	}
	return depth + 1
}

func appendValues(values []any, members []slot) []any {
	if values == nil {
		values = make([]any, 0, len(members))
	}
	for i := range members {
		values = append(values, members[i].value)
	}
	return values
}

func appendEntries(entries []Entry, members []slot) []Entry {
	for i := 0; i+1 < len(members); i += 2 {
		entries = append(entries, Entry{members[i].value, members[i+1].value})
	}
	return entries
}

func (d *Decoder) mark([]byte) error {
	d.marks = append(d.marks, len(d.stack))
	return nil
}

func (d *Decoder) tuple0([]byte) error { return d.pushTuple(nil) }
func (d *Decoder) tuple1([]byte) error { return d.tupleOf(1) }
func (d *Decoder) tuple2([]byte) error { return d.tupleOf(2) }
func (d *Decoder) tuple3([]byte) error { return d.tupleOf(3) }

func (d *Decoder) tupleOf(n int) error {
	members, err := d.pop(n)
	if err != nil {
		return err
	}
	return d.pushTuple(members)
}

func (d *Decoder) tuple([]byte) error {
	members, err := d.popMarked()
	if err != nil {
		return err
	}
	return d.pushTuple(members)
}

func (d *Decoder) pushTuple(members []slot) error {
	return d.push(Tuple(appendValues(nil, members)), around(members))
}

func (d *Decoder) emptyList([]byte) error { return d.push(&List{growth: growth{depth: 1}}, 1) }

func (d *Decoder) list([]byte) error {
	members, err := d.popMarked()
	if err != nil {
		return err
	}
	depth := around(members)
	return d.push(&List{Items: appendValues(nil, members), growth: growth{depth: depth}}, depth)
}

func (d *Decoder) appendOne([]byte) error {
	members, err := d.pop(1)
	if err != nil {
		return err
	}
	return d.appendTo(members)
}

func (d *Decoder) appendMarked([]byte) error {
	members, err := d.popMarked()
	if err != nil {
		return err
	}
	return d.appendTo(members)
}

func (d *Decoder) appendTo(members []slot) error {
	target, err := d.top()
	if err != nil {
		return err
	}
	switch value := target.value.(type) {
	case *List:
		value.Items = appendValues(value.Items, members)
		return target.contain(&value.growth, members)
	case *Call:
		value.Items = appendValues(value.Items, members)
		return target.contain(&value.growth, members)
	}
	return fmt.Errorf("cannot append to a value of type %T", target.value)
}

func (d *Decoder) emptyDict([]byte) error { return d.push(&Dict{growth: growth{depth: 1}}, 1) }

func (d *Decoder) dict([]byte) error {
	members, err := d.popMarked()
	if err != nil {
		return err
	}
	if len(members)%2 != 0 {
		return errors.New("a key without a value")
	}
	depth := around(members)
	return d.push(&Dict{Entries: appendEntries(nil, members), growth: growth{depth: depth}}, depth)
}

func (d *Decoder) setOne([]byte) error {
	members, err := d.pop(2)
	if err != nil {
		return err
	}
	return d.setOn(members)
}

func (d *Decoder) setMarked([]byte) error {
	members, err := d.popMarked()
	if err != nil {
		return err
	}
	if len(members)%2 != 0 {
		return errors.New("a key without a value")
	}
	return d.setOn(members)
}

func (d *Decoder) setOn(members []slot) error {
	target, err := d.top()
	if err != nil {
		return err
	}
	switch value := target.value.(type) {
	case *Dict:
		value.Entries = appendEntries(value.Entries, members)
		return target.contain(&value.growth, members)
	case *Call:
		value.Entries = appendEntries(value.Entries, members)
		return target.contain(&value.growth, members)
	}
	return fmt.Errorf("cannot set an item of a value of type %T", target.value)
}
