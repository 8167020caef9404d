package graph

// Scope names the parameters of a module after its place in the model: the scope encoder.transformer.0 declares weight
// as encoder.transformer.0.weight, its key in a state dict.
type Scope struct {
	*Builder
	prefix string
}

// Scope is the root scope.
func (b *Builder) Scope() Scope { return Scope{Builder: b} }

// In is the scope of a submodule.
func (s Scope) In(name string) Scope { return Scope{Builder: s.Builder, prefix: s.prefix + name + "."} }

// Parameter declares a parameter of the module.
func (s Scope) Parameter(name string, shape ...int) *Node {
	return s.Builder.Parameter(s.prefix+name, shape...)
}

// Frozen declares a tensor of the module that is kept with the parameters but not trained.
func (s Scope) Frozen(name string, shape ...int) *Node {
	return s.Builder.Frozen(s.prefix+name, shape...)
}

// Share names a parameter of another module as this module's own.
func (s Scope) Share(name string, parameter *Node) *Node { return s.Alias(s.prefix+name, parameter) }

// Named finds a parameter by its whole name, nil if there is none.
func (b *Builder) Named(name string) *Node { return b.byName[name] }
