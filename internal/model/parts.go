package model

import (
	"slices"

	"uer/internal/config"
	"uer/internal/embedding"
	"uer/internal/encoder"
	"uer/internal/registry"
	"uer/internal/target"
	"uer/internal/task"
)

// parts are the settings of a model and the registry entries that they name. The checks know encoders and targets only by
// the facts in these entries.
type parts struct {
	config.Model
	encoder encoder.Encoder
	target  target.Target
	task    task.Task
	pooling target.Pooling // if the target uses it
}

// find looks up the parts of a model by their names.
func find(m config.Model) (p parts, err error) {
	p.Model = m
	if p.encoder, err = registry.Find(encoder.ByName, "encoder", m.Encoder); err != nil {
		return p, err
	}
	if p.target, err = registry.Find(target.ByName, "target", m.Target); err != nil {
		return p, err
	}
	if p.task, err = registry.Find(task.ByName, "target", m.Target); err != nil {
		return p, err
	}
	if _, err = registry.Find(embedding.ByName, "embedding", m.Embedding); err != nil {
		return p, err
	}
	if p.task.Decoder {
		if _, err = registry.Find(embedding.ByName, "tgt_embedding", m.TargetEmbedding); err != nil {
			return p, err
		}
	}
	if p.uses("mask") {
		if _, err = registry.Find(encoder.Masks, "mask", m.Mask); err != nil {
			return p, err
		}
	}
	if p.uses("pooling") {
		p.pooling, err = registry.Find(target.Poolings, "pooling", m.Pooling)
	}
	return p, err
}

// embeddings returns the name of the encoder's embedding and, if there is a decoder, of the decoder's.
func (p parts) embeddings() []string {
	if p.task.Decoder {
		return []string{p.Embedding, p.TargetEmbedding}
	}
	return []string{p.Embedding}
}

// needs reports whether a size must be set.
func (p parts) needs(name string) bool {
	return slices.Contains([]string{"emb_size", "hidden_size", "layers_num"}, name) ||
		slices.Contains(p.encoder.Needs, name) || slices.Contains(p.target.Needs, name)
}

// uses reports whether the encoder or the target reads a setting.
func (p parts) uses(name string) bool {
	return p.encoder.Reads(name) || p.target.Reads(name)
}

// readsBackward reports whether half of the encoding comes from reading the text backwards.
func (p parts) readsBackward() bool { return p.encoder.Backward || p.Bidirectional }

// outputWidth returns the input width of the layer that scores the vocabulary, 0 if the target has none.
func (p parts) outputWidth() int {
	if p.target.OutputWidth == nil {
		return 0
	}
	return p.target.OutputWidth(p.Model)
}

// blocks returns the number of blocks of the graph. With recompute, the activations of all but the last are recomputed.
func (p parts) blocks() int {
	n := p.encoder.Blocks(p.Model)
	if p.target.Blocks != nil {
		n += p.target.Blocks(p.Model)
	}
	return n
}

// paddingMatters reports whether keeping padding changes the losses.
func (p parts) paddingMatters() bool {
	return p.readsBackward() || p.target.ReadsPadding != nil && p.target.ReadsPadding(p.Model)
}
