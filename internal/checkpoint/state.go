package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"uer/internal/batch"
	"uer/internal/console"
	"uer/internal/graph"
)

// State is what a training needs, beside the parameters and the optimizer state, to continue exactly. Dropout and our own
// order of the data are keyed by the seed, which is one of the settings, and by Step and Position.
type State struct {
	Step     int               `json:"step"`     // the last step that the parameters have learnt from
	Updates  int               `json:"updates"`  // of the parameters; the schedule of the learning rate continues there
	Settings map[string]string `json:"settings"` // all that make the run, by the names of the flags
	Position batch.Position    `json:"position"`
	Dataset  Dataset           `json:"dataset"`
	Loss     *Loss             `json:"loss,omitempty"`     // nil in older files
	HeldOut  *HeldOut          `json:"held_out,omitempty"` // nil if there are no held-out data
	Norms    []float64         `json:"norms,omitempty"`    // of the gradients of the last updates, where outliers are skipped

	VocabularySHA256       string `json:"vocabulary_sha256"`
	TargetVocabularySHA256 string `json:"tgt_vocabulary_sha256,omitempty"`

	Tokenizer Tokenizer `json:"tokenizer,omitzero"` // what made ids of the text; empty in older files

	Run     string    `json:"run"`         // the same in all checkpoints of a training, resumed or not, and only there
	Version string    `json:"uer_version"` // of the program
	Saved   time.Time `json:"saved"`
}

// Tokenizer is what made ids of a text: its name, and what else the ids depend on, as package tokenizer describes them.
type Tokenizer struct {
	Name     string `json:"name"`
	Settings string `json:"settings"`
}

// Dataset identifies a dataset wherever it lies.
type Dataset struct {
	Path      string `json:"path"`
	SHA256    string `json:"sha256"` // as dataset.Identity returns it
	Instances int    `json:"instances"`
}

// stateFormat marks a state file.
const stateFormat = "uer training state"

// Loss is the mean loss of some steps on the training data, of the first rank.
type Loss struct {
	Mean  float64 `json:"mean"`
	First int     `json:"first_step"`
	Last  int     `json:"last_step"`
}

// HeldOut is what the evaluations of a training on held-out data have found.
type HeldOut struct {
	Dataset  Dataset `json:"dataset"`
	Last     int     `json:"last"`      // step of the last evaluation; 0: there was none yet
	BestStep int     `json:"best_step"` // step of the best one
	BestLoss float64 `json:"best_loss"` // the lowest loss
	Since    int     `json:"since"`     // evaluations after the best one
}

// stateVersion numbers the layout of the state file. Files of a later one are refused.
const stateVersion = 1

// header is the metadata of a state file.
type header struct {
	FormatVersion int `json:"format_version"`
	State
	Layout  string            `json:"layout_sha256"` // of the places of parameters and optimizer state
	Weights map[string]uint32 `json:"weights_crc32"` // of the values of each tensor of the state dict
}

// metadata returns the header as the metadata of a safetensors file, which are strings: each field in JSON.
func (h *header) metadata() (map[string]string, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	metadata := map[string]string{"format": stateFormat}
	for name, value := range fields {
		metadata[name] = string(value)
	}
	return metadata, nil
}

// parseHeader reads the metadata of a state file.
func parseHeader(metadata map[string]string) (*header, error) {
	metadata = maps.Clone(metadata)
	delete(metadata, "format")
	fields := map[string]json.RawMessage{}
	for name, value := range metadata {
		fields[name] = json.RawMessage(value)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("its metadata: %w", err)
	}
	h := new(header)
	if err := json.Unmarshal(text, h); err != nil {
		return nil, fmt.Errorf("its metadata: %w", err)
	}
	switch {
	case h.FormatVersion > stateVersion:
		return nil, console.Hint(fmt.Errorf("written by a newer version of uer (format %d, this one reads up to %d)",
			h.FormatVersion, stateVersion), "resume with that version")
	case h.FormatVersion < 1:
		return nil, errors.New("not the state of a training")
	case h.Step < 1 || h.Updates < 1 || h.Updates > h.Step || h.Position.Instances < 0:
		return nil, fmt.Errorf("step %d, %d updates, %d instances", h.Step, h.Updates, h.Position.Instances)
	}
	return h, nil
}

// digest identifies the places of parameters and optimizer state: the state's values mean something only there.
func digest(l *graph.Layout) string {
	sum := sha256.New()
	for _, p := range l.Parameters {
		fmt.Fprintln(sum, p.Name, p.Shape, p.Offset, p.Frozen)
	}
	for _, s := range l.State {
		fmt.Fprintln(sum, s.Name, s.Offset, s.Size)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
