package trainer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"uer/internal/batch"
	"uer/internal/device"
	"uer/internal/graph"
)

// keptBatch is a batch that may have to be looked at again.
type keptBatch struct {
	step      int
	inputs    device.Inputs
	instances []int
}

// keep copies a batch that is about to be trained on.
func (t *Trainer) keep(b *batch.Batch, step int) {
	if t.DebugBatch == "" {
		return
	}
	kept := keptBatch{step: step, instances: slices.Clone(b.Instances)}
	for _, input := range t.inputs {
		kept.inputs = append(kept.inputs, device.Input{Name: input.Name, Data: slices.Clone(input.Data)})
	}
	t.kept = append(t.kept, kept)
}

// forget forgets the batches up to a step, whose update was good.
func (t *Trainer) forget(step int) {
	t.kept = slices.DeleteFunc(t.kept, func(k keptBatch) bool { return k.step <= step })
}

// diagnose finds out where the first value that is not finite comes from, and saves the batch. Since nothing was updated after
// it, the batches since the last update compute the same again. It adds what it finds to the error. The gradients are others
// afterwards.
func (t *Trainer) diagnose(step int, err error) error {
	if t.DebugBatch == "" || len(t.kept) == 0 {
		return err
	}
	for _, e := range []device.Executable{t.Pass, t.Update} {
		if _, failure := e.Figures(true); failure != nil {
			return errors.Join(err, failure)
		}
	}
	origin, at := "", t.kept[len(t.kept)-1]
	for _, kept := range t.kept {
		if kept.step > step {
			break
		}
		found, failure := t.replay(kept.inputs, kept.instances, uint64(t.Seed), kept.step)
		if failure != nil {
			return errors.Join(err, fmt.Errorf("looking for where it comes from: %w", failure))
		}
		if at = kept; found != "" {
			origin = found
			break
		}
	}
	if origin == "" {
		origin = "the gradients of each batch are finite, and their sum or its norm is not"
	}
	err = fmt.Errorf("%w: %s\nthe batch has the instances %s", err, origin, someNumbers(at.instances))
	path := t.DebugBatch
	if t.size() > 1 {
		path = fmt.Sprintf("%s-%d", path, t.rank())
	}
	if failure := t.saveBatch(path, at, origin); failure != nil {
		return errors.Join(err, failure)
	}
	return fmt.Errorf("%w\nit is saved in %s", err, path)
}

// replay runs the forward and backward pass over a batch, and returns where the first value that is not finite is; "" if all
// are finite.
func (t *Trainer) replay(inputs device.Inputs, instances []int, seed uint64, step int) (string, error) {
	if found, err := t.parametersNotFinite(); found != "" || err != nil {
		return found, err
	}
	prober, ok := t.Pass.(device.Prober)
	if !ok {
		return "", errors.New("the device cannot be looked into")
	}
	if err := t.Pass.Feed(inputs); err != nil {
		return "", err
	}
	found, failure := "", error(nil)
	err := t.Pass.Run(device.Run{Seed: seed, Step: uint64(step), After: func(instruction int) {
		if found != "" || failure != nil {
			return
		}
		var at device.NotFinite
		if at, failure = prober.NotFinite(instruction); failure == nil && at.Index >= 0 {
			found = t.describeNotFinite(instruction, at, inputs, instances)
		}
	}})
	if _, ends := t.Pass.Figures(true); err == nil {
		err = ends
	}
	return found, errors.Join(err, failure)
}

// parametersNotFinite returns the first parameter that has a value which is not finite; "" if there is none.
func (t *Trainer) parametersNotFinite() (string, error) {
	for _, p := range t.Model.Program.Parameters {
		values := make([]float32, p.Shape.Elements())
		if err := t.Memory.Read(graph.InParameters, p.Offset, values); err != nil {
			return "", err
		}
		if at := device.FirstNotFinite(values); at >= 0 {
			return fmt.Sprintf("the parameter %s %v holds %v at %v, written by the update before", p.Name, p.Shape, values[at],
				coordinates(at, p.Shape)), nil
		}
	}
	return "", nil
}

// describeNotFinite says which operation of which pass has written a value, in which tensor, and for which instance.
func (t *Trainer) describeNotFinite(instruction int, at device.NotFinite, inputs device.Inputs, instances []int) string {
	p := t.Model.Program
	i := &p.Instructions[instruction]
	pass := "forward"
	if instruction > producer(p, p.Outputs[0]) {
		pass = "backward"
	}
	value := &p.Values[i.Out[at.Output]]
	what := fmt.Sprintf("output %d", at.Output)
	if value.Place == graph.InGradients {
		what = "the gradient of " + parameterAt(p, value.Offset)
	}
	text := fmt.Sprintf("the first value that is not finite is %v in %s of %q", at.Value, what, i.Op.Name())
	if name := t.nearest(instruction); name != "" && value.Place != graph.InGradients {
		text += " at " + name
	}
	text += fmt.Sprintf(", element %d of %d, in the %s pass", at.Index, at.Size, pass)
	if tokens := len(inputs.Find("tokens")); at.Rows == tokens && tokens > 0 {
		token := at.Index / (at.Size / at.Rows)
		starts := inputs.Find("starts")
		for k := range instances {
			if int(starts[k]) <= token && token < int(starts[k+1]) {
				text += fmt.Sprintf(", for token %d of instance %d", token-int(starts[k]), instances[k])
			}
		}
	}
	return text
}

// producer returns the number of the instruction that writes a value last.
func producer(p *graph.Program, value int) int {
	for i := len(p.Instructions) - 1; i >= 0; i-- {
		if slices.Contains(p.Instructions[i].Out, value) {
			return i
		}
	}
	return -1
}

// nearest returns the parameter that an instruction reads, or else the one that was read last before its inputs were computed.
func (t *Trainer) nearest(instruction int) string {
	p := t.Model.Program
	for range 8 {
		i := &p.Instructions[instruction]
		before := -1
		for _, v := range i.In {
			if p.Values[v].Place == graph.InParameters {
				return parameterAt(p, p.Values[v].Offset)
			}
			for k := instruction - 1; k > before; k-- {
				if slices.Contains(p.Instructions[k].Out, v) {
					before = k
				}
			}
		}
		if before < 0 {
			return ""
		}
		instruction = before
	}
	return ""
}

// parameterAt returns the name of the parameter at an offset.
func parameterAt(p *graph.Program, offset int) string {
	for _, parameter := range p.Parameters {
		if parameter.Offset == offset {
			return parameter.Name
		}
	}
	return fmt.Sprintf("the parameters from %d on", offset)
}

// coordinates are the indices of an element of a tensor.
func coordinates(at int, shape graph.Shape) []int {
	list := make([]int, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		list[i], at = at%shape[i], at/shape[i]
	}
	return list
}

// someNumbers joins the first few numbers of a list.
func someNumbers(list []int) string {
	const few = 12
	var texts []string
	for _, n := range list[:min(few, len(list))] {
		texts = append(texts, fmt.Sprint(n))
	}
	if len(list) > few {
		texts = append(texts, fmt.Sprintf("... (%d in all)", len(list)))
	}
	return strings.Join(texts, ", ")
}
