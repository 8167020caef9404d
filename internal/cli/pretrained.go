package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"uer/internal/checkpoint"
	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/exchange"
	"uer/internal/model"
	"uer/internal/vocab"
)

// checkPretrained rejects settings about a pretrained model where there is none.
func (o *pretrainOptions) checkPretrained() error {
	switch {
	case o.Resize && o.PretrainedModelPath == "":
		return console.UsageError{Err: errors.New("--resize has no effect without --pretrained_model_path")}
	case o.PretrainedVocabPath != "" && !o.Resize:
		return console.UsageError{Err: console.Hint(errors.New("--pretrained_vocab_path has no effect without --resize"),
			"pass --resize to match the rows of the file by token")}
	}
	return nil
}

// loadPretrained reads the parameters of a pretrained model and prints which of them it has.
func loadPretrained(o pretrainOptions, data trainingData, m *model.Model, parameters []float32, status io.Writer) error {
	if o.PretrainedModelPath == "" {
		return nil
	}
	source, match, err := openPretrained(o, data, m, parameters)
	if err != nil {
		return err
	}
	printMatch(source, match, len(m.Program.Parameters), status)
	printNorm(source, o.Model, status)
	return nil
}

// openPretrained reads the parameters of a pretrained model.
func openPretrained(o pretrainOptions, data trainingData, m *model.Model, parameters []float32) (*exchange.Source, exchange.Match, error) {
	source, err := exchange.Open(o.PretrainedModelPath)
	if err != nil {
		return nil, exchange.Match{}, err
	}
	if source.Config != nil {
		if err := source.Config.Check(o.Model); err != nil {
			return nil, exchange.Match{}, fmt.Errorf("%s: %w", source.Path, err)
		}
	}
	if err := checkMade(source.Path, o.Model); err != nil {
		return nil, exchange.Match{}, err
	}
	options := exchange.Options{Resize: o.Resize, Model: data.vocabulary}
	if options.Vocabulary, err = pretrainedVocabulary(o, source); err != nil {
		return nil, exchange.Match{}, err
	}
	if err := checkTokens(o, source, options.Vocabulary, data.vocabulary); err != nil {
		return nil, exchange.Match{}, err
	}
	match, err := source.Load(options, m.Program, parameters)
	return source, match, err
}

// pretrainedVocabulary reads the vocabulary of a pretrained model: the one that was given, or the one beside it. It returns
// nil if there is none.
func pretrainedVocabulary(o pretrainOptions, source *exchange.Source) (*vocab.Vocabulary, error) {
	switch {
	case o.PretrainedVocabPath != "":
		return readVocabularyFile("--pretrained_vocab_path", o.PretrainedVocabPath)
	case source.Vocabulary != "":
		return readVocabularyFile("--pretrained_vocab_path", source.Vocabulary)
	}
	return nil, nil
}

// readVocabularyFile reads the vocabulary that a flag names, one token a line.
func readVocabularyFile(flag, path string) (*vocab.Vocabulary, error) {
	vocabulary, err := vocab.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = console.Hint(err, flag+" names the file; a relative path starts at the current directory")
	}
	return vocabulary, err
}

// checkTokens rejects a model whose own vocabulary gives another meaning to the ids.
func checkTokens(o pretrainOptions, source *exchange.Source, file, here *vocab.Vocabulary) error {
	if file == nil || o.Resize || file.Size() != here.Size() {
		return nil // another size is an error of the table
	}
	for id := range int32(file.Size()) {
		if a, b := file.Token(id), here.Token(id); a != b {
			return console.Hint(fmt.Errorf("%s: token %d is %q in its vocabulary %s, but %q in %s",
				source.Path, id, a, source.Vocabulary, b, o.Source.Path()),
				"pass --vocab_path "+source.Vocabulary+" (and run uer preprocess with it), or --resize to match the rows by token")
		}
	}
	return nil
}

// printMatch says which tensors of a file were of use, and what became of tables of another size.
func printMatch(source *exchange.Source, match exchange.Match, parameters int, status io.Writer) {
	kind := source.Title()
	if kind != "" {
		kind += ", "
	}
	fmt.Fprintf(status, "Weights  %s: %s%d of %d tensors\n", source.Path, kind, match.Loaded, parameters)
	if len(match.Missing) > 0 {
		fmt.Fprintf(status, "         %d not in the file, initialised: %s\n", len(match.Missing), some(match.Missing))
	}
	if len(match.Unused) > 0 {
		fmt.Fprintf(status, "         %d in the file, not used: %s\n", len(match.Unused), some(match.Unused))
	}
	printResized(match.Resized, status)
}

// printResized says what became of the rows of tables.
func printResized(tables []exchange.Resized, status io.Writer) {
	for _, r := range tables {
		fmt.Fprintf(status, "         %s from %s to %s rows: %s kept", r.Name, console.Count(r.From), console.Count(r.To), console.Count(r.Kept))
		for _, part := range []struct {
			rows int
			what string
		}{{r.Means, "means of their pieces"}, {r.Drawn, "initialised"}, {r.Dropped, "dropped"}} {
			if part.rows > 0 {
				fmt.Fprintf(status, ", %s %s", console.Count(part.rows), part.what)
			}
		}
		fmt.Fprintln(status)
	}
}

// printNorm says if a model was made with another formula of layer normalisation.
func printNorm(source *exchange.Source, m config.Model, status io.Writer) {
	made := config.Model{}
	switch settings := settingsOf(source.Path); {
	case source.Config != nil:
		found, err := source.Config.Model()
		if err != nil {
			return
		}
		made = found
	case settings["layernorm"] != "":
		made.LayerNorm = settings["layernorm"]
		made.LayerNormEpsilon, _ = strconv.ParseFloat(settings["layernorm_eps"], 64)
	default:
		return
	}
	if made.LayerNorm != m.LayerNorm || made.NormEpsilon() != m.NormEpsilon() {
		fmt.Fprintf(status, "         made with --layernorm %s --layernorm_eps %g, which this model has not: it computes a little differently\n",
			made.LayerNorm, made.NormEpsilon())
	}
}

// settingsOf returns the settings of a checkpoint of uer, nil if it has no state file that can be read: the weights do for a
// new training.
func settingsOf(path string) map[string]string {
	state, err := checkpoint.Open(path)
	if err != nil {
		return nil
	}
	defer state.Close()
	return state.Settings
}

// checkMade compares the settings of a checkpoint of uer with those of the model that is to start from its weights, as far as
// the shapes of tensors do not tell: the same weights would compute something else.
func checkMade(path string, m config.Model) error {
	settings := settingsOf(path)
	for _, s := range []struct{ name, here string }{
		{"heads_num", strconv.Itoa(m.HeadsNumber)}, {"hidden_act", m.HiddenActivation}, {"layernorm_positioning", m.LayerNormPositioning},
	} {
		if made := settings[s.name]; made != "" && made != s.here {
			return console.Hint(fmt.Errorf("%s: it was made with --%s %s, not %s", path, s.name, made, s.here),
				fmt.Sprintf("pass --%s %s", s.name, made))
		}
	}
	return nil
}

// some joins the first few names of a list.
func some(names []string) string {
	const few = 4
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:few], ", ") + ", ..."
}
