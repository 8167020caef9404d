// Package layer holds the modules that models are made of. A module is a struct of parameter nodes: its New function
// declares them in the order of UER-py's state dicts, its Apply puts the computation on the graph. Applying a module
// twice shares its parameters.
package layer
