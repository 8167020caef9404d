package checkpoint

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"uer/internal/durable"
	"uer/internal/graph"
	"uer/internal/statedict"
)

// Path returns the path of a step's checkpoint: prefix-step.
func Path(prefix string, step int) string { return fmt.Sprintf("%s-%d", prefix, step) }

// Best returns the path of the checkpoint that is the best on held-out data: prefix-best.
func Best(prefix string) string { return prefix + bestSuffix }

const bestSuffix = "-best"

// StatePath returns the path of the state file of the checkpoint at path.
func StatePath(path string) string { return path + stateSuffix }

const stateSuffix = ".state"

// checksumsName is the tensor of a state file with the checksums (CRC-32, IEEE) of what precedes it: of the header, then of
// each tensor.
const checksumsName = "checksums"

// ErrNotFinite means that parameters, or what they would have learnt from, are infinite or not a number. They have not been
// saved.
var ErrNotFinite = errors.New("parameters are not finite")

// Reader is what is saved of a device's memory: parameters and optimizer state.
type Reader interface {
	Read(p graph.Place, offset int, to []float32) error
}

// Save writes a checkpoint to prefix-step and returns that path, as [SaveAs] does.
func Save(prefix string, step int, layout *graph.Layout, memory Reader, state *State) (string, error) {
	path := Path(prefix, step)
	return path, SaveAs(path, layout, memory, state)
}

// SaveAs writes a checkpoint to a path. The values are copied from memory piece by piece. The
// weights come first, then the state, if there is one, and both are on disk when Save returns. What was written is read
// again and compared with its checksums.
func SaveAs(path string, layout *graph.Layout, memory Reader, state *State) error {
	if err := checkHalted(layout, memory); err != nil {
		return err
	}
	weights, err := durable.Create(path)
	if err != nil {
		return err
	}
	defer weights.Abort()
	sums, err := writeWeights(weights, layout, memory)
	if err != nil {
		return err
	}
	if state == nil {
		return weights.Commit()
	}
	file, err := durable.Create(StatePath(path))
	if err != nil {
		return err
	}
	defer file.Abort()
	h := &header{FormatVersion: stateVersion, State: *state, Layout: digest(layout), Weights: sums}
	if err := h.write(file, layout, memory); err != nil {
		return err
	}
	// The state makes a checkpoint whole, so it gets its name last.
	if err := weights.Commit(); err != nil {
		return err
	}
	if err := file.Commit(); err != nil {
		return err
	}
	return Verify(path)
}

// checkHalted returns an error if a loss or gradient was not finite: the parameters are not those of the step then.
func checkHalted(layout *graph.Layout, memory Reader) error {
	var halted [1]float32
	if len(layout.State) == 0 {
		return nil
	}
	if err := memory.Read(graph.InState, graph.Halted().Offset, halted[:]); err != nil {
		return fmt.Errorf("reading the optimizer state: %w", err)
	}
	if halted[0] != 0 {
		return ErrNotFinite
	}
	return nil
}

// writeWeights writes the parameters and returns the checksum of each tensor.
func writeWeights(to io.Writer, layout *graph.Layout, memory Reader) (map[string]uint32, error) {
	var tensors []statedict.Streamed
	for _, p := range layout.Parameters {
		tensors = append(tensors, statedict.Streamed{
			Names: append([]string{p.Name}, p.Aliases...), Shape: p.Shape,
			Read: func(offset int, values []float32) error {
				if err := memory.Read(graph.InParameters, p.Offset+offset, values); err != nil {
					return fmt.Errorf("reading the parameters: %w", err)
				}
				if !Finite(values) {
					return ErrNotFinite
				}
				return nil
			},
		})
	}
	buffer := bufio.NewWriterSize(to, 1<<20)
	sums, err := statedict.WriteStreamed(buffer, tensors)
	if err != nil {
		return nil, err
	}
	return sums, buffer.Flush()
}

// Finite reports whether all values are numbers, and not infinite.
func Finite(values []float32) bool {
	for _, v := range values {
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return false
		}
	}
	return true
}

// write writes the state file.
func (h *header) write(to io.Writer, layout *graph.Layout, memory Reader) error {
	metadata, err := h.metadata()
	if err != nil {
		return err
	}
	buffer := bufio.NewWriterSize(to, 1<<20)
	sum := &summer{w: buffer}
	var entries []statedict.Entry
	for _, s := range layout.State {
		e := statedict.Floats(s.Name, []int{s.Size}, func(offset int, values []float32) error {
			if err := memory.Read(graph.InState, s.Offset+offset, values); err != nil {
				return fmt.Errorf("reading the optimizer state: %w", err)
			}
			return nil
		})
		entries = append(entries, sum.before(e))
	}
	entries = append(entries, sum.before(statedict.Entry{
		Name: checksumsName, Type: "I64", Shape: []int{1 + len(entries)}, Write: sum.writeTo,
	}))
	if err := statedict.WriteSafetensors(sum, metadata, entries); err != nil {
		return err
	}
	return buffer.Flush()
}

// summer forwards writes and takes the checksum of each section.
type summer struct {
	w    io.Writer
	sum  uint32
	done []uint32 // of the sections that have ended
}

func (s *summer) Write(data []byte) (int, error) {
	s.sum = crc32.Update(s.sum, crc32.IEEETable, data)
	return s.w.Write(data)
}

// before ends a section before an entry.
func (s *summer) before(e statedict.Entry) statedict.Entry {
	write := e.Write
	e.Write = func(w io.Writer) error {
		s.done, s.sum = append(s.done, s.sum), 0
		return write(w)
	}
	return e
}

// writeTo writes the checksums as 64-bit integers.
func (s *summer) writeTo(w io.Writer) error {
	var list []byte
	for _, sum := range s.done {
		list = binary.LittleEndian.AppendUint64(list, uint64(sum))
	}
	_, err := w.Write(list)
	return err
}
