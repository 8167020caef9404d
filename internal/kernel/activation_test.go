package kernel

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"uer/internal/kernel/portable"
)

// parts is the form of testdata/parts.json: numbers of UER-py's layer norms and activation functions.
type parts struct {
	LayerNorm   map[string]normPart `json:"layer_norm"`
	Activations map[string]struct{ X, Y, DYDX []float32 }
}

type normPart struct {
	X, Y, DY, DX [][]float32
	Params       map[string][]float32
	DParams      map[string][]float32
}

func readParts(t *testing.T) (p parts) {
	t.Helper()
	data, err := os.ReadFile("testdata/parts.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

var activationNames = map[string]Activation{
	"linear": None, "gelu": GELU, "gelu_fast": GELUFast, "relu": ReLU, "silu": SiLU, "tanh": Tanh, "sigmoid": Sigmoid,
}

// apply writes a(x) to y.
func apply(c *CPU, a Activation, y, x []float32) {
	ones := make([]float32, len(x))
	c.Fill(ones, 1)
	c.GatedForward(a, Floats(y), Floats(x), Floats(ones))
}

func TestActivationsAreThoseOfUER(t *testing.T) {
	for name, part := range readParts(t).Activations {
		for _, set := range testedSets() {
			c := newTestCPU(t, set, 1)
			y, dydx := make([]float32, len(part.X)), make([]float32, len(part.X))
			apply(c, activationNames[name], y, part.X)
			requireNear(t, name+" on "+set, y, float64s(part.Y), 3e-7)
			c.Fill(dydx, 1)
			c.ActivationBackward(activationNames[name], Floats(dydx), Floats(dydx), Floats(part.X))
			requireNear(t, name+" gradient on "+set, dydx, float64s(part.DYDX), 3e-7)
		}
	}
}

func TestActivationsAgree(t *testing.T) {
	for name, a := range activationNames {
		for _, n := range []int{0, 1, 3, 17, 63, 65, 3*tileElements + 5} {
			x, gate, dy := random(1, n), random(2, n), random(3, n)
			for i := range gate {
				gate[i] *= 4
			}
			t.Run(name, func(t *testing.T) {
				requireSame(t, 3e-7, func(c *CPU) [][]float32 {
					dx := make([]float32, n)
					gated, dgate, dgated := make([]float32, n), make([]float32, n), make([]float32, n)
					c.ActivationBackward(a, Floats(dx), Floats(dy), Floats(gate))
					c.GatedForward(a, Floats(gated), Floats(gate), Floats(x))
					c.GatedBackward(a, Floats(dgate), Floats(dgated), Floats(dy), Floats(gate), Floats(x))
					return [][]float32{dx, gated, dgate, dgated}
				})
			})
		}
	}
}

func TestActivationGradients(t *testing.T) {
	c := newTestCPU(t, "portable", 1)
	for name, a := range activationNames {
		const n = 50
		gate, x, dy, y := random(1, n), random(2, n), random(3, n), make([]float32, n)
		dgate, dx := make([]float32, n), make([]float32, n)
		if a == ReLU { // finite differences must not meet the corner
			for i := range gate {
				gate[i] += float32(math.Copysign(0.1, float64(gate[i])))
			}
		}
		loss := func() float64 { c.GatedForward(a, Floats(y), Floats(gate), Floats(x)); return weighted(y, dy) }
		c.GatedBackward(a, Floats(dgate), Floats(dx), Floats(dy), Floats(gate), Floats(x))
		requireGradient(t, name+" gate", gate, dgate, loss)
		requireGradient(t, name+" x", x, dx, loss)
	}
}

// TestActivationErrors holds the largest errors, in units in the last place, that the comments in vecmath.inc.h state.
// The exponential is measured as the lower tail of the sigmoid, where 1/(1+e^-x) = e^x.
func TestActivationErrors(t *testing.T) {
	for _, c := range []struct {
		name        string
		activation  Activation
		first, last float64
		limit       float64
	}{
		{"exponential", Sigmoid, -85, -20, 1},
		{"sigmoid", Sigmoid, -20, 20, 3},
		{"tanh", Tanh, -10, 10, 2},
		{"tanh near 0", Tanh, -1e-3, 1e-3, 1},
	} {
		x, want := make([]float32, 1<<18), make([]float64, 1<<18)
		for i := range x {
			x[i] = float32(c.first + (c.last-c.first)*float64(i)/float64(len(x)-1))
			want[i] = portable.Activate(c.activation, float64(x[i]))
		}
		for _, set := range testedSets() {
			y := make([]float32, len(x))
			apply(newTestCPU(t, set, 2), c.activation, y, x)
			worst, at := 0.0, 0
			for i, v := range y {
				if e := math.Abs(float64(v)-want[i]) / ulp(want[i]); e > worst {
					worst, at = e, i
				}
			}
			if worst > c.limit {
				t.Errorf("%s on %s: error %.2f ulp at %v, limit %v", c.name, set, worst, x[at], c.limit)
			}
		}
	}
}

// TestGELUError follows from the error of the tail of the normal distribution in vecmath.inc.h: it grows with x.
func TestGELUError(t *testing.T) {
	x := make([]float32, 1<<16)
	for i := range x {
		x[i] = -14 + 28*float32(i)/float32(len(x))
	}
	for _, set := range testedSets() {
		y := make([]float32, len(x))
		apply(newTestCPU(t, set, 1), GELU, y, x)
		for i, v := range x {
			if e := math.Abs(float64(y[i]) - portable.Activate(GELU, float64(v))); e > 0x1p-22*math.Abs(float64(v)) {
				t.Fatalf("%s: GELU(%v) = %v, error %v", set, v, y[i], e)
			}
		}
	}
}

// ulp is the distance of float32 numbers around x.
func ulp(x float64) float64 {
	_, exponent := math.Frexp(x)
	return math.Ldexp(1, exponent-24)
}

func TestActivationsPassNaNOn(t *testing.T) {
	nan := float32(math.NaN())
	for name, a := range activationNames {
		for _, set := range testedSets() {
			y := make([]float32, 3)
			apply(newTestCPU(t, set, 1), a, y, []float32{1, nan, -1})
			if y[0] != y[0] || y[1] == y[1] || y[2] != y[2] {
				t.Errorf("%s of 1, NaN, -1 on %s: %v", name, set, y)
			}
		}
	}
}

func BenchmarkActivationBackward(b *testing.B) {
	const n = 4096 * 3072
	x, y := random(1, n), make([]float32, n)
	for _, a := range []struct {
		name string
		Activation
	}{{"gelu", GELU}, {"relu", ReLU}, {"tanh", Tanh}} {
		b.Run(a.name, func(b *testing.B) {
			eachSet(b, 12*n, func(c *CPU) { c.ActivationBackward(a.Activation, Floats(y), Floats(y), Floats(x)) })
		})
	}
}
