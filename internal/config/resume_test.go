package config

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestResume: the settings of the earlier run take the place of the defaults, and what differs on purpose is listed.
func TestResume(t *testing.T) {
	before := map[string]string{"batch_size": "8", "mask": "fully_visible", "learning_rate": "0.5", "gpu_ranks": "0 1", "seed": "7"}
	for _, test := range []struct {
		name        string
		arguments   []string
		file        string
		environment string
		batch       int
		changes     []Change
	}{
		{name: "nothing", batch: 8},
		{name: "the same", arguments: []string{"--batch_size=8"}, file: `{"mask": "fully_visible"}`, environment: "0.50", batch: 8},
		{name: "command line", arguments: []string{"--batch_size=4"}, batch: 4, changes: []Change{{"batch_size", "8", "4"}}},
		{name: "file", file: `{"batch_size": 32}`, batch: 32, changes: []Change{{"batch_size", "8", "32"}}},
		{name: "environment", environment: "1", batch: 8, changes: []Change{{"learning_rate", "0.5", "1"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, flags := newSettings()
			s.path = "a default file, which is not read"
			t.Setenv("UER_LEARNING_RATE", test.environment)
			if test.file != "" {
				t.Setenv("UER_CONFIG_PATH", write(t, "c.json", test.file))
			}
			if err := flags.Parse(test.arguments); err != nil {
				t.Fatal(err)
			}
			changes, err := Resume(flags, maps.Clone(before))
			if err != nil {
				t.Fatal(err)
			}
			if s.batch != test.batch || s.mask != "fully_visible" || !slices.Equal(s.ranks, []int{0, 1}) || !slices.Equal(changes, test.changes) {
				t.Errorf("settings %+v, changes %v", s, changes)
			}
			if got := Settings(flags, "config_path"); got["mask"] != "fully_visible" || got["gpu_ranks"] != "0 1" || got["help"] != "" {
				t.Errorf("settings %v", got)
			}
		})
	}
	for name, value := range map[string]string{"batch_size": "x", "no_such_flag": "1"} {
		_, flags := newSettings()
		if _, err := Resume(flags, map[string]string{name: value}); err == nil || !strings.Contains(err.Error(), "--"+name) {
			t.Errorf("%s %s: error %v", name, value, err)
		}
	}
}
