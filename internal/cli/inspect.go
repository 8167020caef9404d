package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/checkpoint"
	"uer/internal/config"
	"uer/internal/console"
)

type inspectOptions struct {
	path string

	VocabPath       string
	TargetVocabPath string
	Instance        int
	JSON            bool
}

const inspectExamples = `  # a model or a checkpoint: whose it is, its tensors and its settings
  uer inspect models/output_model.bin-100000

  # a dataset: how it was made, lengths, and instance 7 as text
  uer inspect dataset.pt --instance 7 \
              --vocab_path models/google_zh_vocab.txt`

func newInspect(streams Streams) *cobra.Command {
	var options inspectOptions
	command := newCommand("inspect", "Say what a file is and what it holds",
		"Say what a model, checkpoint, state file or dataset is, of uer, UER-py, TencentPretrain or Hugging Face: where it comes\n"+
			"from, what it holds, how it was made, and whether it is whole. The whole file is read.",
		func(*cobra.Command) error { return options.run(streams) })
	command.Use = "inspect FILE"
	command.ValidArgsFunction = nil // files
	command.Args = func(_ *cobra.Command, arguments []string) error {
		if len(arguments) != 1 {
			return console.UsageError{Err: errors.New("inspect needs one path")}
		}
		options.path = arguments[0]
		return nil
	}
	command.Example = inspectExamples
	options.addFlags(command.Flags())
	return command
}

func (o *inspectOptions) addFlags(flags *pflag.FlagSet) {
	group := config.NewGroup(flags, "Inspection")
	group.Text(&o.VocabPath, "vocab_path", "", "vocabulary of a dataset, to show an instance as text")
	group.Text(&o.TargetVocabPath, "tgt_vocab_path", "", "vocabulary of the outputs of seq2seq")
	group.Int(&o.Instance, "instance", -1, -1, "number of an instance to show, from 0")
	group.Bool(&o.JSON, "json", "print JSON")
}

// inspection is what a command prints about a file, as text or as JSON.
type inspection interface{ text(w io.Writer) }

func (o *inspectOptions) run(streams Streams) error {
	end := console.NewStatus(streams.Err).ShowTime("Read", o.path)
	found, err := o.inspect()
	end()
	if err != nil {
		return err
	}
	if o.JSON {
		encoder := json.NewEncoder(streams.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(found)
	}
	var text bytes.Buffer
	found.text(&text)
	_, err = streams.Out.Write(text.Bytes())
	return err
}

// inspect tells models from datasets by how they begin. A dataset of UER-py and a model of PyTorch before 1.6 are both
// pickles: the model's first value is a number.
func (o *inspectOptions) inspect() (inspection, error) {
	if info, err := os.Stat(o.path); err == nil && info.IsDir() {
		return inspectModel(o.path)
	}
	start, err := firstBytes(o.path, 16)
	if err != nil {
		return nil, err
	}
	isSafetensors := len(start) > 8 && start[8] == '{' // after the length of the header, which may begin like a pickle
	isPickle := len(start) > 2 && start[0] == 0x80 && !isSafetensors
	const legacy = 0x8a // LONG1: the magic number
	switch {
	case bytes.HasPrefix(start, []byte("ARROW1")), isPickle && start[2] != legacy:
		return inspectDataset(*o)
	}
	if prefix, isState := cutState(o.path); isState {
		return inspectModel(prefix)
	}
	return inspectModel(o.path)
}

// cutState returns the path of the checkpoint that a state file belongs to.
func cutState(path string) (string, bool) {
	suffix := checkpoint.StatePath("")
	if len(path) <= len(suffix) || path[len(path)-len(suffix):] != suffix {
		return path, false
	}
	return path[:len(path)-len(suffix)], true
}

func firstBytes(path string, n int) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, int64(n)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}
