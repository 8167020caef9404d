package statedict

import (
	"encoding/binary"
	"math"
	"strconv"
)

// encodePickle returns the pickle, in protocol 2, of an OrderedDict from names to tensors. A tensor is a call to
// torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks), and a storage a persistent id
// ("storage", type, key, location, number of values).
func encodePickle(tensors []describedTensor) []byte {
	const orderedDict = "ccollections\nOrderedDict\n)R"
	p := []byte("\x80\x02" + orderedDict + "(")
	for _, tensor := range tensors {
		p = appendText(p, tensor.name)
		p = append(p, "ctorch._utils\n_rebuild_tensor_v2\n(("...)
		p = appendText(p, "storage")
		p = append(p, "ctorch\nFloatStorage\n"...)
		p = appendText(p, strconv.Itoa(tensor.key))
		p = appendText(p, "cpu")
		p = appendInteger(p, tensor.count)
		p = append(p, "tQ"...)
		p = appendInteger(p, 0)
		p = appendIntegers(p, tensor.shape)
		p = appendIntegers(p, contiguousStrides(tensor.shape))
		p = append(p, "\x89"+orderedDict+"tR"...)
	}
	return append(p, "u."...)
}

// contiguousStrides returns the strides of a row-major tensor. As in PyTorch, an axis of length 0 counts as length 1.
func contiguousStrides(shape []int) []int {
	strides := make([]int, len(shape))
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = step
		step *= max(shape[i], 1)
	}
	return strides
}

func appendText(p []byte, text string) []byte {
	p = binary.LittleEndian.AppendUint32(append(p, 'X'), uint32(len(text)))
	return append(p, text...)
}

// appendInteger appends a non-negative number: as BININT up to 31 bits, else as LONG1.
func appendInteger(p []byte, number int) []byte {
	if number <= math.MaxInt32 {
		return binary.LittleEndian.AppendUint32(append(p, 'J'), uint32(number))
	}
	return binary.LittleEndian.AppendUint64(append(p, 0x8a, 8), uint64(number))
}

func appendIntegers(p []byte, numbers []int) []byte {
	p = append(p, '(')
	for _, number := range numbers {
		p = appendInteger(p, number)
	}
	return append(p, 't')
}
