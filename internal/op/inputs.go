package op

// Operations with optional inputs have a struct that names them: of nodes where a model is built, of shapes, or of
// operands where a device binds a kernel. slots is the order in which an instruction lists the inputs that are there.
type slots[T any] struct {
	fields [maxInputs]*T
	count  int
}

const maxInputs = 12

// add appends inputs that are there only if present is set.
func (s *slots[T]) add(present bool, fields ...*T) {
	if present {
		s.count += copy(s.fields[s.count:], fields)
	}
}

// read sets the inputs from an instruction's list.
func (s *slots[T]) read(in []T) {
	for i := range min(s.count, len(in)) {
		*s.fields[i] = in[i]
	}
}

// list is the inputs as an instruction lists them.
func (s *slots[T]) list() []T {
	in := make([]T, s.count)
	for i := range in {
		in[i] = *s.fields[i]
	}
	return in
}
