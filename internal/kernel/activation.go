package kernel

// Activation names an elementwise function.
type Activation uint8

const (
	None     Activation = iota // x: no function is applied
	GELU                       // x Φ(x), Φ the distribution function of the normal distribution
	GELUFast                   // x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2
	ReLU                       // max(x, 0)
	SiLU                       // x σ(x)
	Linear                     // x: the function is the identity
	Tanh
	Sigmoid // σ(x) = 1 / (1 + exp(-x))
)

// ActivationForward writes y = a(x). y may be x.
func (c *CPU) ActivationForward(a Activation, y, x []float32) {
	requireLength("y", len(y), len(x))
	c.overElements(len(x), func(i, j int) { c.rows.activationForward(a, y[i:j], x[i:j]) })
}

// ActivationBackward writes dx = dy a'(x). dx may be dy or x.
func (c *CPU) ActivationBackward(a Activation, dx, dy, x []float32) {
	requireLength("dx", len(dx), len(x))
	requireLength("dy", len(dy), len(x))
	c.overElements(len(x), func(i, j int) { c.rows.activationBackward(a, dx[i:j], dy[i:j], x[i:j]) })
}

// GatedForward writes y = a(gate) x. y may be gate or x. With Linear it is the elementwise product.
func (c *CPU) GatedForward(a Activation, y, gate, x []float32) {
	requireLength("y", len(y), len(x))
	requireLength("gate", len(gate), len(x))
	c.overElements(len(x), func(i, j int) { c.rows.gatedForward(a, y[i:j], gate[i:j], x[i:j]) })
}

// GatedBackward writes dgate = dy x a'(gate) and dx = dy a(gate). dgate and dx may each be any of the inputs.
func (c *CPU) GatedBackward(a Activation, dgate, dx, dy, gate, x []float32) {
	requireLength("dgate", len(dgate), len(x))
	requireLength("dx", len(dx), len(x))
	requireLength("dy", len(dy), len(x))
	requireLength("gate", len(gate), len(x))
	c.overElements(len(x), func(i, j int) {
		c.rows.gatedBackward(a, dgate[i:j], dx[i:j], dy[i:j], gate[i:j], x[i:j])
	})
}
