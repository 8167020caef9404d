package trainer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/durable"
	"uer/internal/graph"
	"uer/internal/statedict"
)

// A file of a batch is a safetensors file: the inputs of the model as "input.NAME", the parameters under their names, and in its
// metadata what else the result depends on.
const (
	inputPrefix = "input."
	batchKind   = "batch of uer"
)

// saveBatch writes a batch and the parameters.
func (t *Trainer) saveBatch(path string, b keptBatch, origin string) error {
	var entries []statedict.Entry
	for _, input := range b.inputs {
		if input.Data != nil {
			entries = append(entries, statedict.Integers(inputPrefix+input.Name, input.Data))
		}
	}
	for _, p := range t.Model.Program.Parameters {
		entries = append(entries, statedict.Floats(p.Name, p.Shape, func(offset int, to []float32) error {
			return t.Memory.Read(graph.InParameters, p.Offset+offset, to)
		}))
	}
	instances := strings.Trim(fmt.Sprint(b.instances), "[]")
	metadata := map[string]string{
		"kind": batchKind, "step": strconv.Itoa(b.step), "seed": strconv.FormatInt(t.Seed, 10), "instances": instances, "problem": origin,
	}
	return durable.WriteFile(path, BatchReplaceable, func(w io.Writer) error { return statedict.WriteSafetensors(w, metadata, entries) })
}

// BatchReplaceable is the rule of what a file of a batch may replace: one of those.
var BatchReplaceable = durable.Beginning(1<<16, func(start []byte) bool { return bytes.Contains(start, []byte(batchKind)) },
	"not a batch that was saved for debugging")

// BatchLimits bound what a saved batch may hold, such that no operation reads beyond a table.
type BatchLimits struct {
	Vocabulary, OutputVocabulary int // numbers of tokens
	Length, OutputLength         int // of a sequence
	Classes                      int
}

// Replay trains on a batch that was saved for debugging, with its parameters, but for the update. It describes the batch and says
// where the first value is that is not finite, if there is one.
func (t *Trainer) Replay(path string, limits BatchLimits) (about, found string, err error) {
	defer durable.Recover(&err, durable.Guard())
	file, err := statedict.OpenSafetensors(path)
	if err != nil {
		return "", "", err
	}
	defer file.Close()
	if file.Metadata["kind"] != batchKind {
		return "", "", console.Hint(fmt.Errorf("%s: it is no batch that was saved for debugging", path), "--debug_batch saves one")
	}
	step, err := strconv.Atoi(file.Metadata["step"])
	seed, err2 := strconv.ParseInt(file.Metadata["seed"], 10, 64)
	if err := errors.Join(err, err2); err != nil {
		return "", "", fmt.Errorf("%s: %w", path, err)
	}
	var instances []int
	for _, text := range strings.Fields(file.Metadata["instances"]) {
		number, err := strconv.Atoi(text)
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", path, err)
		}
		instances = append(instances, number)
	}
	inputs, err := readInputs(file, limits)
	if err == nil {
		instances = instances[:min(len(instances), max(len(inputs.Find("starts"))-1, 0))]
		err = t.readParameters(file)
	}
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", path, err)
	}
	about = fmt.Sprintf("step %d, instances %s", step, someNumbers(instances))
	found, err = t.replay(inputs, instances, uint64(seed), step)
	return about, found, err
}

// readParameters reads all parameters of the model from a file.
func (t *Trainer) readParameters(file *statedict.Safetensors) error {
	for _, p := range t.Model.Program.Parameters {
		i := slices.IndexFunc(file.Tensors, func(s statedict.Stored) bool { return s.Name == p.Name })
		if i < 0 || !slices.Equal(file.Tensors[i].Shape, p.Shape) {
			return console.Hint(fmt.Errorf("it is of another model: it has no %s %v", p.Name, p.Shape),
				"pass the settings of the training that saved it")
		}
		values := make([]float32, p.Shape.Elements())
		if err := file.Tensors[i].Decode(0, values); err != nil {
			return err
		}
		if err := t.Memory.Write(graph.InParameters, p.Offset, values); err != nil {
			return err
		}
	}
	return nil
}

