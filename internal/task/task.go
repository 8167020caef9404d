// Package task describes the pre-training targets as data. Everything that depends on a target and is not computation
// stands here once: the builders of instances, the dataset file, the batches, the models' checks and the flags read it.
// What computes stands in registries under the same names: instance.ByTarget, batch.ByTarget and target.ByName. A test
// fails if one of them lacks a target.
package task

// Task is a pre-training target, apart from its computations.
type Task struct {
	Name   string // the value of --target
	Corpus Form

	// What an Instance holds.
	Segments Range // segments that its inputs are divided into
	Before   int   // tokens before the inputs
	After    Range // tokens after the inputs
	Masked   bool  // tokens are hidden: when the dataset is made, or during training
	Labelled bool  // Label holds a class
	Classes  int   // number of classes; 0 if --labels_num gives it
	Output   bool  // Output holds a second text, which has a vocabulary, tokenizer and length of its own

	// What a model does with it.
	Context        Context // the largest in which an encoder does not see what the model has to predict
	PredictsTokens bool    // from the vocabulary, alone or beside the label
	Decoder        bool    // a transformer decoder generates the tokens

	// What newer versions of UER-py call it, where that is not Name.
	NewerTarget    string // --target, as a list of words
	NewerProcessor string // --data_processor
}

// Form is the form of a corpus, in words.
type Form string

// The forms of corpora.
const (
	DocumentLines Form = "one document a line"
	SentenceLines Form = "one sentence a line and an empty line between documents"
	PairLines     Form = "source TAB target on each line"
	LabelLines    Form = "label TAB text, or label TAB text TAB text, on each line"
)

// Range is a range of numbers, both ends included.
type Range struct{ Min, Max int }

// All lists the targets.
var All = []Task{
	// A piece of a document, some of whose tokens are hidden.
	{
		Name: "mlm", Corpus: DocumentLines, Segments: Range{1, 1}, Masked: true, Context: Full, PredictsTokens: true,
	},
	// [CLS] a [SEP] b [SEP], each segment with its [SEP]. The label is 1 if b comes from another document.
	{
		Name: "bert", Corpus: SentenceLines, Segments: Range{2, 2}, Masked: true, Labelled: true, Classes: 2,
		Context: Full, PredictsTokens: true, NewerTarget: "mlm sp",
	},
	// As bert. The label is 1 if the two texts are swapped.
	{
		Name: "albert", Corpus: SentenceLines, Segments: Range{2, 2}, Masked: true, Labelled: true, Classes: 2,
		Context: Full, PredictsTokens: true, NewerTarget: "mlm sp",
	},
	// A piece of a document. Each token predicts the next one, which the last token of the document does not have.
	{
		Name: "lm", Corpus: DocumentLines, Segments: Range{1, 1}, After: Range{0, 1}, Context: Past, PredictsTokens: true,
	},
	// A piece of a document between [CLS] and [SEP]. Each token of the piece predicts both its neighbours.
	{
		Name: "bilm", Corpus: DocumentLines, Segments: Range{1, 1}, Before: 1, After: Range{1, 1},
		Context: PastAndFutureSplit, PredictsTokens: true,
	},
	// [CLS] source [SEP] target [SEP], the first segment up to the first [SEP]. Each token of the target is predicted
	// from those before it; the last one may be cut off.
	{
		Name: "prefixlm", Corpus: PairLines, Segments: Range{2, 2}, After: Range{0, 1}, Context: PastAndPrefix,
		PredictsTokens: true, NewerTarget: "lm",
	},
	// [CLS] source [SEP], and as output [CLS] target [SEP], whose tokens are predicted by a decoder.
	{
		Name: "seq2seq", Corpus: PairLines, Segments: Range{1, 1}, Output: true, Context: Full, PredictsTokens: true,
		Decoder: true, NewerTarget: "lm", NewerProcessor: "mt",
	},
	// As mlm; when a batch is made, hidden runs collapse to sentinels, and the decoder predicts what they stand for.
	{
		Name: "t5", Corpus: DocumentLines, Segments: Range{1, 1}, Masked: true, Context: Full, PredictsTokens: true,
		Decoder: true, NewerTarget: "lm",
	},
	// [CLS] a, or [CLS] a [SEP] b [SEP], with the class of the text.
	{
		Name: "cls", Corpus: LabelLines, Segments: Range{1, 2}, Labelled: true, Context: Full,
	},
}

// ByName holds the targets by name.
var ByName = func() map[string]Task {
	tasks := map[string]Task{}
	for _, t := range All {
		tasks[t.Name] = t
	}
	return tasks
}()
