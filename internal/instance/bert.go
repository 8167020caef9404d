package instance

import "uer/internal/random"

// bertSpecials counts [CLS] a [SEP] b [SEP].
const bertSpecials = 3

// chunkLength draws how long the pairs of a document shall be, and returns how long they may be.
func (w *worker) chunkLength(generator *random.Python) (wanted, longest int) {
	longest = w.settings.SequenceLength - bertSpecials
	if generator.Float64() < w.settings.ShortSequenceProbability {
		return generator.Between(2, longest), longest
	}
	return longest, longest
}

// chunk returns the index after the sentences from first on that together have the wanted length, or are all there are.
func (d *document) chunk(first, wanted int) (last int) {
	for last = first + 1; last < len(d.ends) && len(d.between(first, last)) < wanted; last++ {
	}
	return last
}

// divide draws the index of the sentence that divides a chunk in two; a chunk of one sentence has nothing behind it.
func divide(first, last int, generator *random.Python) int {
	if last-first < 2 {
		return last
	}
	return first + generator.Between(1, last-first-1)
}

// buildBERT makes pairs for masked tokens and next-sentence prediction (Devlin et al., 2019). A chunk of sentences is
// divided in two; half of the time, and always if there is but one sentence, its second part gives way to sentences of
// another document, and is used for the next chunk.
func buildBERT(w *worker, documents []document, i int, generator *random.Python) {
	d := &documents[i]
	wanted, longest := w.chunkLength(generator)
	for first := 0; first < len(d.ends); {
		last := d.chunk(first, wanted)
		middle := divide(first, last, generator)
		a := d.between(first, middle)
		if last-first == 1 || generator.Float64() < 0.5 {
			w.addPair(a, randomSentences(documents, i, wanted-len(a), generator), longest, 1, generator)
			first = middle
		} else {
			w.addPair(a, d.between(middle, last), longest, 0, generator)
			first = last
		}
	}
}

// randomSentences returns consecutive sentences of a document other than documents[i], at least one and until they have
// the wanted length.
func randomSentences(documents []document, i, wanted int, generator *random.Python) []int32 {
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

// buildALBERT makes pairs for masked tokens and sentence-order prediction (Lan et al., 2020): the two parts of a chunk,
// swapped half of the time.
func buildALBERT(w *worker, documents []document, i int, generator *random.Python) {
	d := &documents[i]
	wanted, longest := w.chunkLength(generator)
	for first := 0; first < len(d.ends); {
		last := d.chunk(first, wanted)
		middle := divide(first, last, generator)
		a, b, swapped := d.between(first, middle), d.tokens[d.ends[middle-1]:d.ends[last-1]], int32(0)
		if generator.Float64() < 0.5 {
			a, b, swapped = b, a, 1
		}
		w.addPair(a, b, longest, swapped, generator)
		first = last
	}
}

// addPair adds [CLS] a [SEP] b [SEP]. The longer of the two texts, b if they are equal, loses tokens at random ends
// until both fit.
func (w *worker) addPair(a, b []int32, longest int, label int32, generator *random.Python) {
	for len(a)+len(b) > longest {
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
	w.add(Instance{Tokens: w.sequence, Ends: []int32{end, int32(len(w.sequence))}, Label: label}, generator)
}
