package vocab

import (
	"encoding/json"
	"fmt"

	"uer/internal/console"
)

// ParseJSON parses a vocabulary in the form of GPT-2's: a JSON object of tokens and their ids, which must be 0 to n-1.
func ParseJSON(name string, data []byte, special Special) (*Vocabulary, error) {
	var ids map[string]int32
	if err := json.Unmarshal(data, &ids); err != nil {
		return nil, console.Hint(fmt.Errorf("%s: not a vocabulary: %w", name, err),
			"a vocabulary in JSON is an object of tokens and their ids, such as GPT-2's vocab.json")
	}
	tokens, err := InOrder(ids)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return New(name, tokens, special)
}

// InOrder returns tokens by their ids. It fails unless the ids are 0 to n-1.
func InOrder(ids map[string]int32) ([]string, error) {
	tokens := make([]string, len(ids))
	taken := make([]bool, len(ids))
	for token, id := range ids {
		if id < 0 || int(id) >= len(ids) {
			return nil, fmt.Errorf("token %q has id %d, outside 0 to %d", token, id, len(ids)-1)
		}
		if taken[id] {
			return nil, fmt.Errorf("tokens %q and %q both have id %d", min(token, tokens[id]), max(token, tokens[id]), id)
		}
		tokens[id], taken[id] = token, true
	}
	return tokens, nil
}
