package optimizer

import "uer/internal/kernel"

// epsilon of AdamW in UER-py.
const epsilon = 1e-6

// adamW keeps two moments of each parameter, placed as the parameters are.
type adamW struct {
	settings      Settings
	cpu           *kernel.CPU
	ranges        []span
	first, second []float32
}

func newAdamW(cpu *kernel.CPU, s Settings, parameters []Parameter) method {
	size := end(parameters)
	return &adamW{
		settings: s, cpu: cpu, ranges: spans(parameters), first: kernel.Allocate(size), second: kernel.Allocate(size),
	}
}

func (o *adamW) update(_ int, rate, scale float64, parameters, gradients []float32) {
	update := kernel.AdamW{
		Rate: rate, Beta1: o.settings.Beta1, Beta2: o.settings.Beta2, Epsilon: epsilon, GradientScale: scale,
	}
	for _, r := range o.ranges {
		update.WeightDecay = 0
		if r.decays {
			update.WeightDecay = o.settings.WeightDecay
		}
		first, second := o.first[r.start:r.end], o.second[r.start:r.end]
		o.cpu.AdamW(update, parameters[r.start:r.end], gradients[r.start:r.end], first, second)
	}
}

func (o *adamW) state() []State {
	return []State{{"first_moment", o.first}, {"second_moment", o.second}}
}
