//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const scripts = "../../scripts"

// TestRecipes runs each recipe on the demo corpus, in short mode one of them.
func TestRecipes(t *testing.T) {
	for _, script := range recipes(t) {
		if testing.Short() && script != "roberta.sh" {
			continue
		}
		settings := []string{""}
		if script == "spanbert.sh" {
			settings = []string{"MASKING=static", "MASKING=dynamic"}
		}
		for _, setting := range settings {
			t.Run(strings.TrimSpace(script+" "+setting), func(t *testing.T) {
				t.Parallel()
				testRecipe(t, script, setting)
			})
		}
	}
}

// testRecipe makes a trial of two steps, then continues its checkpoint for two more.
func testRecipe(t *testing.T, script, setting string) {
	files := t.TempDir()
	first, second := filepath.Join(files, "first"), filepath.Join(files, "second")
	for _, settings := range [][]string{
		{"OUTPUT=" + first},
		{"OUTPUT=" + second, "PRETRAINED=" + first + "-2"},
	} {
		command := exec.Command("bash", filepath.Join(scripts, script), "--threads", "1")
		command.Env = append(os.Environ(), "UER=uer", "DATASET="+filepath.Join(files, "dataset.pt"), "STEPS=2", setting)
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

// TestRecipePages checks that each recipe has a page with a picture, which names the script, and that the site and the index
// of the pages lead to it.
func TestRecipePages(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join("../../docs", path))
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	summary, index := read("SUMMARY.md"), read("recipes/README.md")
	for _, script := range recipes(t) {
		name := strings.TrimSuffix(script, ".sh")
		page := read("recipes/" + name + ".md")
		for _, want := range []string{"`scripts/" + script + "`", "](" + name + ".svg)", "\n## At full size\n"} {
			if !strings.Contains(page, want) {
				t.Errorf("docs/recipes/%s.md has no %q", name, want)
			}
		}
		if !strings.Contains(summary, "](recipes/"+name+".md)") || !strings.Contains(index, "]("+name+".md)") {
			t.Errorf("docs/SUMMARY.md or docs/recipes/README.md does not lead to docs/recipes/%s.md", name)
		}
	}
}

// recipes lists the scripts that share recipe.sh.
func recipes(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(scripts, "*.sh"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), "\nsource ") {
			names = append(names, filepath.Base(path))
		}
	}
	if len(names) == 0 {
		t.Fatal("no recipe found")
	}
	return names
}
