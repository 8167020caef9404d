package dataset

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"uer/internal/task"
)

// column is one column of the file: how a field of an instance is written and read, and the values of the rows on their
// way to the file.
type column struct {
	name   string
	about  string // what it holds, for those who read the file
	list   bool   // a list of ids or positions per instance; else one int32
	paired bool   // its lists are as long as those of the column before
	width  int    // bytes of a number

	append func(c *column, x *task.Instance) error
	read   func(c *column, v view, row int, x *task.Instance) // into an instance whose lists are empty

	offsets []byte
	values  []byte
}

// columns lists what a dataset of a target holds, in the file's order.
func columns(t *task.Task, m *Metadata) []*column {
	width := listWidth(m)
	all := []*column{
		ids("tokens", width, func(x *task.Instance) *[]int32 { return &x.Tokens }),
		ids("ends", width, func(x *task.Instance) *[]int32 { return &x.Ends }),
	}
	if t.Masked && !m.Dynamic {
		masked := masks("target_ids", width, func(mask *task.Mask) *int32 { return &mask.ID })
		masked.paired = true
		all = append(all, masks("target_positions", width, func(mask *task.Mask) *int32 { return &mask.Position }), masked)
	}
	if t.Labelled {
		all = append(all, label())
	}
	if t.Output {
		all = append(all, ids("output", width, func(x *task.Instance) *[]int32 { return &x.Output }))
	}
	for _, c := range all {
		c.about = about(t, m, c.name)
	}
	return all
}

// about says what a column of a dataset of a target holds.
func about(t *task.Task, m *Metadata, name string) string {
	switch name {
	case "tokens":
		text := "ids of the tokens; the inputs are"
		if t.Before > 0 {
			text += " those after the first"
		} else {
			text += " those"
		}
		if t.After.Max > 0 {
			text += " up to the last of ends; the tokens around them are only predicted"
		} else {
			text += " up to the last of ends"
		}
		if t.Masked && m.Dynamic {
			text += "; masks are drawn during training"
		} else if t.Masked {
			text += "; hidden ones are replaced already"
		}
		return text
	case "ends":
		return "number of inputs up to the end of each segment"
	case "target_positions":
		return "indices in tokens of the hidden tokens, in ascending order"
	case "target_ids":
		return "the original ids of the hidden tokens"
	case "label":
		switch t.Name {
		case "bert":
			return "1 if the second segment comes from another document, else 0"
		case "albert":
			return "1 if the two segments are swapped, else 0"
		}
		return "class of the text, from 0"
	case "output":
		return "ids of the second text, from [CLS] on"
	}
	return ""
}

// ids is the column of a list of an instance.
func ids(name string, width int, field func(*task.Instance) *[]int32) *column {
	return &column{
		name: name, list: true, width: width,
		append: func(c *column, x *task.Instance) error { return c.appendList(*field(x)) },
		read: func(c *column, v view, row int, x *task.Instance) {
			list := field(x)
			*list = v.appendTo(*list, row, c.width)
		},
	}
}

// masks is the column of one of the two numbers of each mask.
func masks(name string, width int, field func(*task.Mask) *int32) *column {
	var numbers []int32
	return &column{
		name: name, list: true, width: width,
		append: func(c *column, x *task.Instance) error {
			numbers = numbers[:0]
			for i := range x.Masks {
				numbers = append(numbers, *field(&x.Masks[i]))
			}
			return c.appendList(numbers)
		},
		read: func(c *column, v view, row int, x *task.Instance) {
			list := v.row(row, c.width)
			for i := range len(list) / c.width {
				if i == len(x.Masks) {
					x.Masks = append(x.Masks, task.Mask{})
				}
				*field(&x.Masks[i]) = number(list[i*c.width:], c.width)
			}
		},
	}
}

// label is the column of the class.
func label() *column {
	const width = 4
	return &column{
		name: "label", width: width,
		append: func(c *column, x *task.Instance) error {
			c.values = binary.LittleEndian.AppendUint32(c.values, uint32(x.Label))
			return nil
		},
		read: func(_ *column, v view, row int, x *task.Instance) { x.Label = number(v.values[width*row:], width) },
	}
}

// listWidth is 2 if every id and every position fits into 16 bits, else 4.
func listWidth(m *Metadata) int {
	const limit = math.MaxUint16 + 1
	if m.VocabularySize <= limit && m.SequenceLength < limit && m.TargetSequenceLength < limit {
		return 2
	}
	return 4
}

// appendList adds one list of numbers.
func (c *column) appendList(numbers []int32) error {
	at := len(c.values)
	if at/c.width+len(numbers) > math.MaxInt32 {
		return c.errFull(len(numbers))
	}
	c.values = slices.Grow(c.values, len(numbers)*c.width)[:at+len(numbers)*c.width]
	added := c.values[at:]
	if c.width == 2 {
		for i, number := range numbers {
			binary.LittleEndian.PutUint16(added[2*i:], uint16(number))
		}
	} else {
		for i, number := range numbers {
			binary.LittleEndian.PutUint32(added[4*i:], uint32(number))
		}
	}
	c.offsets = binary.LittleEndian.AppendUint32(c.offsets, uint32(len(c.values)/c.width))
	return nil
}

// appendRows adds the rows from first to last-1 of the same column of other rows.
func (c *column) appendRows(from *column, first, last int) error {
	if !c.list {
		c.values = append(c.values, from.values[first*c.width:last*c.width]...)
		return nil
	}
	start, end := from.offset(first), from.offset(last)
	before := len(c.values) / c.width
	if before+end-start > math.MaxInt32 {
		return c.errFull(end - start)
	}
	c.values = append(c.values, from.values[start*c.width:end*c.width]...)
	for row := first + 1; row <= last; row++ {
		c.offsets = binary.LittleEndian.AppendUint32(c.offsets, uint32(from.offset(row)-start+before))
	}
	return nil
}

// offset returns the number of numbers before a row.
func (c *column) offset(row int) int { return int(binary.LittleEndian.Uint32(c.offsets[4*row:])) }

func (c *column) errFull(numbers int) error {
	return fmt.Errorf("more than a record batch can hold: column %s and %d more numbers", c.name, numbers)
}

// reset empties the column and keeps its memory.
func (c *column) reset() {
	c.values = c.values[:0]
	c.offsets = append(c.offsets[:0], 0, 0, 0, 0)
}

// kind is the column's Arrow type.
func (c *column) kind() arrow.DataType {
	if c.list {
		return arrow.ListOfNonNullable(c.element())
	}
	return c.element()
}

// element is the Arrow type of a number.
func (c *column) element() arrow.DataType {
	switch {
	case !c.list:
		return arrow.PrimitiveTypes.Int32
	case c.width == 2:
		return arrow.PrimitiveTypes.Uint16
	}
	return arrow.PrimitiveTypes.Uint32
}

// array presents the column's buffers as an Arrow array of the given number of rows, without copying them.
func (c *column) array(rows int) arrow.Array {
	values := array.NewData(c.element(), len(c.values)/c.width,
		[]*memory.Buffer{nil, memory.NewBufferBytes(c.values)}, nil, 0, 0)
	if !c.list {
		return array.MakeFromData(values)
	}
	return array.MakeFromData(array.NewData(c.kind(), rows,
		[]*memory.Buffer{nil, memory.NewBufferBytes(c.offsets)}, []arrow.ArrayData{values}, 0, 0))
}
