//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestARM64 builds the program for Linux on ARM, with the kernels in C if there is a compiler, and lets it test itself, train
// and fill a mask under QEMU, which translates its instructions.
func TestARM64(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles the program")
	}
	emulator := firstProgram("qemu-aarch64-static", "qemu-aarch64")
	if emulator == "" {
		t.Skip("QEMU's emulator of arm64 is missing (Debian: qemu-user-static)")
	}
	kernels, compiler := "portable", "0"
	if firstProgram("aarch64-linux-gnu-gcc") != "" {
		kernels, compiler = "baseline", "1"
	}
	files := t.TempDir()
	program := filepath.Join(files, "uer")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED="+compiler, "CC=aarch64-linux-gnu-gcc",
		"CGO_CFLAGS=", "CGO_LDFLAGS=")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	run := func(input string, arguments ...string) string {
		t.Helper()
		command := exec.Command(emulator, append([]string{"-L", "/usr/aarch64-linux-gnu", program}, arguments...)...)
		command.Stdin = strings.NewReader(input)
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("uer %s: %v\n%s", strings.Join(arguments, " "), err, output)
		}
		return string(output)
	}
	if output := run("", "selftest", "--device", "cpu"); !strings.Contains(output, `"device":"CPU (`+kernels+`,`) {
		t.Errorf("the kernels are not %s:\n%s", kernels, output)
	}
	const root = "../.."
	dataset, model := filepath.Join(files, "dataset.pt"), filepath.Join(files, "model.bin")
	run("", "preprocess", "--corpus_path", root+"/corpora/demo.txt", "--vocab_path", root+"/models/demo_vocab.txt",
		"--dataset_path", dataset, "--dynamic_masking", "--target", "mlm")
	run("", "pretrain", "--config_path", root+"/configs/demo.yaml", "--vocab_path", root+"/models/demo_vocab.txt",
		"--dataset_path", dataset, "--output_model_path", model, "--total_steps", "2")
	if output := run("明[MASK]晴\n", "fill", "--load_model_path", model+"-2"); !strings.Contains(output, "\n明[MASK]晴\n") {
		t.Errorf("fill printed %q", output)
	}
}

// firstProgram returns the first of the programs that is installed, or nothing.
func firstProgram(names ...string) string {
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			return name
		}
	}
	return ""
}
