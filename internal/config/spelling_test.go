package config

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestWords(t *testing.T) {
	const possible = " is not one of word, word_pos, word_pos_seg, word_sinusoidalpos, word pos, word pos seg, word sinusoidalpos"
	for _, test := range []struct{ typed, want, err string }{
		{typed: "--embedding word_pos_seg", want: "word_pos_seg"},
		{typed: "--embedding word", want: "word"},
		{typed: "--embedding word pos", want: "word_pos"},
		{typed: "--embedding word pos seg", want: "word_pos_seg"},
		{typed: "--embedding seg,word pos", want: "word_pos_seg"},
		{typed: "--embedding=word,sinusoidalpos", want: "word_sinusoidalpos"},
		{typed: "--embedding word pos --embedding word", want: "word"},
		{typed: "--embedding word seg", err: `"word seg"` + possible},
		{typed: "--embedding word word pos", err: `"word word pos"` + possible},
		{typed: "--embedding word_pos seg", err: `"word_pos seg"` + possible},
		{typed: "--embedding pos", err: `"pos"` + possible},
		{typed: "--embedding dual", err: `"dual"` + possible},
		{typed: "--embedding=", err: `""` + possible},
		{typed: "--embedding", err: "--embedding needs at least one value"},
	} {
		t.Run(test.typed, func(t *testing.T) {
			var embedding string
			flags := pflag.NewFlagSet("uer", pflag.ContinueOnError)
			names := []string{"word", "word_pos", "word_pos_seg", "word_sinusoidalpos"}
			NewGroup(flags, "All").Words(&embedding, "embedding", "", names, NewerEmbeddings, "")
			arguments, err := Arguments(flags, strings.Fields(test.typed))
			if err == nil {
				err = flags.Parse(arguments)
			}
			if embedding != test.want {
				t.Errorf("got %q, want %q", embedding, test.want)
			}
			if err != nil && !strings.Contains(FlagError(err).Error(), test.err) || (err != nil) != (test.err != "") {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}

func TestTarget(t *testing.T) {
	for _, test := range []struct {
		target, dataProcessor, want string
		agree                       bool
	}{
		{"albert", "", "albert", true},
		{"mlm sp", "", "bert", true},
		{"mlm sp", "bert", "bert", true},
		{"mlm sp", "albert", "albert", true},
		{"bert", "bert", "bert", true},
		{"mlm", "mlm", "mlm", true},
		{"lm", "seq2seq", "seq2seq", true},
		{"lm", "t5", "t5", true},
		{"lm", "prefixlm", "prefixlm", true},
		{"bilm", "bilm", "bilm", true},
		{"bert", "albert", "albert", false},
		{"mlm", "bert", "bert", false},
		{"mlm sp", "mlm", "mlm", false},
		{"lm", "bilm", "bilm", false},
	} {
		got, agree := Target(test.target, test.dataProcessor)
		if got != test.want || agree != test.agree {
			t.Errorf("Target(%q, %q) is %q, %v; want %q, %v",
				test.target, test.dataProcessor, got, agree, test.want, test.agree)
		}
	}
}
