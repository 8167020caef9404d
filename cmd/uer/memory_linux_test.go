package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestMemory compares the memory that a training announces with the largest that the process had, which Linux says in KiB.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains")
	}
	folder := t.TempDir()
	flags := append([]string{"pretrain"}, demo(t, folder)...)
	// Batches without padding, or they would take less than the largest, which is announced.
	full := filepath.Join(folder, "full.pt")
	if said, err := exec.Command("uer", "preprocess", "--corpus_path", "../../corpora/demo.txt", "--dynamic_masking", "--full_sentences",
		"--target", "mlm", "--vocab_path", "../../models/demo_vocab.txt", "--dataset_path", full).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	flags = append(flags, "--dataset_path", full)
	for i, more := range [][]string{{"--batch_size", "8"}, {"--batch_size", "64"}, {"--optimizer", "adafactor", "--recompute", "--batch_size", "32"}} {
		output := filepath.Join(folder, fmt.Sprint("m", i))
		command := exec.Command("uer", append(append(flags, "--total_steps", "30", "--output_model_path", output), more...)...)
		said, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		match := regexp.MustCompile(`up to ([\d.]+) ([MG])B of memory`).FindStringSubmatch(string(said))
		if match == nil {
			t.Fatalf("nothing was announced:\n%s", said)
		}
		announced, err := strconv.ParseFloat(match[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		if match[2] == "G" {
			announced *= 1000
		}
		peak := float64(command.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) * 1024 / 1e6
		t.Logf("%s: %.1f MB announced, %.1f MB used", strings.Join(more, " "), announced, peak)
		if announced < 0.8*peak || announced > 1.2*peak {
			t.Errorf("%s: %.1f MB were announced, %.1f MB used", strings.Join(more, " "), announced, peak)
		}
	}
}
