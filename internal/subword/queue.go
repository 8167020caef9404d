package subword

// Queue gives back what was pushed in order: a binary heap in one slice, which it reuses.
type Queue[T interface{ Precedes(T) bool }] []T

// Push adds an element.
func (q *Queue[T]) Push(x T) {
	h := append(*q, x)
	*q = h
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].Precedes(h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// Pop takes the element that precedes all others. There must be one.
func (q *Queue[T]) Pop() T {
	h := *q
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	*q = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && h[child+1].Precedes(h[child]) {
			child++
		}
		if !h[child].Precedes(h[i]) {
			return top
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
