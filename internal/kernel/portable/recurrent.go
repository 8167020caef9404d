package portable

import (
	"math"

	"uer/internal/kernel/routine"
)

// The portable steps read the weights as they are.
var recurrent = routine.Recurrent{
	PackForward:  func(routine.RecurrentTile) {},
	PackBackward: func(routine.RecurrentTile) {},
	Forward:      recurrentForward,
	Backward:     recurrentBackward,
}

func recurrentForward(t routine.RecurrentTile) {
	for row, token := range t.Tokens {
		for u := t.First; u < t.First+t.Units; u++ {
			var sums [4]float32 // of the gates
			for gate := range t.Cell.Gates() {
				if t.Start {
					continue
				}
				if t.Sums != nil {
					sums[gate] = t.Sums[(row*t.Cell.Gates()+gate)*t.Hidden+u]
				} else {
					weights := t.Weights[(gate*t.Hidden+u)*t.Hidden:][:t.Hidden]
					sums[gate] = dot(weights, t.Before[row*t.Hidden:])
				}
			}
			h := cellForward(t.RecurrentStep, row, int(token), u, sums)
			write(t.Y, int(token)*t.Stride+u, h)
			t.After[row*t.Hidden+u] = h
		}
	}
}

// cellForward turns the sums with the state into the new state of one unit.
func cellForward(t *routine.RecurrentStep, row, token, u int, sums [4]float32) float32 {
	at := func(i int) int { return token*t.GateStride + i*t.Hidden + u }
	gate := func(i int) float32 { return read(t.Gates, at(i)) }
	keep := func(i int, x float32) { write(t.Gates, at(i), x) }
	memory := &t.Memory[row*t.Hidden+u]
	switch t.Cell {
	case routine.LSTMCell:
		i, f := sigmoid32(gate(0)+sums[0]), sigmoid32(gate(1)+sums[1])
		g, o := tanh32(gate(2)+sums[2]), sigmoid32(gate(3)+sums[3])
		c := i * g
		if !t.Start {
			c += f * *memory
		}
		keep(0, i)
		keep(1, f)
		keep(2, g)
		keep(3, o)
		*memory = c
		write(t.Extra, token*t.Hidden+u, c)
		return o * tanh32(c)
	case routine.GRUCell:
		b := sums[2] + t.Bias[u]
		r, z := sigmoid32(gate(0)+sums[0]), sigmoid32(gate(1)+sums[1])
		n := tanh32(gate(2) + r*b)
		keep(0, r)
		keep(1, z)
		keep(2, n)
		write(t.Extra, token*t.Hidden+u, b)
		h := (1 - z) * n
		if !t.Start {
			h += z * t.Before[row*t.Hidden+u]
		}
		return h
	}
	return tanh32(gate(0) + sums[0])
}

func recurrentBackward(t routine.RecurrentTile) {
	width := t.Cell.Gates() * t.Hidden
	for row, token := range t.Tokens {
		for u := t.First; u < t.First+t.Units; u++ {
			dh, memory := read(t.DY, int(token)*t.Stride+u), float32(0)
			if row < t.Carried {
				if t.Sums != nil {
					dh += t.Sums[row*t.Hidden+u]
				} else {
					for i, d := range t.Next[row*width : (row+1)*width] {
						dh += d * t.Weights[i*t.Hidden+u]
					}
				}
				memory = t.Memory[row*t.Hidden+u]
			}
			cellBackward(t.RecurrentStep, row, int(token), u, dh, memory)
		}
	}
}

// cellBackward turns the gradient of the state of one unit, without the part in memory, into those of the gates.
func cellBackward(t *routine.RecurrentStep, row, token, u int, dh, memory float32) {
	width := t.Cell.Gates() * t.Hidden
	gate := func(i int) float32 { return read(t.Gates, token*t.GateStride+i*t.Hidden+u) }
	put := func(i int, d, dstate float32) { // gradients of a gate's sums with the input and with the state
		write(t.DGates, token*width+i*t.Hidden+u, d)
		t.Now[row*width+i*t.Hidden+u] = dstate
	}
	before := func(x routine.Array, stride int) float32 {
		if t.Start {
			return 0
		}
		return read(x, (token+t.Previous)*stride+u)
	}
	remember := &t.Memory[row*t.Hidden+u]
	switch t.Cell {
	case routine.LSTMCell:
		i, f, g, o := gate(0), gate(1), gate(2), gate(3)
		tanhC := tanh32(read(t.Extra, token*t.Hidden+u))
		dc := memory + dh*o*(1-tanhC*tanhC)
		di, df := dc*g*i*(1-i), dc*before(t.Extra, t.Hidden)*f*(1-f)
		dg, do := dc*i*(1-g*g), dh*tanhC*o*(1-o)
		put(0, di, di)
		put(1, df, df)
		put(2, dg, dg)
		put(3, do, do)
		*remember = dc * f
	case routine.GRUCell:
		r, z, n, b := gate(0), gate(1), gate(2), read(t.Extra, token*t.Hidden+u)
		dh += memory
		dn := dh * (1 - z) * (1 - n*n)
		dr, dz := dn*b*r*(1-r), dh*(before(t.Y, t.Stride)-n)*z*(1-z)
		put(0, dr, dr)
		put(1, dz, dz)
		put(2, dn, dn*r)
		write(t.DExtra, token*t.Hidden+u, dn*r)
		*remember = dh * z
	default:
		h := read(t.Y, token*t.Stride+u)
		d := dh * (1 - h*h)
		put(0, d, d)
	}
}

func sigmoid32(x float32) float32 { return float32(sigmoid(float64(x))) }
func tanh32(x float32) float32    { return float32(math.Tanh(float64(x))) }
