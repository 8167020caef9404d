// Package scripts holds the recipes; this test runs each of them on the demo corpus.
package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestRecipes(t *testing.T) {
	program := filepath.Join(t.TempDir(), "uer")
	if output, err := exec.Command("go", "build", "-o", program, "../cmd/uer").CombinedOutput(); err != nil {
		t.Fatalf("build uer: %v\n%s", err, output)
	}
	for _, script := range recipes(t) {
		settings := []string{""}
		if script == "spanbert.sh" {
			settings = []string{"MASKING=static", "MASKING=dynamic"}
		}
		for _, setting := range settings {
			t.Run(strings.TrimSpace(script+" "+setting), func(t *testing.T) {
				t.Parallel()
				testRecipe(t, script, program, setting)
			})
		}
	}
}

// testRecipe makes a trial of two steps, then continues its checkpoint for two more.
func testRecipe(t *testing.T, script, program, setting string) {
	files := t.TempDir()
	first, second := filepath.Join(files, "first"), filepath.Join(files, "second")
	for _, settings := range [][]string{
		{"OUTPUT=" + first},
		{"OUTPUT=" + second, "PRETRAINED=" + first + "-2"},
	} {
		command := exec.Command("bash", script, "--threads", "1")
		command.Env = append(os.Environ(), "UER="+program, "DATASET="+filepath.Join(files, "dataset.pt"), "STEPS=2", setting)
		command.Env = append(command.Env, settings...)
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", settings, err, output)
		}
	}
	for _, checkpoint := range []string{first + "-2", second + "-2"} {
		if _, err := os.Stat(checkpoint); err != nil {
			t.Error(err)
		}
	}
}

// recipes lists the scripts that share recipe.sh.
func recipes(t *testing.T) []string {
	scripts, err := filepath.Glob("*.sh")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range scripts {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), "\nsource ") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Fatal("no recipe found")
	}
	return names
}
