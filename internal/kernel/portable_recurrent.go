package kernel

import "math"

var portableRecurrent = recurrentRoutines{
	// The portable routines read the weights as they are.
	packForward:  func(*recurrentStep, int) {},
	packBackward: func(*recurrentStep, int) {},
	forward:      portableRecurrentForward,
	backward:     portableRecurrentBackward,
}

func portableRecurrentForward(t *recurrentStep, tile int) {
	first, units := t.units(tile)
	for row, token := range t.tokens {
		for u := first; u < first+units; u++ {
			var sums [4]float32 // of the gates
			for gate := range t.cell.Gates() {
				if !t.start {
					weights := t.weights[(gate*t.hidden+u)*t.hidden:][:t.hidden]
					sums[gate] = dot(weights, t.before[row*t.hidden:])
				}
			}
			h := t.cellForward(row, int(token), u, sums)
			t.y[int(token)*t.stride+u] = h
			t.after[row*t.hidden+u] = h
		}
	}
}

// cellForward turns the sums with the state into the new state of one unit.
func (t *recurrentStep) cellForward(row, token, u int, sums [4]float32) float32 {
	gate := func(i int) *float32 { return &t.gates[token*t.gateStride+i*t.hidden+u] }
	memory := &t.memory[row*t.hidden+u]
	switch t.cell {
	case LSTMCell:
		i, f := sigmoid32(*gate(0)+sums[0]), sigmoid32(*gate(1)+sums[1])
		g, o := tanh32(*gate(2)+sums[2]), sigmoid32(*gate(3)+sums[3])
		c := i * g
		if !t.start {
			c += f * *memory
		}
		*gate(0), *gate(1), *gate(2), *gate(3) = i, f, g, o
		*memory, t.extra[token*t.hidden+u] = c, c
		return o * tanh32(c)
	case GRUCell:
		b := sums[2] + t.bias[u]
		r, z := sigmoid32(*gate(0)+sums[0]), sigmoid32(*gate(1)+sums[1])
		n := tanh32(*gate(2) + r*b)
		*gate(0), *gate(1), *gate(2) = r, z, n
		t.extra[token*t.hidden+u] = b
		h := (1 - z) * n
		if !t.start {
			h += z * t.before[row*t.hidden+u]
		}
		return h
	}
	return tanh32(*gate(0) + sums[0])
}

func portableRecurrentBackward(t *recurrentStep, tile int) {
	first, units := t.units(tile)
	width := t.cell.Gates() * t.hidden
	for row, token := range t.tokens {
		for u := first; u < first+units; u++ {
			dh, memory := t.dy[int(token)*t.stride+u], float32(0)
			if row < t.carried {
				for i, d := range t.next[row*width : (row+1)*width] {
					dh += d * t.weights[i*t.hidden+u]
				}
				memory = t.memory[row*t.hidden+u]
			}
			t.cellBackward(row, int(token), u, dh, memory)
		}
	}
}

// cellBackward turns the gradient of the state of one unit, but for what memory holds, into those of the gates.
func (t *recurrentStep) cellBackward(row, token, u int, dh, memory float32) {
	width := t.cell.Gates() * t.hidden
	gate := func(i int) float32 { return t.gates[token*t.gateStride+i*t.hidden+u] }
	put := func(i int, d, dstate float32) { // gradients of a gate's sums with the input and with the state
		t.dgates[token*width+i*t.hidden+u] = d
		t.now[row*width+i*t.hidden+u] = dstate
	}
	before := func(x []float32, stride int) float32 {
		if t.start {
			return 0
		}
		return x[(token+t.previous)*stride+u]
	}
	remember := &t.memory[row*t.hidden+u]
	switch t.cell {
	case LSTMCell:
		i, f, g, o := gate(0), gate(1), gate(2), gate(3)
		tanhC := tanh32(t.extra[token*t.hidden+u])
		dc := memory + dh*o*(1-tanhC*tanhC)
		di, df := dc*g*i*(1-i), dc*before(t.extra, t.hidden)*f*(1-f)
		dg, do := dc*i*(1-g*g), dh*tanhC*o*(1-o)
		put(0, di, di)
		put(1, df, df)
		put(2, dg, dg)
		put(3, do, do)
		*remember = dc * f
	case GRUCell:
		r, z, n, b := gate(0), gate(1), gate(2), t.extra[token*t.hidden+u]
		dh += memory
		dn := dh * (1 - z) * (1 - n*n)
		dr, dz := dn*b*r*(1-r), dh*(before(t.y, t.stride)-n)*z*(1-z)
		put(0, dr, dr)
		put(1, dz, dz)
		put(2, dn, dn*r)
		t.dextra[token*t.hidden+u] = dn * r
		*remember = dh * z
	default:
		h := t.y[token*t.stride+u]
		d := dh * (1 - h*h)
		put(0, d, d)
	}
}

func sigmoid32(x float32) float32 { return float32(sigmoid(float64(x))) }
func tanh32(x float32) float32    { return float32(math.Tanh(float64(x))) }
