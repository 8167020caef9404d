package tokenizer

import "strings"

// Lost are tokens that no text becomes, because the tokenizer lowers the case or strips accents.
type Lost struct {
	Count, Of int      // Of is the number of tokens that are not special
	Examples  []string // a few of them
}

// Lost looks for such tokens.
func (m *Model) Lost() Lost {
	const examples = 5
	var lost Lost
	for id := range int32(m.Vocabulary.Size()) {
		token := m.Vocabulary.Token(id)
		if token == "" || isSpecial(token) {
			continue
		}
		lost.Of++
		if m.changes == nil || !m.changes(strings.TrimPrefix(token, continuation)) {
			continue
		}
		if lost.Count++; len(lost.Examples) < examples {
			lost.Examples = append(lost.Examples, token)
		}
	}
	return lost
}

// isSpecial reports whether a token looks like a special one, such as [unused1] and <extra_id_0>.
func isSpecial(token string) bool {
	return len(token) > 2 && (token[0] == '[' && token[len(token)-1] == ']' || token[0] == '<' && token[len(token)-1] == '>')
}

// changesText reports whether the rules change a token by lowering the case or stripping accents. A character that they
// divide a word at, or drop, is no sign of that.
func (r rules) changesText(token string) bool {
	if !r.lower && !r.strip {
		return false
	}
	for _, c := range token {
		switch r.classify(c) {
		case capital:
			return true
		case mapped:
			if r.isMark(c) {
				continue
			}
			return true
		}
	}
	return false
}
