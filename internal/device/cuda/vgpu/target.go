//go:build linux

package vgpu

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// target is a file that a command makes. It is made again when its key changes: the command and all that it reads.
type target struct {
	name    string // for people, "" if the output's will do
	output  string
	command []string // the output's name is appended
	inputs  []string // files, or folders whose headers count
	key     string
}

// headers says which files of an input folder count.
var headers = []string{"*.h", "*.cuh"}

func (t *target) setKey() error {
	sum := sha256.New()
	fmt.Fprintln(sum, t.command)
	for _, input := range t.inputs {
		files := []string{input}
		if info, err := os.Stat(input); err == nil && info.IsDir() {
			files = nil
			for _, pattern := range headers {
				found, err := filepath.Glob(filepath.Join(input, pattern))
				if err != nil {
					return err
				}
				files = append(files, found...)
			}
			slices.Sort(files)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			fmt.Fprintln(sum, name, len(text))
			sum.Write(text)
		}
	}
	t.key = hex.EncodeToString(sum.Sum(nil))
	return nil
}

func (t *target) keyFile() string { return t.output + ".key" }

func (t *target) upToDate() bool {
	key, err := os.ReadFile(t.keyFile())
	if err != nil || string(key) != t.key {
		return false
	}
	_, err = os.Stat(t.output)
	return err == nil
}

func (t *target) make() error {
	if err := os.MkdirAll(filepath.Dir(t.output), 0o777); err != nil {
		return err
	}
	// A new file takes the place of the old one, which a running program may have mapped.
	partial := t.output + ".part"
	command := exec.Command(t.command[0], append(t.command[1:], partial)...)
	said, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("making %s: %w\n%s\n%s", t.output, err, strings.Join(command.Args, " "), bytes.TrimSpace(said))
	}
	if err := os.Rename(partial, t.output); err != nil {
		return err
	}
	return os.WriteFile(t.keyFile(), []byte(t.key), 0o666)
}

// makeAll makes the targets that are not up to date, as many at a time as there are processors.
func makeAll(targets []*target, report io.Writer) error {
	var stale []*target
	for _, t := range targets {
		if err := t.setKey(); err != nil {
			return err
		}
		if !t.upToDate() {
			stale = append(stale, t)
		}
	}
	errs := make([]error, len(stale))
	var group sync.WaitGroup
	slots := make(chan struct{}, runtime.NumCPU())
	for i, t := range stale {
		slots <- struct{}{}
		fmt.Fprintln(report, "  ", cmp.Or(t.name, t.output))
		group.Go(func() {
			errs[i] = t.make()
			<-slots
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
