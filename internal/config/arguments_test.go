package config

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"uer/internal/console"
)

// settings holds the settings of a command with a flag of every kind.
type settings struct {
	path         string
	batch        int
	batchBuffer  int
	mask         string
	masking      bool
	ranks        []int
	learningRate float64
	seed         int64
	tie          bool
}

func newSettings() (*settings, *pflag.FlagSet) {
	s := &settings{}
	flags := pflag.NewFlagSet("uer", pflag.ContinueOnError)
	flags.Bool("help", false, "a flag that is not a setting")
	group := NewGroup(flags, "All")
	group.Text(&s.path, PathFlag, "", "")
	group.Int(&s.batch, "batch_size", 32, 1, "")
	group.Int(&s.batchBuffer, "batch_buffer", 0, 0, "")
	group.Choice(&s.mask, "mask", "causal", []string{"causal", "fully_visible"}, "")
	group.Bool(&s.masking, "masking", "")
	group.Ints(&s.ranks, "gpu_ranks", "")
	group.Float(&s.learningRate, "learning_rate", 2e-5, -1, 1, "")
	group.Seed(&s.seed, "seed", 7, "")
	group.Bool(&s.tie, "tie_weights", "")
	return s, flags
}

func TestArguments(t *testing.T) {
	for _, test := range []struct{ in, want, err, hint string }{
		{in: "--gpu_ranks 0 1 2 --batch_size 32", want: "--gpu_ranks=0,1,2 --batch_size=32"},
		{in: "--gpu_ranks 0..7", want: "--gpu_ranks=0..7"},
		{in: "--gpu-ranks 0,1", want: "--gpu_ranks=0,1"},
		{in: "--gpu_ranks=3", want: "--gpu_ranks=3"},
		{in: "--batch_s 32", want: "--batch_size=32"},
		{in: "--batch-s=32", want: "--batch_size=32"},
		{in: "--tie_weight", want: "--tie_weights=true"},
		{in: "--tie_weights --batch_size 1", want: "--tie_weights=true --batch_size=1"},
		{in: "--tie_weights=false", want: "--tie_weights=false"},
		{in: "--mask causal", want: "--mask=causal"}, // the exact name, not a prefix of --masking
		{in: "--maski", want: "--masking=true"},
		{in: "--learning_rate -1e-4", want: "--learning_rate=-1e-4"},
		{in: "--seed -7 --seed 8", want: "--seed=-7 --seed=8"},
		{in: "--gpu_ranks 0 -h", want: "--gpu_ranks=0 -h"},
		{in: "stray --seed 1", want: "stray --seed=1"},
		{in: "--seed 1 -- --mask", want: "--seed=1 -- --mask"},
		{in: "--batch 32", err: "ambiguous flag: --batch could be --batch_size, --batch_buffer"},
		{in: "--config_path --seed 1", err: "--config_path needs a value"},
		{in: "--seed", err: "--seed needs a value"},
		{in: "--gpu_ranks --seed 1", err: "--gpu_ranks needs at least one value"},
		{in: "--tie_weights false", err: "--tie_weights takes no value after a space", hint: "write --tie_weights=false"},
		{in: "--batchsize 32", err: "unknown flag: --batchsize", hint: "did you mean --batch_size?"},
		{in: "--fp16", err: "unknown flag: --fp16", hint: "UER-py has it, but this command does not"},
		{in: "--nothing_like_it", err: "unknown flag: --nothing_like_it"},
		{in: "--=1", err: "unknown flag: --"},
	} {
		t.Run(test.in, func(t *testing.T) {
			_, flags := newSettings()
			got, err := Arguments(flags, strings.Fields(test.in))
			if text := strings.Join(got, " "); text != test.want {
				t.Errorf("got %q, want %q", text, test.want)
			}
			checkUsage(t, err, test.err, test.hint)
		})
	}
}

func TestArgumentsKeepEmptyValues(t *testing.T) {
	s, flags := newSettings()
	s.path = "x.json"
	got, err := Arguments(flags, []string{"--config_path", ""})
	if err != nil || !slices.Equal(got, []string{"--config_path="}) {
		t.Errorf("got %q, %v", got, err)
	}
	if err := flags.Parse(got); err != nil || s.path != "" {
		t.Errorf("path %q, %v", s.path, err)
	}
}

