package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"

	"uer/internal/config"
)

// TestTargets resolves --target and --data_processor from all sources.
func TestTargets(t *testing.T) {
	for _, test := range []struct {
		name      string
		file      string
		variable  string // UER_TARGET
		arguments []string
		want, err string
	}{
		{name: "default", want: "bert"},
		{name: "target", arguments: []string{"--target=mlm"}, want: "mlm"},
		{name: "list", arguments: []string{"--target=mlm,sp"}, want: "bert"},
		{name: "processor", arguments: []string{"--data_processor=mt"}, want: "seq2seq"},
		{name: "both", arguments: []string{"--data_processor=albert", "--target=sp,mlm"}, want: "albert"},
		{name: "contradiction", arguments: []string{"--data_processor=lm", "--target=mlm"},
			err: "--data_processor lm and --target mlm contradict each other"},
		{name: "file", file: `{"data_processor": "albert", "target": ["mlm", "sp"]}`, want: "albert"},
		{name: "file of mt", file: `{"data_processor": "mt", "target": ["lm"]}`, want: "seq2seq"},
		{name: "contradictory file", file: `{"data_processor": "bert", "target": ["lm"]}`,
			err: "--data_processor bert and --target lm contradict each other"},
		{name: "target beats file", file: `{"data_processor": "bert", "target": ["mlm", "sp"]}`,
			arguments: []string{"--target=lm"}, want: "lm"},
		{name: "list beats file", file: `{"data_processor": "lm", "target": ["lm"]}`,
			arguments: []string{"--target=mlm,sp"}, want: "bert"},
		{name: "processor beats file", file: `{"data_processor": "bert", "target": ["mlm", "sp"]}`,
			arguments: []string{"--data_processor=mlm"}, want: "mlm"},
		{name: "file says more", file: `{"data_processor": "albert"}`, arguments: []string{"--target=mlm,sp"}, want: "albert"},
		{name: "variable beats file", file: `{"data_processor": "bert"}`, variable: "mlm", want: "mlm"},
		{name: "command line beats variable", variable: "mlm", arguments: []string{"--data_processor=bilm"}, want: "bilm"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("UER_TARGET", test.variable)
			var options targetOptions
			var path string
			flags := pflag.NewFlagSet("pretrain", pflag.ContinueOnError)
			group := config.NewGroup(flags, "All")
			group.Text(&path, config.PathFlag, "", "")
			options.addFlags(group, "")
			if test.file != "" {
				path = filepath.Join(t.TempDir(), "c.json")
				if err := os.WriteFile(path, []byte(test.file), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if err := flags.Parse(test.arguments); err != nil {
				t.Fatal(err)
			}
			if err := config.Load(flags); err != nil {
				t.Fatal(err)
			}
			got, err := options.resolve(flags)
			if got != test.want || err != nil && err.Error() != test.err || (err != nil) != (test.err != "") {
				t.Errorf("got %q, %v; want %q, %q", got, err, test.want, test.err)
			}
		})
	}
}
