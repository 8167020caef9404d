//go:build linux

// Command recipes trains the small model of each recipe on the demo corpus, plans the recipe at full size, and puts what
// it measured and the curves into docs/recipes: go run ./scripts/recipes UER [RECIPE...], from the root of the repository.
//
// In a page, everything below the line `<!-- measured -->` is written by this program.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	pages  = "docs/recipes"
	files  = "build/recipes"
	marker = "<!-- measured -->\n"
	steps  = "3000"
)

// recipe is a script in folder scripts, and the values of environment variables that make forms of it; "" if it has one form.
type recipe struct {
	name  string
	forms []string
}

var recipes = []recipe{
	{"roberta", []string{""}},
	{"spanbert", []string{"MASKING=dynamic", "MASKING=static"}},
	{"bert", []string{""}},
	{"albert", []string{""}},
	{"gpt", []string{""}},
	{"gpt2", []string{""}},
	{"elmo", []string{""}},
	{"lstm", []string{""}},
	{"gru", []string{""}},
	{"gatedcnn", []string{""}},
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: recipes UER [RECIPE...]")
		os.Exit(2)
	}
	uer, err := filepath.Abs(os.Args[1])
	if err == nil {
		err = measure(uer, os.Args[2:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// measure updates the pages of the named recipes, or of all.
func measure(uer string, names []string) error {
	if err := writeVocabulary(files + "/vocab.txt"); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := os.Stat(page(name)); err != nil {
			return err
		}
	}
	for _, r := range recipes {
		if len(names) > 0 && !slices.Contains(names, r.name) {
			continue
		}
		if err := r.measure(uer); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

func page(name string) string { return filepath.Join(pages, name+".md") }

// measure trains all forms of the recipe, draws their curves in one picture, plans the full size, and updates the page.
func (r recipe) measure(uer string) error {
	load := loadAverage()
	var trials []*trial
	for _, form := range r.forms {
		t, err := r.train(uer, form)
		if err != nil {
			return err
		}
		trials = append(trials, t)
	}
	if err := r.draw(uer, trials); err != nil {
		return err
	}
	plan, err := r.plan(uer)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(page(r.name))
	if err != nil {
		return err
	}
	prose, _, found := bytes.Cut(text, []byte(marker))
	if !found {
		return errors.New("the page has no line " + strings.TrimSpace(marker))
	}
	var measured bytes.Buffer
	r.write(&measured, trials, plan, load)
	return os.WriteFile(page(r.name), append(append(prose, marker...), measured.Bytes()...), 0o644)
}

// draw draws the losses and accuracies of all forms in one picture.
func (r recipe) draw(uer string, trials []*trial) error {
	picture, err := filepath.Abs(filepath.Join(pages, r.name+".svg"))
	if err != nil {
		return err
	}
	arguments := []string{"plot"}
	for _, t := range trials {
		arguments = append(arguments, t.name)
	}
	arguments = append(append(arguments, "--output", picture, "--figures"), trials[0].drawn()...)
	command := exec.Command(uer, arguments...)
	command.Dir = files // the curves are named as their folders
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("plot: %w\n%s", err, output)
	}
	return nil
}

// script returns the command that runs the script of the recipe with environment variables and arguments.
func (r recipe) script(uer string, environment []string, arguments ...string) *exec.Cmd {
	command := exec.Command("bash", append([]string{"scripts/" + r.name + ".sh"}, arguments...)...)
	command.Env = append(append(os.Environ(), "UER="+uer), environment...)
	return command
}

// plan returns what a dry run says of the parameters and the memory of the recipe as UER-py documents it: with eight ranks,
// and as many tokens as Google's Chinese vocabulary.
func (r recipe) plan(uer string) (string, error) {
	corpus := "corpora/demo.txt"
	if r.name == "bert" || r.name == "albert" {
		corpus = "corpora/demo_bert.txt"
	}
	output, err := r.script(uer, []string{"CORPUS=" + corpus, "VOCAB=" + files + "/vocab.txt", "DATASET=" + files + "/" + r.name + "-full.pt",
		"OUTPUT=" + files + "/" + r.name + "-full.bin", "DEVICE=cpu", "WORLD_SIZE=8", "GPU_RANKS=0..7"}, "--dry_run").Output()
	if err != nil {
		return "", fmt.Errorf("the dry run: %w\n%s", err, errorOf(err))
	}
	_, plan, found := strings.Cut(string(output), "Parameters ")
	plan, _, hasTime := strings.Cut(plan, "Time ")
	if !found || !hasTime {
		return "", fmt.Errorf("the dry run printed %q", output)
	}
	return "Parameters " + plan, nil
}

func errorOf(err error) []byte {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.Stderr
	}
	return nil
}

// writeVocabulary writes the vocabulary of the demo with as many other tokens as make it as large as Google's Chinese one,
// which models of the full size are trained with.
func writeVocabulary(path string) error {
	demo, err := os.ReadFile("models/demo_vocab.txt")
	if err != nil {
		return err
	}
	var text bytes.Buffer
	text.Write(demo)
	for n := bytes.Count(demo, []byte("\n")); n < 21128; n++ {
		fmt.Fprintf(&text, "[other%d]\n", n)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}

// loadAverage returns how many processes wanted to compute in the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(text))[0]
}

// processor returns the name of the processor and the number of cores.
func processor() string {
	name := runtime.GOARCH
	if file, err := os.Open("/proc/cpuinfo"); err == nil {
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if key, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores of %s", runtime.NumCPU(), name)
}

func today() string { return time.Now().UTC().Format("January 2006") }
