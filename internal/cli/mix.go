package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"uer/internal/console"
	"uer/internal/dataset"
)

// datasetShare is one value of --dataset_path: a file, and its share of the tokens, 0 if none is given.
type datasetShare struct {
	path   string
	weight float64
}

// parseDatasets reads the values of --dataset_path: PATH or PATH:WEIGHT. A path may hold colons, if there is such a file.
func parseDatasets(values []string) ([]datasetShare, error) {
	wrong := func(hint, format string, a ...any) ([]datasetShare, error) {
		return nil, console.UsageError{Err: console.Hint(fmt.Errorf("--dataset_path "+format, a...), hint)}
	}
	var list []datasetShare
	weighted := 0
	for _, value := range values {
		d := datasetShare{path: value}
		at := strings.LastIndexByte(value, ':')
		if _, err := os.Stat(value); err != nil && at > 0 {
			weight, err := strconv.ParseFloat(value[at+1:], 64)
			if errors.Is(err, strconv.ErrSyntax) {
				if _, err := os.Stat(value[:at]); err == nil {
					return wrong("a weight is a share of the tokens, such as 0.7 or 70", "%s: the weight %q is not a number", value, value[at+1:])
				}
				list = append(list, d) // opening it says what is wrong
				continue
			}
			if !(weight > 0) || math.IsInf(weight, 0) {
				return wrong("a weight is a share of the tokens, such as 0.7 or 70", "%s: the weight %s is not positive", value, value[at+1:])
			}
			d = datasetShare{value[:at], weight}
			weighted++
		}
		for _, other := range list {
			if other.path == d.path || sameFile(other.path, d.path) {
				return wrong("give each dataset once, with its whole weight", "names %s twice", d.path)
			}
		}
		list = append(list, d)
	}
	switch {
	case len(list) == 1 && weighted == 1:
		return wrong("leave the weight out, or name the other datasets", "%s is a single dataset, with a weight", values[0])
	case weighted > 0 && weighted < len(list):
		return wrong("give a weight to each dataset, or to none, which mixes them as if they were one file", "%s: some datasets lack a weight",
			strings.Join(values, " "))
	}
	return list, nil
}

// paths returns the files of --dataset_path, as far as its values are in order.
func (o *pretrainOptions) datasetFiles() []string {
	list, err := parseDatasets(o.DatasetPaths)
	if err != nil {
		return o.DatasetPaths
	}
	var files []string
	for _, d := range list {
		files = append(files, d.path)
	}
	return files
}

// openDatasets opens what --dataset_path names, as one dataset.
func openDatasets(values []string) (*dataset.Dataset, error) {
	list, err := parseDatasets(values)
	if err != nil {
		return nil, err
	}
	var parts []dataset.Part
	fail := func(err error) (*dataset.Dataset, error) {
		for _, p := range parts {
			err = errors.Join(err, p.Close())
		}
		return nil, err
	}
	for _, d := range list {
		set, err := dataset.Open(d.path)
		if err != nil {
			return fail(err)
		}
		parts = append(parts, dataset.Part{Dataset: set, Weight: d.weight})
	}
	if len(parts) == 1 {
		return parts[0].Dataset, nil
	}
	mix, err := dataset.Mix(parts)
	if err != nil {
		return fail(err)
	}
	return mix, nil
}

// announceMix says what the training reads of each dataset.
func announceMix(options pretrainOptions, data trainingData, status io.Writer) {
	instances := float64(options.TotalSteps) * float64(options.BatchSize*options.Devices.WorldSize)
	for _, p := range data.dataset.Parts {
		fmt.Fprintf(status, "         %s: %.1f %% of the tokens, %.1f %% of the instances; its %s %.1f times\n", p.Path,
			100*p.Tokens, 100*p.Share, counted(int64(p.Len()), "instance"), instances*p.Share/float64(p.Len()))
	}
}
