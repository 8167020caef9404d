package exchange

import (
	"fmt"
	"slices"
	"strings"

	"uer/internal/graph"
	"uer/internal/statedict"
)

// Model is a model's parameters without its settings: what a file holds, under the names of 2021.
type Model struct {
	Layout *graph.Layout
	Values [][]float32 // of each parameter
	Target string      // as far as the names of tensors tell: bilm, or ""
}

// Model sorts the tensors of a file by parameter. Several names of one parameter must hold the same values.
func (s *Source) Model() (*Model, error) {
	m := &Model{Layout: new(graph.Layout)}
	shared := slices.ContainsFunc(s.Tensors, func(t statedict.Tensor) bool { return t.Name == "encoder.linear.weight" })
	place := map[string]int{} // index of a parameter by its names
	memory := map[*float32]int{}
	for i := range s.Tensors {
		t := &s.Tensors[i]
		if strings.HasPrefix(t.Name, "encoder.rnn_backward.") || strings.HasPrefix(t.Name, "target.bilm.") {
			m.Target = "bilm"
		}
		name := canonical(t.Name, shared)
		if index, known := place[name]; known {
			p := &m.Layout.Parameters[index]
			if !slices.Equal(p.Shape, t.Shape) || !slices.Equal(m.Values[index], t.Data) {
				return nil, fmt.Errorf("%s: %s is also there under another name, but differs", s.Path, t.Name)
			}
			continue
		}
		if len(t.Data) > 0 {
			if index, known := memory[&t.Data[0]]; known && slices.Equal(m.Layout.Parameters[index].Shape, t.Shape) {
				p := &m.Layout.Parameters[index]
				p.Aliases = append(p.Aliases, name)
				place[name] = index
				continue
			}
			memory[&t.Data[0]] = len(m.Values)
		}
		place[name] = len(m.Values)
		m.Layout.AddParameter(graph.Parameter{Name: name, Shape: t.Shape})
		m.Values = append(m.Values, t.Data)
	}
	return m, nil
}

// canonical returns the name of 2021. Of its two names for sentence prediction, a model with a factorized embedding has
// albert's.
func canonical(name string, factorized bool) string {
	if isLayerTable(name) {
		return positionTable
	}
	for _, year := range []string{Names2023, Names2022} {
		for _, r := range renamings[year] {
			if r.name == "target.nsp_linear_" && factorized {
				continue
			}
			if rest, matches := strings.CutPrefix(name, r.newer); matches {
				return r.name + rest
			}
		}
	}
	return name
}

// Average replaces the values by their mean with those of other models, which must have the same parameters.
func (m *Model) Average(others []*Model, paths []string) error {
	for k, other := range others {
		if len(other.Values) != len(m.Values) {
			return fmt.Errorf("%s has %d parameters, %s has %d", paths[0], len(m.Values), paths[k+1], len(other.Values))
		}
		for i, p := range m.Layout.Parameters {
			if o := other.Layout.Parameters[i]; o.Name != p.Name || !slices.Equal(o.Shape, p.Shape) {
				return fmt.Errorf("%s has %s %v where %s has %s %v", paths[0], p.Name, p.Shape, paths[k+1], o.Name, o.Shape)
			}
		}
	}
	for i := range m.Values {
		mean := make([]float32, len(m.Values[i]))
		for j := range mean {
			sum := float64(m.Values[i][j])
			for _, other := range others {
				sum += float64(other.Values[i][j])
			}
			mean[j] = float32(sum / float64(len(others)+1))
		}
		m.Values[i] = mean
	}
	return nil
}

// Resize gives the tables over the vocabulary the rows of another one, as [Options] says. initial draws the values that
// nothing else determines.
func (m *Model) Resize(o Options, initial func(layout *graph.Layout, values []float32)) ([]Resized, error) {
	layout := new(graph.Layout)
	for _, p := range m.Layout.Parameters {
		p.Shape = slices.Clone(p.Shape)
		if tableOf(p) == vocabularyTable {
			p.Shape[0] = o.Model.Size()
		}
		layout.AddParameter(p)
	}
	drawn := make([]float32, layout.ParameterSize)
	initial(layout, drawn)
	var counts []Resized
	for i, p := range layout.Parameters {
		if tableOf(p) != vocabularyTable {
			continue
		}
		t := &statedict.Tensor{Name: p.Name, Shape: m.Layout.Parameters[i].Shape, Data: m.Values[i]}
		if o.Vocabulary.Size() > t.Shape[0] {
			return nil, fmt.Errorf("%s has %d rows, fewer than the %d tokens of the vocabulary that is said to be its own",
				p.Name, t.Shape[0], o.Vocabulary.Size())
		}
		var r Resized
		m.Values[i], r = o.resize(p, t, drawn[p.Offset:][:p.Shape.Elements()])
		counts = append(counts, r)
	}
	if counts == nil {
		return nil, fmt.Errorf("it has no table over the vocabulary")
	}
	m.Layout = layout
	return counts, nil
}

// Tensors lists the tensors under the given names. A parameter's names share its values.
func (m *Model) Tensors(n Naming) []statedict.Tensor {
	if n.Target == "" {
		n.Target = m.Target
	}
	var tensors []statedict.Tensor
	for i, p := range m.Layout.Parameters {
		for _, name := range n.Of(p, m.Layout) {
			tensors = append(tensors, statedict.Tensor{Name: name, Shape: p.Shape, Data: m.Values[i]})
		}
	}
	return tensors
}

// Years returns the years of UER-py, as [NameChoices] calls them, whose programs find all tensors of a file.
func (s *Source) Years(m *Model) []string {
	present := map[string]bool{}
	for _, t := range s.Tensors {
		present[t.Name] = true
	}
	target := m.Target
	var years []string
	for _, year := range NameChoices[1:] {
		all := !slices.ContainsFunc(m.Layout.Parameters, func(p graph.Parameter) bool {
			return slices.ContainsFunc(Naming{Versions: year, Target: target}.Of(p, m.Layout), func(name string) bool { return !present[name] })
		})
		if all {
			years = append(years, year)
		}
	}
	return years
}
