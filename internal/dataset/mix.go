package dataset

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"

	"uer/internal/console"
	"uer/internal/task"
)

// Part is one of the datasets of a mix.
type Part struct {
	*Dataset
	// Weight is its share of the tokens, relative to those of the others. Where all are 0, a pass has each instance once.
	Weight float64
	// Tokens and Share are its shares of the tokens and of the instances that are trained on. The latter follows from the mean
	// length of its instances.
	Tokens, Share float64
}

// Mix combines datasets into one, whose instances are those of the parts, one after the other. Parts says how to draw from
// them. The mix closes the parts; if it fails, the caller does.
func Mix(parts []Part) (*Dataset, error) {
	parts = slices.Clone(parts)
	first := &parts[0]
	d := &Dataset{Metadata: first.Metadata, Parts: parts, targets: slices.Clone(first.targets)}
	m := &d.Metadata
	m.Warnings, m.Made, m.Instances, m.Totals.Tokens = nil, nil, 0, 0
	tokens, instances := 0.0, 0.0
	for i := range parts {
		p := &parts[i]
		if err := first.mixes(p.Dataset); err != nil {
			return nil, err
		}
		mean, err := p.meanTokens()
		if err != nil {
			return nil, err
		}
		p.Tokens, p.Share = p.Weight, p.Weight/mean
		d.Path += p.Path
		if p.Weight > 0 {
			d.Path += ":" + strconv.FormatFloat(p.Weight, 'g', -1, 64)
		} else {
			p.Share = float64(p.Len())
			p.Tokens = p.Share * mean
		}
		d.Path += " "
		tokens, instances = tokens+p.Tokens, instances+p.Share
		d.starts = append(d.starts, int(m.Instances))
		d.targets = slices.DeleteFunc(d.targets, func(t string) bool { return !slices.Contains(p.targets, t) })
		m.Instances += p.Metadata.Instances
		m.Tokens += p.Metadata.Tokens
		m.SequenceLength = max(m.SequenceLength, p.Metadata.SequenceLength)
		m.TargetSequenceLength = max(m.TargetSequenceLength, p.Metadata.TargetSequenceLength)
		m.MaskRate = max(m.MaskRate, p.Metadata.MaskRate)
	}
	for i := range parts {
		parts[i].Tokens, parts[i].Share = parts[i].Tokens/tokens, parts[i].Share/instances
	}
	d.Path = d.Path[:len(d.Path)-1]
	d.source = mixed{d}
	return d, nil
}

// mixes returns an error if another dataset cannot be trained on together with this one.
func (d *Dataset) mixes(other *Dataset) error {
	a, b := &d.Metadata, &other.Metadata
	differ := func(what, hint string) error {
		return console.Hint(fmt.Errorf("%s and %s cannot be mixed: they were made %s", d.Path, other.Path, what), hint)
	}
	again := "make both with the same settings of uer preprocess"
	known := !d.Foreign && !other.Foreign
	switch {
	case !slices.ContainsFunc(d.targets, func(t string) bool { return slices.Contains(other.targets, t) }):
		return differ(fmt.Sprintf("for --target %s and %s", d.targets[0], other.targets[0]), again)
	case known && (a.VocabularySHA256 != b.VocabularySHA256 || a.TargetVocabularySHA256 != b.TargetVocabularySHA256):
		return differ("with different vocabularies", again)
	case a.Dynamic != b.Dynamic:
		return differ("with masks and without", "pass --dynamic_masking to uer preprocess for both, or for none")
	}
	return nil
}

// meanTokens returns the mean number of tokens of an instance. Of a file by UER-py, it counts them.
func (d *Dataset) meanTokens() (float64, error) {
	tokens := d.Metadata.Tokens
	if d.Foreign {
		tokens = 0
		var x task.Instance
		for i := range d.Len() {
			if err := d.Instance(i, &x); err != nil {
				return 0, err
			}
			tokens += int64(x.Ends[len(x.Ends)-1]) + int64(len(x.Output))
		}
	}
	if tokens == 0 {
		return 0, errors.New(d.Path + " has no tokens")
	}
	return float64(tokens) / float64(d.Len()), nil
}

// Files returns the datasets of a mix, or the dataset itself.
func (d *Dataset) Files() []*Dataset {
	if d.Parts == nil {
		return []*Dataset{d}
	}
	var files []*Dataset
	for _, p := range d.Parts {
		files = append(files, p.Dataset)
	}
	return files
}

// Locate returns the file that an instance is in, and its number there.
func (d *Dataset) Locate(i int) (path string, number int) {
	if d.Parts == nil {
		return d.Path, i
	}
	part, number := d.locate(i)
	return part.Path, number
}

func (d *Dataset) locate(i int) (part *Part, number int) {
	at := sort.SearchInts(d.starts, i+1) - 1
	return &d.Parts[at], i - d.starts[at]
}

// mixed reads the datasets of a mix.
type mixed struct{ *Dataset }

func (m mixed) instance(i int, into *task.Instance) error {
	part, number := m.locate(i)
	return part.Instance(number, into)
}

func (m mixed) identity() []byte {
	var text []byte
	for _, p := range m.Parts {
		text = fmt.Appendf(text, "%s %v\n", p.Identity(), p.Share)
	}
	return text
}

func (m mixed) close() (err error) {
	for _, p := range m.Parts {
		err = errors.Join(err, p.Close())
	}
	return err
}
