package graph

// Scope names the parameters of a module by its place in the model: in the scope encoder.transformer.0, weight is
// encoder.transformer.0.weight, its key in a state dict.
type Scope struct {
	*Builder
	prefix string
}

// Scope returns the root scope.
func (b *Builder) Scope() Scope { return Scope{Builder: b} }

// In returns the scope of a submodule.
func (s Scope) In(name string) Scope { return Scope{Builder: s.Builder, prefix: s.prefix + name + "."} }

// Parameter adds a parameter of the module.
func (s Scope) Parameter(name string, shape ...int) *Node {
	return s.Builder.Parameter(s.prefix+name, shape...)
}

// Frozen adds a tensor of the module that is stored with the parameters but not trained.
func (s Scope) Frozen(name string, shape ...int) *Node {
	return s.Builder.Frozen(s.prefix+name, shape...)
}

// Share makes a parameter of another module one of this module too.
func (s Scope) Share(name string, parameter *Node) *Node { return s.Alias(s.prefix+name, parameter) }

// Named returns the input or parameter of a full name, nil if there is none.
func (b *Builder) Named(name string) *Node { return b.byName[name] }
