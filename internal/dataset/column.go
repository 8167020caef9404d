package dataset

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"uer/internal/instance"
)

// column is one column of the file while a record batch of it is being filled.
type column struct {
	name    string
	list    bool // a list of ids or positions for each instance; else one int32
	width   int  // bytes of a number
	offsets []byte
	values  []byte
	append  func(c *column, x *instance.Instance) error
}

// columns lists what a dataset with this metadata holds, in the file's order.
func columns(m *Metadata) ([]*column, error) {
	s, err := shapeOf(m.Target)
	if err != nil {
		return nil, err
	}
	width := listWidth(m)
	ids := func(name string, of func(*instance.Instance) []int32) *column {
		return &column{name: name, list: true, width: width, append: func(c *column, x *instance.Instance) error {
			return c.appendList(of(x))
		}}
	}
	all := []*column{
		ids("tokens", func(x *instance.Instance) []int32 { return x.Tokens }),
		ids("ends", func(x *instance.Instance) []int32 { return x.Ends }),
	}
	if s.masked && !m.Dynamic {
		var numbers []int32
		all = append(all,
			ids("target_positions", func(x *instance.Instance) []int32 {
				numbers = numbers[:0]
				for _, target := range x.Targets {
					numbers = append(numbers, target.Position)
				}
				return numbers
			}),
			ids("target_ids", func(x *instance.Instance) []int32 {
				numbers = numbers[:0]
				for _, target := range x.Targets {
					numbers = append(numbers, target.ID)
				}
				return numbers
			}))
	}
	if s.labelled {
		all = append(all, &column{name: "label", width: 4, append: func(c *column, x *instance.Instance) error {
			c.values = binary.LittleEndian.AppendUint32(c.values, uint32(x.Label))
			return nil
		}})
	}
	if s.hasOutputs {
		all = append(all, ids("output", func(x *instance.Instance) []int32 { return x.Output }))
	}
	return all, nil
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
	if len(c.values)/c.width+len(numbers) > math.MaxInt32 {
		return fmt.Errorf("column %s of a record batch has no room for %d more numbers", c.name, len(numbers))
	}
	for _, number := range numbers {
		if c.width == 2 {
			c.values = binary.LittleEndian.AppendUint16(c.values, uint16(number))
		} else {
			c.values = binary.LittleEndian.AppendUint32(c.values, uint32(number))
		}
	}
	c.offsets = binary.LittleEndian.AppendUint32(c.offsets, uint32(len(c.values)/c.width))
	return nil
}

// reset empties the column and keeps its memory.
func (c *column) reset() {
	c.values = c.values[:0]
	c.offsets = append(c.offsets[:0], 0, 0, 0, 0)
}

func (c *column) kind() arrow.DataType {
	if c.list {
		return arrow.ListOfNonNullable(c.element())
	}
	return c.element()
}

func (c *column) element() arrow.DataType {
	switch {
	case !c.list:
		return arrow.PrimitiveTypes.Int32
	case c.width == 2:
		return arrow.PrimitiveTypes.Uint16
	}
	return arrow.PrimitiveTypes.Uint32
}

// array presents the column's buffers, without a copy, as an Arrow array of that many rows.
func (c *column) array(rows int) arrow.Array {
	values := array.NewData(c.element(), len(c.values)/c.width,
		[]*memory.Buffer{nil, memory.NewBufferBytes(c.values)}, nil, 0, 0)
	if !c.list {
		return array.MakeFromData(values)
	}
	return array.MakeFromData(array.NewData(c.kind(), rows,
		[]*memory.Buffer{nil, memory.NewBufferBytes(c.offsets)}, []arrow.ArrayData{values}, 0, 0))
}
