package routine

// Activation names an elementwise function.
type Activation uint8

const (
	None     Activation = iota // x: the identity
	GELU                       // x Φ(x), Φ the distribution function of the normal distribution
	GELUFast                   // x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2
	ReLU                       // max(x, 0)
	SiLU                       // x σ(x)
	Tanh
	Sigmoid // σ(x) = 1 / (1 + exp(-x))
)

// ActivationBackward is dx = dy a'(x). DX may be DY or X. All are stored the same way.
type ActivationBackward struct {
	Activation Activation
	DX, DY, X  Array // [n]
}

// GatedForward is y = a(gate) x. Y may be Gate or X. All are stored the same way.
type GatedForward struct {
	Activation Activation
	Y, Gate, X Array // [n]
}

// GatedBackward is dgate = dy x a'(gate) and dx = dy a(gate). DGate and DX may each be any of the inputs.
// All are stored the same way.
type GatedBackward struct {
	Activation             Activation
	DGate, DX, DY, Gate, X Array // [n]
}
