package routine

// Cell names a recurrent cell. With a = W_ih x_t + b_ih and b = W_hh h_{t-1} + b_hh, whose blocks of rows belong to the gates
// in the order given, which is that of PyTorch, and h_{-1} = c_{-1} = 0:
type Cell uint8

const (
	// TanhCell: h = tanh(a + b).
	TanhCell Cell = iota
	// LSTMCell, gates i, f, g, o of a + b: c = σ(f) c_{t-1} + σ(i) tanh(g), h = σ(o) tanh(c).
	LSTMCell
	// GRUCell, gates r, z, n: R = σ(a_r + b_r), Z = σ(a_z + b_z), N = tanh(a_n + R b_n), h = (1-Z) N + Z h_{t-1}.
	GRUCell
)

// Gates is the number of blocks of rows in the weights of a cell.
func (c Cell) Gates() int { return [...]int{TanhCell: 1, LSTMCell: 4, GRUCell: 3}[c] }

// RecurrentUnits is the number of hidden units of a tile. The last tile of a layer may have fewer.
const RecurrentUnits = 32

// Recurrent is the routines of recurrent layers. They belong together: steps read weights as they were packed.
type Recurrent struct {
	PackForward, PackBackward func(RecurrentTile) // lay out Weights in Packed for the tile's steps
	Forward, Backward         func(RecurrentTile)
}

// RecurrentTile is some units of a step.
type RecurrentTile struct {
	*RecurrentStep
	First, Units int // First is a multiple of RecurrentUnits
}

// RecurrentStep is one step in one direction, for all sequences that are long enough. Slices are indexed by token, or by row
// where a row is a sequence. Arrays, which are indexed by token, are all stored the same way; what steps pass on to each
// other by row is float32.
type RecurrentStep struct {
	Cell     Cell
	Hidden   int
	Tokens   []int32 // [rows] the token of each sequence
	Previous int     // distance to the token of the previous step
	Start    bool    // whether this is the first step

	Weights []float32 // [gates*hidden, hidden]
	Packed  []float32 // [tiles, RecurrentUnits*gates*hidden] the weights as packed; nil if there are Sums
	Sums    []float32 // [rows, gates*hidden], backward [carried, hidden]: the products with the weights; nil to compute them
	Bias    []float32 // [hidden] of the product that gate r of a GRU acts on

	Gates      Array // [tokens, gates*hidden], rows GateStride apart
	GateStride int
	Extra      Array // [tokens, hidden] lstm: c; gru: b_n
	Y          Array // [tokens, hidden], rows Stride apart
	Stride     int

	// Forward: the state before and after the step.
	Before, After []float32 // [rows, hidden]
	// Backward: the gradients of the sums with the state, of the next step and of this one. Only the first Carried rows
	// have a next step.
	Carried   int
	Next, Now []float32 // [rows, gates*hidden]
	// Forward: c of an lstm. Backward: the gradient of the previous state other than through the weights, for an lstm of c.
	Memory []float32 // [rows, hidden]
	DY     Array     // [tokens, hidden], rows Stride apart
	DGates Array     // [tokens, gates*hidden]
	DExtra Array     // [tokens, hidden] gru: gradient of b_n
}
