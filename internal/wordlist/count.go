// Package wordlist makes vocabularies: it counts the words of a text and finds tokens for them.
package wordlist

import (
	"context"
	"sync"

	"uer/internal/corpus"
)

// Counts says how often each word occurs.
type Counts map[string]int64

// blockSize is the number of bytes of text that a worker takes at a time.
const blockSize = 1 << 18

// Count counts the words of a text with several workers. words returns a function for each of them, which calls found for
// each word of a line. progress is told how many bytes are done. The result does not depend on the number of workers.
func Count(ctx context.Context, text *corpus.Corpus, words func() func(line string, found func(word []byte)), workers int,
	progress func(done int)) (Counts, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	blocks := make(chan corpus.Block)
	parts := make([]Counts, workers)
	done := make(chan int, workers)
	var group sync.WaitGroup
	for i := range workers {
		parts[i] = Counts{}
		group.Go(func() {
			each, reader := words(), text.NewReader()
			for block := range blocks {
				if err := parts[i].add(block, reader, each); err != nil {
					cancel(err)
				}
				done <- block.Stored
			}
		})
	}
	go func() {
		defer close(blocks)
		for block, err := range text.Blocks(corpus.ByLine, blockSize, corpus.Start) {
			if err != nil {
				cancel(err)
				return
			}
			select {
			case blocks <- block:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		group.Wait()
		close(done)
	}()
	for stored := range done {
		progress(stored)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return merged(parts), nil
}

// add counts the words of a block.
func (c Counts) add(block corpus.Block, reader *corpus.Reader, each func(string, func([]byte))) error {
	count := func(word []byte) {
		if n, known := c[string(word)]; known {
			c[string(word)] = n + 1 // the compiler makes no copy to find the word
		} else {
			c[string(word)] = 1
		}
	}
	for document, err := range reader.Documents(block) {
		if err != nil {
			return err
		}
		for _, sentence := range document.Sentences {
			each(sentence, count)
		}
	}
	return nil
}

func merged(parts []Counts) Counts {
	all := parts[0]
	for _, part := range parts[1:] {
		for word, n := range part {
			all[word] += n
		}
	}
	return all
}
