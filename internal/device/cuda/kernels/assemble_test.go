//go:build gpu

package kernels

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var propertiesPattern = regexp.MustCompile(`Function properties for (\w+)\s+(.*)`)

// TestAssembles makes machine code of the modules, which must keep all values in registers. NVIDIA's assembler is in its
// toolkit, and in the Python package nvidia-cuda-nvcc.
func TestAssembles(t *testing.T) {
	if _, err := exec.LookPath("ptxas"); err != nil {
		t.Skip("ptxas is not in the path")
	}
	for _, target := range []string{"sm_80", "sm_90", "sm_100", "sm_120"} {
		t.Run(target, func(t *testing.T) {
			for _, module := range moduleNames(t) {
				text, err := Module(module)
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(t.TempDir(), module+".ptx")
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				output, err := exec.Command("ptxas", "-v", "-arch="+target, file, "-o", file+".cubin").CombinedOutput()
				if strings.Contains(string(output), "'"+target+"'") && strings.Contains(string(output), "not defined for option") {
					t.Skip("this ptxas does not know it")
				}
				if err != nil {
					t.Fatalf("%s: %v\n%s", module, err, output)
				}
				for _, m := range propertiesPattern.FindAllStringSubmatch(string(output), -1) {
					if !strings.HasPrefix(m[2], "0 bytes stack frame, 0 bytes spill stores") {
						t.Errorf("%s: %s has %s", module, m[1], m[2])
					}
				}
			}
		})
	}
}
