package kernels

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// entry is a kernel as PTX has it.
type entry struct {
	threads    int
	parameters []string // types
	body       string
}

var (
	entryPattern   = regexp.MustCompile(`(?s)\.visible \.entry (\w+)\((.*?)\)\s*\.maxntid (\d+), 1, 1\s*(?:\.minnctapersm \d+\s*)?\{(.*?)\n\}`)
	commentPattern = regexp.MustCompile(`//.*`)
)

func entriesOf(t *testing.T, module string) map[string]entry {
	t.Helper()
	text, err := Module(module)
	if err != nil {
		t.Fatal(err)
	}
	return parseEntries(t, text)
}

func parseEntries(t *testing.T, ptx string) map[string]entry {
	t.Helper()
	text := commentPattern.ReplaceAllString(ptx, "")
	entries := map[string]entry{}
	for _, m := range entryPattern.FindAllStringSubmatch(text, -1) {
		e := entry{body: m[4]}
		e.threads, _ = strconv.Atoi(m[3])
		for _, parameter := range regexp.MustCompile(`\.param (\.\w+) `).FindAllStringSubmatch(m[2], -1) {
			e.parameters = append(e.parameters, parameter[1])
		}
		entries[m[1]] = e
	}
	if n := strings.Count(text, ".entry"); n != len(entries) {
		t.Fatalf("%d entries were understood of %d", len(entries), n)
	}
	return entries
}

func moduleNames(t *testing.T) []string {
	t.Helper()
	files, err := modules.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".ptx"))
	}
	return names
}

// TestKernels compares the list of kernels with the entries of the modules.
func TestKernels(t *testing.T) {
	typesOf := map[Type]string{Int32: ".u32", Uint32: ".u32", Uint64: ".u64", Float32: ".f32", Float64: ".f64", BFloat16: ".u64"}
	listed := 0
	for _, module := range moduleNames(t) {
		for name, e := range entriesOf(t, module) {
			k, err := Find(name)
			if err != nil {
				t.Error(err)
				continue
			}
			listed++
			parameters, err := k.Parameters()
			if err != nil {
				t.Error(err)
			}
			var want []string
			for _, p := range parameters {
				if p.Pointer {
					want = append(want, ".u64")
				} else {
					want = append(want, typesOf[p.Type])
				}
			}
			if k.Module != module || k.Threads != e.threads || !slices.Equal(want, e.parameters) {
				t.Errorf("%s is listed as %+v; in %s it has %d threads and parameters %v", name, k, module, e.threads, e.parameters)
			}
		}
	}
	if listed != len(Kernels) {
		t.Errorf("%d kernels are listed, %d are in the modules", len(Kernels), listed)
	}
}

// TestInstructions: what a GPU computes with these has the bits that the CPU's twins have, in any order of the threads. Results
// that are rounded to bfloat16 may be approximated.
func TestInstructions(t *testing.T) {
	forbidden := map[string]*regexp.Regexp{
		"an approximation":                       regexp.MustCompile(`\.approx|\.full`),
		"numbers below the normal ones set to 0": regexp.MustCompile(`\.ftz`),
		"an operation that may be fused":         regexp.MustCompile(`\b(add|sub|mul|mad)\.f(32|64)`),
		"an atomic operation":                    regexp.MustCompile(`\b(atom|red)\.`),
		"local memory":                           regexp.MustCompile(`\.local`),
		"a call":                                 regexp.MustCompile(`\bcall\b`),
	}
	approximations := []string{"an approximation", "numbers below the normal ones set to 0"}
	for _, module := range moduleNames(t) {
		text, err := Module(module)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{".version 7.1", ".target sm_80"} {
			if !strings.Contains(text, line+"\n") {
				t.Errorf("%s is not for %s", module, line)
			}
		}
		for name, e := range entriesOf(t, module) {
			for what, pattern := range forbidden {
				if strings.HasSuffix(module, "_bf16") && slices.Contains(approximations, what) {
					continue
				}
				body := e.body
				if strings.HasPrefix(module, "recurrent") { // blocks wait for each other, in whatever order they come
					body = strings.ReplaceAll(body, "red.release.gpu.add.u32", "")
				}
				if found := pattern.FindString(body); found != "" {
					t.Errorf("%s: %s has %s: %s", module, name, what, found)
				}
			}
		}
	}
}
