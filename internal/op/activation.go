package op

// Activation is a function applied to each element.
type Activation uint8

// The activations.
const (
	Identity Activation = iota // x
	GELU                       // x Φ(x), where Φ is the normal distribution function
	GELUFast                   // x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2
	ReLU                       // max(x, 0)
	SiLU                       // x σ(x)
	Tanh
	Sigmoid // σ(x) = 1 / (1 + exp(−x))
)
