package cli

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"uer/internal/console"
	"uer/internal/device"
	"uer/internal/device/cuda"
	"uer/internal/machine"
	"uer/internal/task"
	"uer/internal/trainer"
)

// budget is what a training has when it begins, before it takes memory for the model.
type budget struct {
	program int64 // bytes that the process has: the program, the vocabulary, what was read of the dataset
	free    int64 // bytes that the machine has besides, -1 if that is not known
}

func newBudget() budget {
	debug.FreeOSMemory() // what reading the inputs has left behind
	b := budget{machine.Resident(), -1}
	if free, known := machine.Available(); known {
		b.free = free
	}
	return b
}

// batchMemory is the size in bytes of the batches that the ranks make ahead. With all its inputs, a token takes 16 bytes,
// a prediction 8; the rest is what lists have to spare.
func batchMemory(options pretrainOptions, data trainingData) int64 {
	const ahead, perToken = 3, 32
	length := int64(data.dataset.Metadata.SequenceLength)
	if task.ByName[options.Model.Target].Output {
		length += int64(data.dataset.Metadata.TargetSequenceLength)
	}
	return ahead * perToken * length * int64(options.BatchSize) * int64(len(options.Devices.placement.ranks))
}

// checkBatches refuses batches that are larger than the memory, before they are made.
func (b budget) checkBatches(options pretrainOptions, data trainingData) error {
	if needed := batchMemory(options, data); b.free >= 0 && needed > b.free {
		err := &device.MemoryError{What: fmt.Sprintf("batches of %d instances", options.BatchSize), Needed: needed, Free: b.free}
		return adviseMemory(err)
	}
	return nil
}

const theParameters = "the parameters" // which no setting but the sizes makes smaller

// checkParameters refuses a model that is larger than the memory, before it is initialised.
func checkParameters(count int) error {
	const copies = 2 // the initial ones and those of the device, before anything else is checked
	if free, known := machine.Available(); known && int64(count) > free/4/copies {
		return &device.MemoryError{What: theParameters, Needed: 4 * copies * int64(count), Free: free}
	}
	return nil
}

// adviseMemory adds to the error of too little memory what takes less of it.
func adviseMemory(err error) error {
	var lack *device.MemoryError
	switch {
	case !errors.As(err, &lack):
		return err
	case lack.What == theParameters:
		return console.Hint(err, "make the model smaller")
	}
	return console.Hint(err, "lower --batch_size and raise --accumulation_steps by as much, pass --recompute, or make the model smaller")
}

// memory is the memory of training, in bytes, of all ranks of this process.
type memory struct {
	parameters, gradients, optimizer, activations, packed int64
	used                                                  int64 // of the activations, in the last steps
	scratch, inputs                                       int64

	// What a training on the CPU takes besides, and one on a GPU takes of the host.
	batches, checkpoint, program, dataset int64
	gpu                                   bool

	each, divided string // notes on the parameters and the optimizer
}

func memoryOf(b budget, options pretrainOptions, data trainingData, trainers []*trainer.Trainer, ranks []rank) memory {
	_, gpu := ranks[0].device.(*cuda.Device)
	m := memory{gpu: gpu, program: b.program, batches: batchMemory(options, data)}
	for _, t := range trainers {
		pass, update := t.Pass.Usage(), t.Update.Usage()
		m.parameters += pass.Parameters
		m.gradients += pass.Gradients
		m.optimizer += pass.State
		programs := []device.Usage{pass, update}
		if t.HeldOut != nil {
			programs = append(programs, t.HeldOut.Program.Usage())
		}
		scratch := int64(0)
		for _, program := range programs {
			m.activations += program.Activations
			m.packed += program.PackedWeights
			m.inputs += program.Inputs
			scratch = max(scratch, program.Scratch)
		}
		m.scratch += scratch
	}
	layout := &trainers[0].Optimizer.Program.Layout
	const buffers = 4 << 20 // of both files of a checkpoint
	m.checkpoint = buffers
	if (options.TotalSteps-1)/options.SaveCheckpointSteps > 1 { // one may be written while training goes on
		m.checkpoint += 4 * int64(layout.ParameterSize+layout.StateSize)
	}
	for _, path := range options.datasetFiles() {
		if info, err := os.Stat(path); err == nil {
			m.dataset += info.Size()
		}
	}
	return m
}

// share is a part of the memory with a note on it.
type share struct {
	name, note string
	bytes      int64
}

// parts lists the parts that peak adds up.
func (m memory) parts() []share {
	list := []share{{"parameters", m.each, m.parameters}, {"gradients", "", m.gradients}, {"optimizer", m.divided, m.optimizer},
		{"activations", fmt.Sprintf("for batches without padding; %s in these steps", console.Bytes(m.used)), m.activations}}
	if m.packed > 0 {
		list = append(list, share{"packed", "copies of shared weights, for matrix products", m.packed})
	}
	if m.gpu {
		return append(list, share{"batches", "on the GPU: the present one and the next one", m.inputs},
			share{"scratch", "of operations and of cuBLASLt", m.scratch})
	}
	return append(list, share{"scratch", "for operations while they run", m.scratch}, share{"batches", "made ahead", m.batches},
		share{"checkpoint", "while it is written; a copy, if training goes on meanwhile", m.checkpoint}, share{"program", "and the vocabulary", m.program},
		share{"dataset", "which the system may drop and read again", m.dataset})
}

// peak returns the memory needed for batches without any padding; a batch with padding uses less. On the CPU it is that of
// the whole process with the dataset, which the system may drop from memory and read again; on a GPU, that of the GPU.
func (m memory) peak() int64 {
	total := int64(0)
	for _, part := range m.parts() {
		total += part.bytes
	}
	return total
}

// check refuses a training on the CPU that the machine lacks memory for.
func (b budget) check(m memory) error {
	if needed := m.peak() - m.program - m.dataset; !m.gpu && b.free >= 0 && needed > b.free {
		return adviseMemory(&device.MemoryError{What: "the model and its batches", Needed: needed, Free: b.free})
	}
	return nil
}

// settle makes what follows take little more memory than it uses: it frees what the preparation has left behind, and
// lets garbage add little. A training makes little, and the memory of a model holds no pointers, so that collecting is cheap.
// What comes after a training in the same process, as in tests, would be slowed down a lot: restore ends that.
func settle() (restore func()) {
	percent := debug.SetGCPercent(2)
	debug.FreeOSMemory()
	return func() { debug.SetGCPercent(percent) }
}
