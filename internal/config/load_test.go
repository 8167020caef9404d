package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"uer/internal/console"
	"uer/internal/hostile"
)

func TestPrecedence(t *testing.T) {
	for _, test := range []struct {
		name        string
		arguments   []string
		environment string
		file        string
		want        int
	}{
		{name: "default", want: 32},
		{name: "file", file: "8", want: 8},
		{name: "environment", file: "8", environment: "16", want: 16},
		{name: "command line", file: "8", environment: "16", arguments: []string{"--batch_size=2"}, want: 2},
		{name: "command line with the default's value", file: "8", arguments: []string{"--batch_size=32"}, want: 32},
		{name: "empty variable", file: "8", environment: "", want: 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, flags := newSettings()
			t.Setenv("UER_BATCH_SIZE", test.environment)
			if test.file != "" {
				// A variable can also name the file.
				t.Setenv("UER_CONFIG_PATH", write(t, "c.json", `{"batch_size": `+test.file+`}`))
			}
			if err := flags.Parse(test.arguments); err != nil {
				t.Fatal(err)
			}
			if err := Load(flags); err != nil {
				t.Fatal(err)
			}
			if s.batch != test.want {
				t.Errorf("batch size %d, want %d", s.batch, test.want)
			}
		})
	}
}

// TestExactNumbers reads numbers that float64 cannot hold, and numbers in scientific notation for integers.
func TestExactNumbers(t *testing.T) {
	const mark = "\ufeff"
	for _, test := range []struct{ name, text string }{
		{"c.json", `{"seed": 9007199254740993, "batch_size": 1e3}`}, {"c.json", mark + `{"seed": 9007199254740993, "batch_size": 1000.0}`},
		{"c.yaml", "seed: 9007199254740993\nbatch_size: 1000\n"}, {"c.yaml", mark + "seed: 9007199254740993\nbatch_size: 1000\n"},
		{"c.toml", mark + "seed = 9007199254740993\nbatch_size = 1000\n"},
	} {
		s, flags := newSettings()
		s.path = write(t, test.name, test.text)
		if err := Load(flags); err != nil || s.seed != 9007199254740993 || s.batch != 1000 {
			t.Errorf("%s: %q: seed %d, batch size %d, %v", test.name, test.text, s.seed, s.batch, err)
		}
	}
	s, flags := newSettings()
	s.path = write(t, "c.json", `{"seed": 18446744073709551616}`)
	if err := Load(flags); err == nil {
		t.Errorf("a seed of 2^64 became %d", s.seed)
	}
}

