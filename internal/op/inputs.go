package op

// Operations with optional inputs have a struct that names them: of nodes where a model is built, of shapes, or of
// operands where a device binds a kernel. List puts them into the order of an instruction, and a function such as
// AttentionInputsOf reads them from there.

// reader takes the inputs of an instruction one after another.
type reader[T any] struct{ rest []T }

// next is the next input if it is present, else the zero value, which stands for an input left out.
func (r *reader[T]) next(present bool) (x T) {
	if present && len(r.rest) > 0 {
		x, r.rest = r.rest[0], r.rest[1:]
	}
	return x
}

// appendIf appends an input that is present.
func appendIf[T any](list []T, present bool, x ...T) []T {
	if present {
		return append(list, x...)
	}
	return list
}
