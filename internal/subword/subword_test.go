package subword

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var abc = rapid.StringMatching(`[abc]{1,4}`)

// TestTrie compares with looking at every token.
func TestTrie(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tokens := rapid.SliceOfNDistinct(rapid.OneOf(abc, rapid.StringN(1, 3, 9)), 0, 30, rapid.ID[string]).Draw(t, "tokens")
		ids := make([]int32, len(tokens))
		for i := range ids {
			ids[i] = int32(i)
		}
		text := rapid.OneOf(rapid.StringMatching(`[abc]{0,6}`), rapid.String()).Draw(t, "text")
		length, id := NewTrie(tokens, ids).Longest(text)
		want, wantID := 0, int32(-1)
		for i, token := range tokens {
			if strings.HasPrefix(text, token) && len(token) > want {
				want, wantID = len(token), int32(i)
			}
		}
		if length != want || id != wantID {
			t.Fatalf("%q in %q: %d bytes, id %d; want %d, %d", text, tokens, length, id, want, wantID)
		}
	})
}

// TestMerge compares the two ways of merging with the definition.
func TestMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		merges, next := NewMerges(0), int32(3)
		var pairs [][2]int32
		for range rapid.IntRange(0, 12).Draw(t, "merges") {
			pair := [2]int32{rapid.Int32Range(0, next-1).Draw(t, "left"), rapid.Int32Range(0, next-1).Draw(t, "right")}
			if slices.Contains(pairs, pair) {
				continue
			}
			pairs = append(pairs, pair)
			merges.Add(pair[0], pair[1], next)
			next++
		}
		word := rapid.SliceOfN(rapid.Int32Range(0, 2), 0, 60).Draw(t, "word")
		want := slices.Clone(word)
		for {
			best, at := len(pairs), -1
			for i := 0; i+1 < len(want); i++ {
				if rank := slices.Index(pairs, [2]int32{want[i], want[i+1]}); rank >= 0 && rank < best {
					best, at = rank, i
				}
			}
			if at < 0 {
				break
			}
			want = slices.Replace(want, at, at+2, int32(3+best))
		}
		m := NewMerger(merges)
		if got := m.mergeShort(slices.Clone(word)); !slices.Equal(got, want) {
			t.Fatalf("%d: a short word gives %d, want %d", word, got, want)
		}
		if got := m.mergeLong(slices.Clone(word)); !slices.Equal(got, want) {
			t.Fatalf("%d: a long word gives %d, want %d", word, got, want)
		}
	})
}

// TestPath compares the best split with all splits.
func TestPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tokens := rapid.SliceOfNDistinct(abc, 1, 12, rapid.ID[string]).Draw(t, "tokens")
		u := &Unigram{Unknown: -20}
		ids := make([]int32, len(tokens))
		for i := range tokens {
			ids[i] = int32(i)
			u.Scores = append(u.Scores, rapid.Float64Range(-9, -1).Draw(t, "score"))
		}
		u.Trie = NewTrie(tokens, ids)
		text := rapid.StringMatching(`[abcd]{0,9}`).Draw(t, "text")
		got, end := 0.0, int32(0)
		for _, piece := range NewPath(u).Split([]byte(text)) {
			if piece.Start != end {
				t.Fatalf("%q: pieces do not follow each other", text)
			}
			end = piece.End
			if got += u.Unknown; piece.ID >= 0 {
				got += u.Scores[piece.ID] - u.Unknown
				if tokens[piece.ID] != text[piece.Start:piece.End] {
					t.Fatalf("%q: piece %d is %q", text, piece.ID, text[piece.Start:piece.End])
				}
			}
		}
		if want := best(u, tokens, text); int(end) != len(text) || math.Abs(got-want) > 1e-9 {
			t.Fatalf("%q: score %v, want %v", text, got, want)
		}
	})
}

// best is the score of the best split.
func best(u *Unigram, tokens []string, text string) float64 {
	if text == "" {
		return 0
	}
	score := math.Inf(-1)
	if !slices.Contains(tokens, text[:1]) {
		score = u.Unknown + best(u, tokens, text[1:])
	}
	for id, token := range tokens {
		if strings.HasPrefix(text, token) {
			score = max(score, u.Scores[id]+best(u, tokens, text[len(token):]))
		}
	}
	return score
}

// TestLearn: merging the words by what was learnt gives the tokens that the learner ended with.
func TestLearn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := NewLearner([]string{"a", "b", "c"}, func(left, right string) string { return left + right })
		words := rapid.SliceOfN(rapid.SliceOfN(rapid.Int32Range(0, 2), 1, 12), 1, 10).Draw(t, "words")
		for _, word := range words {
			l.Add(slices.Clone(word), int64(rapid.IntRange(1, 5).Draw(t, "count")))
		}
		l.Learn(rapid.IntRange(3, 20).Draw(t, "size"), 1)
		merges := NewMerges(0)
		for _, pair := range l.Merges {
			merges.Add(pair[0], pair[1], int32(slices.Index(l.Tokens, l.Tokens[pair[0]]+l.Tokens[pair[1]])))
		}
		for i, word := range words {
			if got := NewMerger(merges).Merge(slices.Clone(word)); !slices.Equal(got, l.words[i].tokens) {
				t.Fatalf("%d: %d, the learner has %d", word, got, l.words[i].tokens)
			}
		}
		for p, count := range l.count {
			if count < 0 {
				t.Fatalf("pair %x occurs %d times", p, count)
			}
		}
	})
}

// TestLongWord: a word is listed once for a pair that it has often, so that the time is not quadratic in its length.
func TestLongWord(t *testing.T) {
	l := NewLearner([]string{"a", "b"}, func(left, right string) string { return left + right })
	l.Add(slices.Repeat([]int32{0, 1}, 1000), 1)
	l.Learn(4, 1)
	for p, words := range l.where {
		if len(words) > 1 {
			t.Errorf("pair %x is in %d words", p, len(words))
		}
	}
	if want := []string{"a", "b", "ab", "abab"}; !slices.Equal(l.Tokens, want) {
		t.Errorf("tokens %q, want %q", l.Tokens, want)
	}
}
