package instance

import (
	"uer/internal/random"
	"uer/internal/task"
)

// bertSpecials is the number of special tokens in [CLS] a [SEP] b [SEP].
const bertSpecials = 3

// checkLength counts a sentence that is too long for an instance, which begins at an index of the document's tokens, and
// divides it if that is wanted: into pieces of half an instance, so that two make a pair of which nothing is cut.
func (w *worker) checkLength(start int) {
	d, maximum := &w.document, w.settings.SequenceLength-bertSpecials
	if len(d.tokens)-start <= maximum {
		return
	}
	w.portion.statistics.Long++
	if w.settings.LongSentences == "split" {
		piece := (maximum + 1) / 2
		for end := start + piece; end < len(d.tokens); end += piece {
			d.ends = append(d.ends, int32(end))
		}
	}
}

// chunkLength draws the target length of a document's pairs; it also returns the maximum.
func (w *worker) chunkLength(generator random.Generator) (wanted, maximum int) {
	maximum = w.settings.SequenceLength - bertSpecials
	if generator.Float64() < w.settings.ShortSequenceProbability {
		return generator.Between(2, maximum), maximum
	}
	return maximum, maximum
}

// chunk returns the index after the fewest sentences from first on that have the wanted length together, or after the
// last sentence.
func (d *document) chunk(first, wanted int) (last int) {
	for last = first + 1; last < len(d.ends) && len(d.between(first, last)) < wanted; last++ {
	}
	return last
}

// divide draws the sentence at which the second half of a chunk starts. A chunk of one sentence has no second half.
func divide(first, last int, generator random.Generator) int {
	if last-first < 2 {
		return last
	}
	return first + generator.Between(1, last-first-1)
}

// buildBERT makes pairs for masked tokens and next-sentence prediction (Devlin et al., 2019). A chunk of sentences is
// divided in two. Half of the time, and always if it is a single sentence, sentences of another document replace its
// second half, which then starts the next chunk.
func buildBERT(w *worker, documents []document, i int, generator random.Generator) {
	d := &documents[i]
	wanted, maximum := w.chunkLength(generator)
	for first := 0; first < len(d.ends); {
		last := d.chunk(first, wanted)
		middle := divide(first, last, generator)
		a := d.between(first, middle)
		if last-first == 1 || generator.Float64() < 0.5 {
			others := randomSentences(documents, i, wanted-len(a), generator)
			kept, _ := w.addPair(a, others, maximum, 1, generator)
			w.cut(len(a) - kept)
			first = middle
		} else {
			keptA, keptB := w.addPair(a, d.between(middle, last), maximum, 0, generator)
			w.cut(len(d.between(first, last)) - keptA - keptB)
			first = last
		}
	}
}

// randomSentences returns consecutive sentences of a document other than documents[i]: at least one, and enough for the
// wanted length if the document has them.
func randomSentences(documents []document, i, wanted int, generator random.Generator) []int32 {
	const attempts = 10
	other := i
	for range attempts {
		if other = generator.Below(len(documents)); other != i {
			break
		}
	}
	if other == i { // UER-py would use the document itself
		other = (i + 1) % len(documents)
	}
	d := &documents[other]
	first := generator.Below(len(d.ends))
	return d.between(first, d.chunk(first, wanted))
}

// buildALBERT makes pairs for masked tokens and sentence-order prediction (Lan et al., 2020): the two halves of a chunk,
// swapped half of the time.
func buildALBERT(w *worker, documents []document, i int, generator random.Generator) {
	d := &documents[i]
	wanted, maximum := w.chunkLength(generator)
	for first := 0; first < len(d.ends); {
		last := d.chunk(first, wanted)
		middle := divide(first, last, generator)
		a, b, swapped := d.between(first, middle), d.tokens[d.ends[middle-1]:d.ends[last-1]], int32(0)
		if generator.Float64() < 0.5 {
			a, b, swapped = b, a, 1
		}
		keptA, keptB := w.addPair(a, b, maximum, swapped, generator)
		w.cut(len(a) + len(b) - keptA - keptB)
		first = last
	}
}

// addPair adds [CLS] a [SEP] b [SEP]. Until both texts fit, the longer one, or b if they are equally long, loses a token
// at a random end. It returns how many tokens are left of each.
func (w *worker) addPair(a, b []int32, maximum int, label int32, generator random.Generator) (keptA, keptB int) {
	for len(a)+len(b) > maximum {
		cut := &a
		if len(b) >= len(a) {
			cut = &b
		}
		if generator.Float64() < 0.5 {
			*cut = (*cut)[1:]
		} else {
			*cut = (*cut)[:len(*cut)-1]
		}
	}
	v := w.settings.Vocabulary
	w.sequence = append(append(append(w.sequence[:0], v.Class), a...), v.Separator)
	end := int32(len(w.sequence))
	w.sequence = append(append(w.sequence, b...), v.Separator)
	w.add(task.Instance{Tokens: w.sequence, Ends: w.segments(end, int32(len(w.sequence))), Label: label}, generator)
	return len(a), len(b)
}
