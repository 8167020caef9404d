package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/embedding"
	"uer/internal/encoder"
	"uer/internal/registry"
	"uer/internal/target"
	"uer/internal/task"
)

// Check rejects settings that contradict each other, that would teach a model nothing, or that would change nothing. Its
// errors are usage errors. It needs no data, so that a mistake shows at once.
func Check(m config.Model) error {
	p, err := find(m)
	for _, check := range []func(parts) error{checkUnused, checkMissing, checkSizes, checkWidths, checkContext} {
		if err == nil {
			err = check(p)
		}
	}
	if err != nil {
		return console.UsageError{Err: err}
	}
	return nil
}

// checkUnused rejects settings that the others make meaningless, about which UER-py says nothing.
func checkUnused(p parts) error {
	for _, s := range variants(p.Model) {
		if s.given && !p.uses(s.name) {
			return p.errUnused(s.shown, "it is for "+users(s.name))
		}
	}
	if p.KeepPadding && !p.paddingMatters() {
		return p.errUnused("keep_padding", "with them, no prediction depends on padding")
	}
	return nil
}

func (p parts) errUnused(setting, reason string) error {
	return console.Hint(fmt.Errorf("%s has no effect with encoder %s and target %s", setting, p.Encoder, p.Target),
		"leave it out; "+reason)
}

// checkMissing names all settings that the model needs and nothing sets.
func checkMissing(p parts) error {
	var missing []string
	for _, s := range sizes(p.Model) {
		if p.needs(s.name) && !s.given {
			missing = append(missing, s.name)
		}
	}
	if missing == nil {
		return nil
	}
	hint := fmt.Sprintf("name a file that sets it with --config_path, or pass --%s", strings.Join(missing, " and --"))
	if slices.Equal(missing, []string{"labels_num"}) {
		hint = "pass --labels_num: 1 more than the largest label of the corpus"
	}
	return console.Hint(fmt.Errorf("encoder %s with target %s needs %s, which nothing sets", p.Encoder, p.Target,
		strings.Join(missing, ", ")), hint)
}

func checkSizes(p parts) error {
	switch {
	case p.needs("heads_num") && p.AttentionHeadSize == 0 && p.HiddenSize%p.HeadsNumber != 0:
		return console.Hint(fmt.Errorf("hidden_size %d is not a multiple of heads_num %d", p.HiddenSize, p.HeadsNumber),
			"pass other sizes, or --attention_head_size for the width of a head")
	case p.HiddenSize%2 != 0 && p.readsBackward():
		return console.Hint(fmt.Errorf("hidden_size %d is odd: two directions share it in halves", p.HiddenSize),
			fmt.Sprintf("pass --hidden_size %d", p.HiddenSize+1))
	case p.Recompute && p.blocks() == 1:
		return console.Hint(
			errors.New("recompute has no effect: the activations of the last layer are kept, and there is no other"),
			"leave it out; it is for models of several layers")
	}
	for _, name := range p.embeddings() {
		if embedding.ByName[name].Sinusoids && p.EmbeddingSize%2 != 0 {
			return console.Hint(fmt.Errorf("emb_size %d is odd: %s consists of pairs of sine and cosine", p.EmbeddingSize, name),
				fmt.Sprintf("pass --emb_size %d", p.EmbeddingSize+1))
		}
	}
	return nil
}

// checkWidths compares the widths of parts that are connected.
func checkWidths(p parts) error {
	const factorized = "factorized_embedding_parameterization"
	differ, canFactorize := p.EmbeddingSize != p.HiddenSize, p.encoder.Reads(factorized)
	switch {
	case differ && p.task.Decoder:
		return console.Hint(fmt.Errorf("emb_size %d differs from hidden_size %d: "+
			"nothing maps one to the other in the decoder of target %s", p.EmbeddingSize, p.HiddenSize, p.Target),
			fmt.Sprintf("pass --emb_size %d", p.HiddenSize))
	case differ && p.encoder.SameWidth && !(canFactorize && p.FactorizedEmbeddingParameterization):
		hint := fmt.Sprintf("pass --emb_size %d", p.HiddenSize)
		if canFactorize {
			hint = fmt.Sprintf("pass --%s, or --emb_size %d", factorized, p.HiddenSize)
		}
		return console.Hint(fmt.Errorf("emb_size %d differs from hidden_size %d: encoder %s does not map one to the other",
			p.EmbeddingSize, p.HiddenSize, p.Encoder), hint)
	}
	if width := p.outputWidth(); p.TieWeights && width != p.EmbeddingSize {
		return console.Hint(fmt.Errorf("tie_weights: the output layer of target %s is %d wide, but the word table, of emb_size, %d",
			p.Target, width, p.EmbeddingSize), "leave out --tie_weights, or pass sizes that agree")
	}
	return nil
}

// checkContext rejects an encoder that sees what the target predicts, or too little to predict anything.
func checkContext(p parts) error {
	given, allowed := p.encoder.Context(p.Model), p.task.Context
	switch {
	case given == task.Past && p.pooling.FirstToken:
		others := registry.Which(target.Poolings, func(p target.Pooling) bool { return !p.FirstToken })
		return console.Hint(fmt.Errorf("target %s would see nothing of the text: "+
			"pooling %s takes the first token, and %s sees only the tokens before", p.Target, p.Pooling, p.describeEncoder()),
			"pass --pooling "+enumerate(others, "or"))
	case given.Within(allowed):
		return nil
	case allowed != task.PastAndFutureSplit:
		return console.Hint(fmt.Errorf("target %s would copy what it has to predict: %s sees the tokens that follow",
			p.Target, p.describeEncoder()), p.allowedEncoder())
	case given == task.Past:
		return console.Hint(fmt.Errorf("target %s predicts in both directions: %s sees only the tokens before",
			p.Target, p.describeEncoder()), p.allowedEncoder())
	}
	return console.Hint(fmt.Errorf("target %s needs two directions that never see each other: %s mixes them",
		p.Target, p.describeEncoder()), p.allowedEncoder())
}

// describeEncoder names the encoder with the setting that determines its context.
func (p parts) describeEncoder() string {
	switch {
	case p.uses("mask"):
		return fmt.Sprintf("encoder %s with mask %s", p.Encoder, p.Mask)
	case p.Bidirectional:
		return fmt.Sprintf("encoder %s with bidirectional", p.Encoder)
	}
	return "encoder " + p.Encoder
}

// allowedEncoder says how to get an encoder whose context the target allows, by the smallest change.
func (p parts) allowedEncoder() string {
	masks := registry.Which(encoder.Masks, func(c task.Context) bool { return c == p.task.Context })
	if p.uses("mask") && len(masks) > 0 {
		return "pass --mask " + enumerate(masks, "or")
	}
	m := p.Model
	m.Bidirectional = false
	if p.Bidirectional && p.encoder.Context(m).Within(p.task.Context) {
		return "leave out --bidirectional"
	}
	others := registry.Which(encoder.ByName, func(e encoder.Encoder) bool { return e.Context(m).Within(p.task.Context) })
	return "pass --encoder " + enumerate(others, "or")
}
