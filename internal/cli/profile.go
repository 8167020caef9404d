package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"

	"uer/internal/device"
	"uer/internal/trainer"
)

// profile calls run. Unless path is empty, it writes a Go CPU profile of run to the file at path, and prints a table of
// the time that the first rank spends in each kind of operation to status.
func profile(path string, first *trainer.Trainer, status io.Writer, run func() error) (err error) {
	if path == "" {
		return run()
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := pprof.StartCPUProfile(file); err != nil {
		return fmt.Errorf("profiling: %w", err)
	}
	first.Profile = device.NewProfile()
	err = run()
	pprof.StopCPUProfile()
	return errors.Join(err, first.Profile.Write(status))
}
