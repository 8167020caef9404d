//go:build unix

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// demo returns the flags of a training of the demo in a folder, and makes its dataset.
func demo(t *testing.T, folder string) []string {
	t.Helper()
	const root = "../.."
	inputs := []string{"--vocab_path", root + "/models/demo_vocab.txt", "--dataset_path", filepath.Join(folder, "demo.pt"), "--target", "mlm"}
	command := exec.Command("uer", append([]string{"preprocess", "--corpus_path", root + "/corpora/demo.txt", "--dynamic_masking"}, inputs...)...)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return append(inputs, "--config_path", root+"/models/demo_config.json", "--batch_size", "2", "--device", "cpu", "--threads", "1")
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 3000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s did not happen within 30 s", what)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestTwoTrainings starts a training whose output another one is writing, then one after that was killed.
func TestTwoTrainings(t *testing.T) {
	folder := t.TempDir()
	output := filepath.Join(folder, "m.bin")
	flags := append([]string{"pretrain", "--output_model_path", output}, demo(t, folder)...)
	first := exec.Command("uer", append(flags, "--total_steps", "100000000", "--save_checkpoint_steps", "100000000")...)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Process.Kill() })
	waitFor(t, "the lock", func() bool {
		content, _ := os.ReadFile(output + ".uer-lock")
		return strings.HasSuffix(string(content), "\n")
	})
	second := exec.Command("uer", append(flags, "--total_steps", "1")...)
	said, err := second.CombinedOutput()
	want := fmt.Sprintf("uer: error: %s is being written by process %d on ", output, first.Process.Pid)
	if second.ProcessState.ExitCode() != 1 || !strings.Contains(string(said), want) ||
		!strings.Contains(string(said), "hint: wait until it has ended, or choose another --output_model_path") {
		t.Errorf("%v: %s", err, said)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	leftover := output + "-7.uer-0123456789abcdef.partial"
	if err := os.WriteFile(leftover, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	third := exec.Command("uer", append(flags, "--total_steps", "1")...)
	said, err = third.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "Removed  "+leftover) || !strings.Contains(string(said), ", left by a run that was killed\n") {
		t.Errorf("%v: %s", err, said)
	}
	if exists(leftover) || exists(output+".uer-lock") || !exists(output+"-1") {
		t.Error("a left-over stayed, or the checkpoint is missing")
	}
}

// TestTwoPreprocesses starts a preprocess whose dataset another one is writing.
func TestTwoPreprocesses(t *testing.T) {
	dataset := filepath.Join(t.TempDir(), "d.pt")
	flags := []string{"preprocess", "--corpus_path", "../../corpora/demo.txt", "--vocab_path", "../../models/demo_vocab.txt",
		"--target", "mlm", "--dataset_path", dataset, "--dup_factor"}
	first := exec.Command("uer", append(flags, "100000000")...)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Process.Kill() })
	waitFor(t, "the temporary file", func() bool {
		found, _ := filepath.Glob(dataset + ".uer-*.partial")
		return found != nil
	})
	second := exec.Command("uer", append(flags, "1")...)
	said, err := second.CombinedOutput()
	want := fmt.Sprintf("uer: error: %s is being written by process %d on ", dataset, first.Process.Pid)
	if second.ProcessState.ExitCode() != 1 || !strings.Contains(string(said), want) ||
		!strings.Contains(string(said), "hint: wait until it has ended, or choose another --dataset_path") {
		t.Errorf("%v: %s", err, said)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	said, err = exec.Command("uer", append(flags, "1")...).CombinedOutput()
	if err != nil || !strings.Contains(string(said), "left by a run that was killed") {
		t.Errorf("%v: %s", err, said)
	}
	if left, _ := filepath.Glob(dataset + ".*"); left != nil {
		t.Errorf("left %v", left)
	}
}

// TestShortenedDataset truncates the dataset of a training: what was learnt is saved, and one line says what happened.
func TestShortenedDataset(t *testing.T) {
	for _, left := range []int64{100, 60_000} {
		folder := t.TempDir()
		output := filepath.Join(folder, "m.bin")
		flags := append([]string{"pretrain", "--output_model_path", output}, demo(t, folder)...)
		command := exec.Command("uer", append(flags, "--total_steps", "100000000", "--save_checkpoint_steps", "100000000", "--report_steps", "1")...)
		var said strings.Builder
		command.Stderr = &said
		out, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = command.Process.Kill() })
		if _, err := out.Read(make([]byte, 1)); err != nil { // the first report
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(folder, "demo.pt"), left); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, out)
		_ = command.Wait()
		if code := command.ProcessState.ExitCode(); code != 1 || strings.Contains(said.String(), "goroutine") ||
			!regexp.MustCompile(`(?m)^uer: error: step \d+: read .*demo.pt: .* another program shortened it`).MatchString(said.String()) {
			t.Errorf("%d bytes left: exit status %d\n%s", left, code, &said)
		}
		if found, _ := filepath.Glob(output + "-*.state"); len(found) != 1 {
			t.Errorf("%d bytes left: checkpoints %v\n%s", left, found, &said)
		}
	}
}
