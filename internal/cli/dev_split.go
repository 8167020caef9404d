package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/instance"
)

// splitOptions hold documents of a corpus out of training.
type splitOptions struct {
	DevPath     string // dataset of the documents held out; "" for none
	DevFraction float64
}

func (o *splitOptions) addFlags(paths, data config.Group) {
	paths.Text(&o.DevPath, "dev_path", "", "dataset to write of the documents that --dev_fraction holds out")
	data.Float(&o.DevFraction, "dev_fraction", 0, 0, 1,
		"fraction of the documents, chosen by their text, to hold out of training")
}

// check rejects half of the settings.
func (o *splitOptions) check(datasetPath string) error {
	var err error
	switch {
	case o.DevPath == "" && o.DevFraction > 0:
		err = console.Hint(errors.New("--dev_fraction needs --dev_path, where the held-out documents go"),
			"pass --dev_path FILE, too")
	case o.DevPath != "" && (o.DevFraction == 0 || o.DevFraction == 1):
		err = console.Hint(errors.New("--dev_path needs a --dev_fraction of the documents, above 0 and below 1"),
			"pass --dev_fraction 0.01 for one document in a hundred")
	case o.DevPath != "" && filepath.Clean(o.DevPath) == filepath.Clean(datasetPath):
		err = fmt.Errorf("--dev_path %s is the dataset for training", o.DevPath)
	}
	if err != nil {
		return console.UsageError{Err: err}
	}
	return nil
}

// parts returns the runs for the datasets to make: of the held-out documents first, since most of what can be wrong shows
// there, and quickly.
func (p *preprocessing) parts() []*preprocessing {
	split := p.options.Split
	if split.DevPath == "" {
		return []*preprocessing{p}
	}
	p.settings.Split = instance.Split{Fraction: split.DevFraction}
	heldOut := *p
	heldOut.settings.Split.HeldOut = true
	heldOut.options.DatasetPath = split.DevPath
	return []*preprocessing{&heldOut, p}
}
