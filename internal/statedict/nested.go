package statedict

import (
	"slices"
	"strings"

	"uer/internal/pickle"
)

// wrappers are the entries under which programs keep the state dict, beside the optimizer's and more, in order of
// preference.
var wrappers = []string{"state_dict", "model_state_dict", "model", "module", "net", "weights"}

// unwrap finds the state dict inside a dictionary: the dictionary of tensors in one of the wrappers, or in a wrapper within
// it. It returns the keys on the way, joined by dots, and the dictionary itself if there is none inside.
func unwrap(entries []pickle.Entry) (key string, inner []pickle.Entry) {
	const depth = 3 // {"model": {"module": {...}}}
	if key, inner, ok := tensorsIn(entries, depth); ok {
		return key, inner
	}
	return "", entries
}

func tensorsIn(entries []pickle.Entry, depth int) (key string, inner []pickle.Entry, ok bool) {
	if len(entries) > 0 {
		if tensor, isCall := entries[0].Value.(*pickle.Call); isCall && rebuilds(tensor) != "" {
			return "", entries, true
		}
	}
	if depth == 0 {
		return "", nil, false
	}
	for _, wrapper := range wrappers {
		i := slices.IndexFunc(entries, func(e pickle.Entry) bool { return e.Key == wrapper })
		if i < 0 {
			continue
		}
		members, _ := dictionary(entries[i].Value)
		if key, inner, ok := tensorsIn(members, depth-1); ok {
			return strings.TrimSuffix(wrapper+"."+key, "."), inner, true
		}
	}
	return "", nil, false
}

// others returns the storages of all tensors that are not part of the state dict, such as an optimizer's: the container
// lists them without their types.
func (c *content) others() map[string]*storage {
	all := map[string]*storage{}
	seen := map[any]bool{}
	var visit func(value any)
	visitAll := func(values []any) {
		for _, value := range values {
			visit(value)
		}
	}
	visitEntries := func(entries []pickle.Entry) {
		for _, entry := range entries {
			visit(entry.Value)
		}
	}
	visit = func(value any) {
		switch value := value.(type) {
		case pickle.PersistentID:
			if s, err := parseStorage(value); err == nil {
				all[s.key] = s
			}
		case pickle.Tuple:
			visitAll(value)
		case *pickle.List:
			if !seen[value] {
				seen[value] = true
				visitAll(value.Items)
			}
		case *pickle.Dict:
			if !seen[value] {
				seen[value] = true
				visitEntries(value.Entries)
			}
		case *pickle.Call:
			if !seen[value] {
				seen[value] = true
				visitAll(value.Args)
				visitAll(value.Items)
				visitEntries(value.Entries)
				visit(value.State)
			}
		}
	}
	visit(c.root)
	return all
}
