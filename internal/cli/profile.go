package cli

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"

	"uer/internal/device"
	"uer/internal/durable"
	"uer/internal/trainer"
)

// profile calls run. Unless path is empty, it writes a Go CPU profile of run to the file at path, and prints a table of
// the time that the first rank spends in each kind of operation to status.
func profile(path string, first *trainer.Trainer, status io.Writer, run func() error) (err error) {
	if path == "" {
		return run()
	}
	lock, err := lockOutput("--profile", path, status)
	if err != nil {
		return err
	}
	defer lock.Release()
	file, err := durable.Create(path, profileReplaceable)
	if err != nil {
		return adviseOutput("--profile", err)
	}
	defer file.Abort()
	if err := pprof.StartCPUProfile(file); err != nil {
		return fmt.Errorf("profiling: %w", err)
	}
	first.Profile = device.NewProfile()
	first.Profile.Limits = first.Limits
	err = run()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Commit(), first.Profile.Write(status))
}

// profileReplaceable is the rule of what a new profile may replace: a Go CPU profile.
func profileReplaceable(path string) error {
	const limit = 64 << 20
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	other := errors.New("not a CPU profile")
	content, err := gzip.NewReader(file)
	if err != nil {
		return other
	}
	profile, err := io.ReadAll(io.LimitReader(content, limit))
	if err != nil || !bytes.Contains(profile, []byte("samples")) || !bytes.Contains(profile, []byte("nanoseconds")) {
		return other
	}
	return nil
}
