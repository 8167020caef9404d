package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"uer/internal/console"
	"uer/internal/dataset"
	"uer/internal/task"
	"uer/internal/vocab"
)

// datasetInspection is what a dataset holds.
type datasetInspection struct {
	Path                 string  `json:"path"`
	Kind                 string  `json:"kind"`
	Program              string  `json:"program"`
	Target               string  `json:"target"`
	SequenceLength       int     `json:"seq_length"`
	TargetSequenceLength int     `json:"tgt_seq_length,omitempty"`
	Tokenizer            string  `json:"tokenizer,omitempty"`
	Vocabulary           string  `json:"vocabulary_sha256,omitempty"`
	Seed                 int64   `json:"seed"`
	Dynamic              bool    `json:"dynamic_masking"`
	Instances            int64   `json:"instances"`
	Documents            int64   `json:"documents,omitempty"`
	Tokens               int64   `json:"tokens"`           // of all instances, without padding
	Masked               int64   `json:"masked,omitempty"` // tokens that are stored as hidden
	Padding              float64 `json:"padding"`          // share of padding where it is computed
	Unknown              float64 `json:"unknown"`          // share of tokens of the corpus that the vocabulary lacks
	Duplicates           float64 `json:"duplicates"`       // share of documents of the corpus that were there before
	Lengths              []bin   `json:"lengths"`

	UnknownWords []string     `json:"unknown_words,omitempty"` // the most frequent ones
	Labels       []labelCount `json:"labels,omitempty"`        // of targets with classes

	Whole bool `json:"whole"`

	Instance     *task.Instance `json:"instance,omitempty"`
	InstanceText string         `json:"instance_text,omitempty"`
}

// bin counts the instances with lengths in a range, both ends included.
type bin struct {
	From  int   `json:"from"`
	To    int   `json:"to"`
	Count int64 `json:"count"`
}

// labelCount is the number of instances with a label.
type labelCount struct {
	Label int32 `json:"label"`
	Count int64 `json:"count"`
}

// mostLabels is the number of labels that are counted one by one.
const mostLabels = 256

// countLabels lists how often labels are there, in their order; nil if there are more than can be of interest.
func countLabels(counts map[int32]int64) []labelCount {
	if len(counts) > mostLabels {
		return nil
	}
	var list []labelCount
	for _, label := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, labelCount{label, counts[label]})
	}
	return list
}

