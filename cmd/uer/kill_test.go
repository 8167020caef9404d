//go:build unix

package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestKills kills the program again and again at random moments, resumes it, and compares the end with that of a training
// that was never stopped. UER_KILLS sets how often.
func TestKills(t *testing.T) {
	kills := 12
	if text := os.Getenv("UER_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		kills = 3
	}
	folder := t.TempDir()
	vocabulary, corpus := filepath.Join(folder, "vocab.txt"), filepath.Join(folder, "corpus.txt")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(vocabulary, strings.Join(strings.Fields("[PAD] [UNK] [CLS] [SEP] [MASK] a b c d e f g h"), "\n"))
	write(corpus, "a b c d e f g\nh g f e d\nc c b a\nf a d e d\na b a b a b\n")
	uer := func(arguments ...string) *exec.Cmd {
		command := exec.Command("uer", arguments...)
		command.Dir = folder
		return command
	}
	if out, err := uer("preprocess", "--corpus_path", corpus, "--vocab_path", vocabulary, "--target", "mlm", "--dynamic_masking",
		"--seq_length", "16").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// train begins a training whose checkpoints have a name.
	train := func(name string) *exec.Cmd {
		return uer("pretrain", "--config_path", "", "--emb_size", "16", "--hidden_size", "16", "--feedforward_size", "32", "--heads_num",
			"2", "--layers_num", "1", "--hidden_act", "gelu", "--vocab_path", vocabulary, "--target", "mlm", "--batch_size", "3",
			"--total_steps", "120", "--save_checkpoint_steps", "5", "--accumulation_steps", "2", "--learning_rate", "1e-2",
			"--threads", "1", "--output_model_path", name)
	}
	started := time.Now()
	if out, err := train("whole").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(started)
	want, err := os.ReadFile(filepath.Join(folder, "whole-120"))
	if err != nil {
		t.Fatal(err)
	}
	resumed, trainings := 0, 0
	for killed := 0; killed < kills; {
		states, err := filepath.Glob(filepath.Join(folder, "m-*.state"))
		if err != nil {
			t.Fatal(err)
		}
		command := train("m")
		if len(states) > 0 {
			command = uer("pretrain", "--resume", "m")
			resumed++
		}
		var said bytes.Buffer
		command.Stderr = &said
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		after := rand.N(took)
		timer := time.AfterFunc(after, func() { _ = command.Process.Kill() })
		err = command.Wait()
		timer.Stop()
		if strings.Contains(said.String(), "Broken") {
			t.Fatalf("a checkpoint was broken: %s", said.String())
		}
		if command.ProcessState.ExitCode() == -1 {
			killed++
			continue
		}
		if err != nil {
			t.Fatalf("%v: %s", err, said.String())
		}
		trainings++
		got, err := os.ReadFile(filepath.Join(folder, "m-120"))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("after %d kills, the parameters differ (%v)", killed, err)
		}
		files, err := filepath.Glob(filepath.Join(folder, "m-*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d kills, %d resumed, %d trainings came to their end, all with the same parameters", kills, resumed, trainings)
}