func TestValues(t *testing.T) {
	for _, test := range []struct{ name, value, want, err string }{
		{name: "batch_size", value: "64", want: "64"},
		{name: "batch_size", value: "010", want: "10"},
		{name: "batch_size", value: "0", err: "0 is less than 1"},
		{name: "batch_size", value: "1.5", err: `"1.5" is not an integer`},
		{name: "batch_size", value: "99999999999999999999", err: "is not an integer"},
		{name: "learning_rate", value: "1e-4", want: "0.0001"},
		{name: "learning_rate", value: "nan", err: `"nan" is not a number`},
		{name: "learning_rate", value: "inf", err: `"inf" is not a number`},
		{name: "learning_rate", value: "2", err: "2 is greater than 1"},
		{name: "learning_rate", value: "-2", err: "-2 is less than -1"},
		{name: "seed", value: "-9223372036854775808", want: "-9223372036854775808"},
		{name: "seed", value: "x", err: `"x" is not a 64-bit integer`},
		{name: "mask", value: "fully_visible", want: "fully_visible"},
		{name: "mask", value: "none", err: `"none" is not one of causal, fully_visible`},
		{name: "tie_weights", value: "1", want: "true"},
		{name: "tie_weights", value: "yes", err: `"yes" is neither true nor false`},
		{name: "gpu_ranks", value: "0,1,2", want: "0 1 2"},
		{name: "gpu_ranks", value: "5, 0..2", want: "5 0 1 2"},
		{name: "gpu_ranks", value: "a", err: `"a" is neither a non-negative integer nor a range`},
		{name: "gpu_ranks", value: "-1", err: "neither"},
		{name: "gpu_ranks", value: "3..1", err: "neither"},
		{name: "gpu_ranks", value: "0..", err: "neither"},
		{name: "gpu_ranks", value: "0..2000000000", err: "the list longer than 65536 numbers"},
		{name: "gpu_ranks", value: " ", err: "contains no number"},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			_, flags := newSettings()
			before := flags.Lookup(test.name).Value.String()
			err := flags.Parse([]string{"--" + test.name + "=" + test.value})
			got := flags.Lookup(test.name).Value.String()
			if test.err == "" {
				if err != nil || got != test.want {
					t.Errorf("got %q, %v, want %q", got, err, test.want)
				}
				return
			}
			if err == nil || got != before {
				t.Fatalf("got %q, %v; want an error and %q", got, err, before)
			}
			err = FlagError(err)
			if text := err.Error(); !strings.HasPrefix(text, "--"+test.name+": ") || !strings.Contains(text, test.err) {
				t.Errorf("error %q, want --%s: %s", text, test.name, test.err)
			}
			checkUsage(t, err, err.Error(), "")
		})
	}
}

// checkUsage checks that err is a usage error with a text and a hint. An empty text means no error.
func checkUsage(t *testing.T, err error, text, hint string) {
	t.Helper()
	if text == "" {
		if err != nil {
			t.Errorf("error %v", err)
		}
		return
	}
	if err == nil || err.Error() != text {
		t.Fatalf("error %v, want %q", err, text)
	}
	if !errors.As(err, &console.UsageError{}) {
		t.Errorf("%v is not a usage error", err)
	}
	var printed strings.Builder
	console.Report(&printed, err)
	if _, got, _ := strings.Cut(printed.String(), "hint: "); strings.TrimSpace(got) != hint {
		t.Errorf("hint %q, want %q", got, hint)
	}
}

// FuzzArguments checks that no command line makes Arguments or the parser behind it panic, and that flags come out whole:
// with their names and a value.
func FuzzArguments(f *testing.F) {
	f.Add("--gpu_ranks\n0\n1\n--batch_s=32")
	f.Add("stray\n--tie_weights\n--seed\n-7\n--\n--mask")
	f.Add("--config_path\n\n--learning-rate\n-1e-4\n-h")
	f.Add("--seed")
	f.Add("--=\n---\n-\n--gpu_ranks=\n")
	f.Fuzz(func(t *testing.T, lines string) {
		_, flags := newSettings()
		arguments, err := Arguments(flags, strings.Split(lines, "\n"))
		if err != nil {
			return
		}
		for _, argument := range arguments {
			if argument == "--" {
				break
			}
			name, _, hasValue := strings.Cut(argument, "=")
			if strings.HasPrefix(name, "--") && (!hasValue || flags.Lookup(name[2:]) == nil) {
				t.Errorf("%q is no flag with a value", argument)
			}
		}
		_ = flags.Parse(arguments)
	})
}