// inspectDataset reads all instances, which checks them.
func inspectDataset(o inspectOptions) (inspection, error) {
	d, err := dataset.Open(o.path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	m := d.Metadata
	i := &datasetInspection{
		Path: o.path, Kind: "dataset", Program: "uer", Target: m.Target, SequenceLength: m.SequenceLength,
		TargetSequenceLength: m.TargetSequenceLength, Tokenizer: m.Tokenizer.Name, Vocabulary: m.VocabularySHA256, Seed: m.Seed,
		Dynamic: m.Dynamic, Instances: m.Instances, Documents: m.Documents, Whole: true,
		Unknown:    float64(m.Unknown) / float64(max(cmp.Or(m.Text, m.Totals.Tokens), 1)),
		Duplicates: m.DuplicateShare, UnknownWords: m.UnknownWords,
	}
	if d.Foreign {
		i.Program = "UER-py or TencentPretrain"
	}
	if o.Instance >= d.Len() {
		return nil, console.UsageError{Err: fmt.Errorf("--instance %d: %s has the instances 0 to %d", o.Instance, o.path, d.Len()-1)}
	}
	counts := make([]int64, m.SequenceLength+1)
	labels := map[int32]int64{}
	var x task.Instance
	for k := range d.Len() {
		if err := d.Instance(k, &x); err != nil {
			return nil, err
		}
		length := int(x.Ends[len(x.Ends)-1])
		counts[length]++
		i.Tokens += int64(length)
		i.Masked += int64(len(x.Masks))
		if len(labels) <= mostLabels && task.ByName[m.Target].Labelled {
			labels[x.Label]++
		}
		if k == o.Instance {
			if err := i.show(o, x); err != nil {
				return nil, err
			}
		}
	}
	i.Padding = 1 - float64(i.Tokens)/float64(i.Instances*int64(m.SequenceLength))
	i.Lengths, i.Labels = bins(counts), countLabels(labels)
	return i, nil
}

// bins divides the lengths into at most sixteen ranges.
func bins(counts []int64) []bin {
	const most = 16
	width := (len(counts) + most - 1) / most
	var list []bin
	for from := 0; from < len(counts); from += width {
		b := bin{From: from, To: min(from+width, len(counts)) - 1}
		for _, count := range counts[b.From : b.To+1] {
			b.Count += count
		}
		list = append(list, b)
	}
	return list
}

// show keeps an instance, as text if there is a vocabulary.
func (i *datasetInspection) show(o inspectOptions, x task.Instance) error {
	kept := x
	kept.Tokens, kept.Ends = append([]int32(nil), x.Tokens...), append([]int32(nil), x.Ends...)
	kept.Masks, kept.Output = append([]task.Mask(nil), x.Masks...), append([]int32(nil), x.Output...)
	i.Instance = &kept
	if o.VocabPath == "" {
		return nil
	}
	vocabulary, err := readVocabularyFile("--vocab_path", o.VocabPath)
	if err != nil {
		return err
	}
	outputs := vocabulary
	if o.TargetVocabPath != "" {
		if outputs, err = readVocabularyFile("--tgt_vocab_path", o.TargetVocabPath); err != nil {
			return err
		}
	}
	i.InstanceText = textOf(vocabulary, kept.Tokens)
	for _, mask := range kept.Masks {
		i.InstanceText += fmt.Sprintf("\n%d: %s", mask.Position, textOf(vocabulary, []int32{mask.ID}))
	}
	if len(kept.Output) > 0 {
		i.InstanceText += "\n" + textOf(outputs, kept.Output)
	}
	return nil
}

// textOf joins tokens with spaces.
func textOf(vocabulary *vocab.Vocabulary, ids []int32) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		if id < 0 || int(id) >= vocabulary.Size() {
			words[i] = fmt.Sprintf("<%d>", id)
			continue
		}
		words[i] = vocabulary.Token(id)
	}
	return strings.Join(words, " ")
}

func (i *datasetInspection) text(w io.Writer) {
	line := func(name, format string, values ...any) {
		fmt.Fprintf(w, "%-12s"+format+"\n", append([]any{name}, values...)...)
	}
	line("Kind", "dataset of %s", i.Program)
	line("Target", "%s, seq_length %d", i.Target, i.SequenceLength)
	if i.TargetSequenceLength > 0 {
		line("", "tgt_seq_length %d", i.TargetSequenceLength)
	}
	if i.Tokenizer != "" {
		line("Made with", "tokenizer %s, seed %d, dynamic_masking %v, vocabulary %.12s…", i.Tokenizer, i.Seed, i.Dynamic, i.Vocabulary)
	}
	line("Instances", "%s, %s", console.Count(i.Instances), counted(i.Tokens, "token"))
	if i.Documents > 0 {
		line("Documents", "%s", console.Count(i.Documents))
		line("Unknown", "%.1f%%", 100*i.Unknown)
	}
	if i.Masked > 0 {
		line("Masked", "%.1f%%", 100*float64(i.Masked)/float64(max(i.Tokens, 1)))
	}
	line("Padding", "%.1f%%", 100*i.Padding)
	line("Whole", "yes")
	for k, label := range i.Labels {
		name := ""
		if k == 0 {
			name = "Labels"
		}
		line(name, "%d: %s, %.1f%%", label.Label, console.Count(label.Count), 100*float64(label.Count)/float64(max(i.Instances, 1)))
	}
	fmt.Fprintln(w, "Lengths")
	most := int64(1)
	for _, b := range i.Lengths {
		most = max(most, b.Count)
	}
	const columns = 50
	for _, b := range i.Lengths {
		bar := strings.Repeat("█", int(b.Count*columns/most))
		fmt.Fprintf(w, "  %5d-%-5d %9s %s\n", b.From, b.To, console.Count(b.Count), bar)
	}
	switch {
	case i.InstanceText != "":
		line("Instance", "%s", strings.ReplaceAll(i.InstanceText, "\n", "\n            "))
	case i.Instance != nil:
		line("Instance", "%v", i.Instance.Tokens)
	}
}