// readInputs reads the inputs of a batch and checks them.
func readInputs(file *statedict.Safetensors, limits BatchLimits) (device.Inputs, error) {
	var inputs device.Inputs
	for i := range file.Tensors {
		s := &file.Tensors[i]
		name, isInput := strings.CutPrefix(s.Name, inputPrefix)
		if !isInput {
			continue
		}
		if s.Type != "I32" || len(s.Raw)%4 != 0 {
			return nil, fmt.Errorf("%s has the type %s", s.Name, s.Type)
		}
		data := make([]int32, len(s.Raw)/4)
		for k := range data {
			data[k] = int32(binary.LittleEndian.Uint32(s.Raw[4*k:]))
		}
		inputs = append(inputs, device.Input{Name: name, Data: data})
	}
	return limits.check(inputs)
}

// check returns the inputs of a batch if all indices are in their tables. Those that others determine are made anew.
func (l BatchLimits) check(inputs device.Inputs) (device.Inputs, error) {
	for _, prefix := range []string{"", "output_"} {
		length := map[string]int{"": l.Length, "output_": l.OutputLength}[prefix]
		if err := checkStarts(inputs.Find(prefix+"starts"), len(inputs.Find(prefix+"tokens")), length); err != nil {
			return nil, fmt.Errorf("%sstarts: %w", prefix, err)
		}
	}
	predictedFrom := len(inputs.Find("tokens"))
	if n := len(inputs.Find("output_tokens")); n > 0 {
		predictedFrom = n
	}
	bounds := map[string]int{
		"tokens": l.Vocabulary, "output_tokens": l.OutputVocabulary, "labels": l.OutputVocabulary, "backward_labels": l.OutputVocabulary,
		"positions": l.Length, "output_positions": l.OutputLength, "segments": 3, "output_segments": 3,
		"predicted": predictedFrom, "backward_predicted": predictedFrom, "prefix": l.Length + 1, "lengths": l.Length + 1,
		"sentence_labels": l.Classes, "rows": 1 << 31, "output_rows": 1 << 31,
	}
	var checked device.Inputs
	for _, input := range inputs {
		bound, known := bounds[input.Name]
		switch {
		case input.Name == "first", input.Name == "last":
			continue
		case strings.HasSuffix(input.Name, "starts"):
		case !known:
			return nil, fmt.Errorf("there is no input %q", input.Name)
		default:
			if i := slices.IndexFunc(input.Data, func(x int32) bool { return x < 0 || int64(x) >= int64(bound) }); i >= 0 {
				return nil, fmt.Errorf("%s[%d] is %d, and must be below %d", input.Name, i, input.Data[i], bound)
			}
		}
		checked = append(checked, input)
	}
	starts := inputs.Find("starts")
	if len(starts) == 0 {
		return nil, errors.New("it has no sequences")
	}
	last := make([]int32, len(starts)-1)
	for i, end := range starts[1:] {
		last[i] = end - 1
	}
	return append(checked, device.Input{Name: "first", Data: starts[:len(starts)-1]}, device.Input{Name: "last", Data: last}), nil
}

// checkStarts checks the offsets of sequences.
func checkStarts(starts []int32, tokens, length int) error {
	if len(starts) == 0 && tokens == 0 {
		return nil
	}
	if len(starts) == 0 || starts[0] != 0 || int(starts[len(starts)-1]) != tokens {
		return fmt.Errorf("they do not span the %d tokens", tokens)
	}
	for i := range starts[1:] {
		if n := int(starts[i+1]) - int(starts[i]); n < 0 || n > length {
			return fmt.Errorf("sequence %d has %d tokens", i, n)
		}
	}
	return nil
}
