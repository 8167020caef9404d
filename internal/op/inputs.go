package op

// reader reads the inputs of an instruction one after another.
type reader[T any] struct{ rest []T }

// next returns the next input, or the zero value if that input is left out.
func (r *reader[T]) next(present bool) (x T) {
	if present && len(r.rest) > 0 {
		x, r.rest = r.rest[0], r.rest[1:]
	}
	return x
}

// appendIf appends optional inputs.
func appendIf[T any](list []T, present bool, x ...T) []T {
	if present {
		return append(list, x...)
	}
	return list
}
