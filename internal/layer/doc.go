// Package layer holds the modules that models are made of. A module is a struct of parameter nodes: its New function
// declares them in the order of UER-py's state dicts, its Apply adds the computation to the graph. Applying a module
// twice shares its parameters.
package layer
