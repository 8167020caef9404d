package dataset

import (
	"errors"
	"fmt"
	"math"

	"uer/internal/pickle"
	"uer/internal/task"
)

// form is the form of the tuple that UER-py stores for a target. Its lists of tokens are padded with 0 to one length; since
// May 2022, each is a pair of the tokens and the number of zeros after them.
type form struct {
	targets      []string // that share the form: a file does not say which of them it was made for
	dynamic      bool
	extra        int // tokens in excess of the sequence length
	read         func(f *form, tuple pickle.Tuple, into *task.Instance) error
	length       int // of the padded lists of tokens
	outputLength int // of seq2seq's second list
	kinds        string
	undecided    bool // lm or mlm: an instance as long as the others' padding will tell
}

// recognise finds the form of a file by its first tuple.
func recognise(tuple pickle.Tuple) (form, error) {
	kinds, err := kindsOf(tuple)
	if err != nil {
		return form{}, err
	}
	flat, err := flatten(tuple)
	if err != nil {
		return form{}, err
	}
	f, err := formOf(kinds, flat)
	if err != nil {
		return form{}, err
	}
	f.kinds, f.length = kinds, flat.lengths[0]
	if task.ByName[f.targets[0]].Output {
		f.outputLength = flat.lengths[1]
	}
	if f.length <= f.extra {
		err = fmt.Errorf("its first tuple holds %d tokens", f.length)
	}
	return f, err
}

var errForm = errors.New("its tuples are not those of any target of UER-py")

// kindsOf names the types in a tuple by a letter each: l for a list, i for an integer, t for a list with its padding.
func kindsOf(tuple pickle.Tuple) (string, error) {
	kinds := make([]byte, 0, 4)
	if len(tuple) < 2 || len(tuple) > 4 {
		return "", errForm
	}
	for _, item := range tuple {
		switch item := item.(type) {
		case *pickle.List:
			kinds = append(kinds, 'l')
		case int64:
			kinds = append(kinds, 'i')
		case pickle.Tuple:
			if _, _, ok := padded(item); !ok {
				return "", errForm
			}
			kinds = append(kinds, 't')
		default:
			return "", errForm
		}
	}
	if kinds[0] == 'i' {
		return "", errForm
	}
	return string(kinds), nil
}

// padded returns the members of a list with its padding.
func padded(pair pickle.Tuple) (list *pickle.List, zeros int64, ok bool) {
	if len(pair) != 2 {
		return nil, 0, false
	}
	list, isList := pair[0].(*pickle.List)
	zeros, isCount := pair[1].(int64)
	return list, zeros, isList && isCount
}

// flat is a tuple whose lists stand for themselves, with the length of each after padding.
type flat struct {
	pickle.Tuple
	lengths [4]int
}

// flatten takes the padding out of a tuple.
func flatten(tuple pickle.Tuple) (flat, error) {
	f := flat{Tuple: make(pickle.Tuple, len(tuple))}
	for i, item := range tuple {
		f.Tuple[i] = item
		switch item := item.(type) {
		case *pickle.List:
			f.lengths[i] = len(item.Items)
		case pickle.Tuple:
			list, zeros, _ := padded(item)
			if zeros < 0 || zeros > math.MaxInt32 {
				return f, fmt.Errorf("%d tokens of padding", zeros)
			}
			f.Tuple[i], f.lengths[i] = list, len(list.Items)+int(zeros)
		}
	}
	return f, nil
}

// formOf tells the target from the types and from the length of the last list: one or two segment ends, or segments
// for all tokens.
func formOf(kinds string, tuple flat) (form, error) {
	ends, tokens := 0, len(tuple.Tuple[0].(*pickle.List).Items)
	last, _ := tuple.Tuple[len(kinds)-1].(*pickle.List)
	if last != nil {
		ends = len(last.Items)
	}
	switch {
	case kinds == "ll" && ends == 1:
		return form{targets: []string{"mlm", "t5"}, dynamic: true, read: readMasked}, nil
	case kinds == "lll" && ends == 1 && holdsNumbers(tuple.Tuple[1]), kinds == "ttl" && ends == 1: // 2022
		return form{targets: []string{"seq2seq"}, read: readPair}, nil
	case (kinds == "lll" || kinds == "tll") && ends == 1:
		return form{targets: []string{"mlm", "t5"}, read: readMasked}, nil
	case kinds == "til" && (ends == 1 || ends == 2 && sum(last) == tokens):
		return form{targets: []string{"cls"}, read: readLabelledLengths}, nil
	case (kinds == "lil" || kinds == "til") && ends == 2:
		return form{targets: []string{"bert", "albert"}, dynamic: true, read: readMasked}, nil
	case (kinds == "llil" || kinds == "tlil") && ends == 2:
		return form{targets: []string{"bert", "albert"}, read: readMasked}, nil
	case kinds == "li":
		return form{targets: []string{"lm"}, extra: 1, read: readNext}, nil
	case kinds == "tl" && ends == 1:
		return form{targets: []string{"mlm", "t5", "lm"}, dynamic: true, read: readMasked, undecided: true}, nil
	case kinds == "llll", kinds == "tlll" && ends == 1:
		return form{targets: []string{"bilm"}, read: readNeighbours}, nil
	case kinds == "lil":
		return form{targets: []string{"cls"}, read: readLabelled}, nil
	case (kinds == "lll" || kinds == "tll") && ends == 2:
		return form{targets: []string{"prefixlm"}, read: readPrefixed}, nil
	case kinds == "lll":
		return form{targets: []string{"seq2seq"}, read: readPair}, nil
	}
	return form{}, errForm
}

// holdsNumbers reports whether a value is a list that begins with a number.
func holdsNumbers(value any) bool {
	list, ok := value.(*pickle.List)
	if !ok || len(list.Items) == 0 {
		return false
	}
	_, ok = list.Items[0].(int64)
	return ok
}

// sum adds the numbers of a list.
func sum(list *pickle.List) int {
	total := 0
	for _, item := range list.Items {
		if n, ok := item.(int64); ok {
			total += int(n)
		}
	}
	return total
}

// decide tells lm from mlm and t5 in the form of May 2022, and reports whether the tuple did: one of lm that is not padded has a
// token more than inputs, one of the others has not.
func (f *form) decide(tuple pickle.Tuple) (bool, error) {
	flat, err := flatten(tuple)
	if kinds, kindsErr := kindsOf(tuple); err != nil || kindsErr != nil || kinds != f.kinds {
		return false, errors.Join(err, kindsErr)
	}
	tokens, inputs := len(flat.Tuple[0].(*pickle.List).Items), sum(flat.Tuple[1].(*pickle.List))
	switch {
	case tokens == inputs+1:
		f.targets, f.dynamic, f.extra, f.read, f.undecided = []string{"lm"}, false, 1, readNext, false
	case tokens == inputs && tokens == flat.lengths[0]:
		f.targets, f.undecided = []string{"mlm", "t5"}, false
	}
	return !f.undecided, nil
}