func TestFormats(t *testing.T) {
	for name, text := range map[string]string{
		"c.json": `{"gpu_ranks": [4, 5], "batch_size": 1000000, "mask": "fully_visible", "tie_weights": true, "learning_rate": 1e-4}`,
		"c.yaml": "gpu_ranks: [4, 5]\nbatch_size: 1000000\nmask: fully_visible\ntie_weights: true\nlearning_rate: 0.0001\n",
		"c.yml":  "gpu_ranks: 4..5\nbatch_size: 1000000\nmask: fully_visible\ntie_weights: true\nlearning_rate: 1e-4\n",
		"c.toml": "gpu_ranks = [4, 5]\nbatch_size = 1000000\nmask = 'fully_visible'\ntie_weights = true\nlearning_rate = 1e-4\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, flags := newSettings()
			s.path = write(t, name, text)
			if err := Load(flags); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(s.ranks, []int{4, 5}) || s.batch != 1000000 || s.mask != "fully_visible" || !s.tie ||
				s.learningRate != 1e-4 {
				t.Errorf("got %+v", *s)
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	for _, test := range []struct{ name, text, err, hint string }{
		{"c.json", `{"num_hidden_layers": 12, "architectures": []}`, `c.json: unknown setting "num_hidden_layers"`,
			"this is a Hugging Face configuration"},
		{"c.json", `{"batchsize": 12}`, `c.json: unknown setting "batchsize"`, "did you mean batch_size?"},
		{"c.json", `{"deep_init": true}`, `c.json: unknown setting "deep_init"`, "UER-py has it"},
		{"c.json", `{"config_path": "x"}`, "c.json: config_path cannot be set in a configuration file", ""},
		{"c.json", `{"help": true}`, `c.json: unknown setting "help"`, ""},
		{"c.json", `{"seed": {"a": 1}}`, `c.json: unknown setting "seed.a"`, "did you mean seed?"},
		{"c.json", `{"seed": null}`, `c.json: seed has no value`, ""},
		{"c.json", `{"seed": 1.5, "batch_size": 0}`, "c.json: batch_size: 0 is less than 1", ""},
		{"c.json", `{"seed": 1.5, "batch_size": 0}`, `c.json: seed: "1.5" is not a 64-bit integer`, ""},
		{"c.json", "{\n\"seed\": 1,\n}", "c.json:3: invalid character", ""},
		{"c.json", "", "c.json:1: unexpected end of JSON input", ""},
		{"c.json", "[1]", "c.json: expected an object with settings, found array", ""},
		{"c.yaml", "seed: [", "c.yaml: ", ""},
		{"c.toml", "seed = ", "c.toml: ", ""},
		{"c.ini", "", "c.ini: a configuration file must end in one of .json, .yaml, .yml, .toml", ""},
	} {
		t.Run(test.err, func(t *testing.T) {
			s, flags := newSettings()
			s.path = write(t, test.name, test.text)
			checkReport(t, Load(flags), test.err, test.hint)
		})
	}
}

func TestUnreadableFiles(t *testing.T) {
	s, flags := newSettings()
	s.path = filepath.Join(t.TempDir(), "none.json")
	checkReport(t, Load(flags), "none.json: no such configuration file", `--config_path ""`)

	s.path = filepath.Join(t.TempDir(), "folder.json")
	if err := os.Mkdir(s.path, 0o777); err != nil {
		t.Fatal(err)
	}
	checkReport(t, Load(flags), "read configuration", "")
}

func TestBadEnvironment(t *testing.T) {
	_, flags := newSettings()
	t.Setenv("UER_MASK", "none")
	checkReport(t, Load(flags), `UER_MASK: "none" is not one of causal, fully_visible`, "")
}

func TestRequired(t *testing.T) {
	_, flags := newSettings()
	var vocabulary, target string
	group := NewGroup(flags, "Required")
	group.Text(&vocabulary, "vocab_path", "", "")
	group.Text(&target, "target", "", "")
	group.Require("vocab_path", "target")

	err := Load(flags)
	checkReport(t, err, "required but not set: --vocab_path, --target", "")
	if !errors.As(err, &console.UsageError{}) {
		t.Errorf("%v is not a usage error", err)
	}
	t.Setenv("UER_TARGET", "mlm")
	checkReport(t, Load(flags), "required but not set: --vocab_path", "")
}

// FuzzFile checks that no configuration file makes Load panic.
func FuzzFile(f *testing.F) {
	f.Add(".json", `{"seed": 1}`)
	f.Add(".yaml", "seed: 1\nmask: [causal]")
	f.Add(".toml", "seed = 1\n[x]\ny = 2")
	f.Add(".json", `{"": {"": []}, "gpu_ranks": [[1]]}`)
	f.Add(".yaml", "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]")
	f.Fuzz(func(t *testing.T, ending, text string) {
		if !slices.Contains(formats, ending) {
			t.Skip()
		}
		s, flags := newSettings()
		s.path = write(t, "c"+ending, text)
		// Parsers of YAML expand aliases, up to a bound.
		hostile.Bounded(t, len(text), 1000, 8<<20, func() {
			if err := Load(flags); err == nil && s.batch < 1 {
				t.Errorf("accepted %+v", *s)
			}
		})
	})
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkReport checks that the printed form of err contains the text and the hint.
func checkReport(t *testing.T, err error, text, hint string) {
	t.Helper()
	var printed strings.Builder
	console.Report(&printed, err)
	if !strings.Contains(printed.String(), text) {
		t.Errorf("printed %q, want %q", printed.String(), text)
	}
	if _, got, has := strings.Cut(printed.String(), "hint: "); has != (hint != "") || !strings.Contains(got, hint) {
		t.Errorf("hint %q, want %q", got, hint)
	}
}
