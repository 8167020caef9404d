//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"uer": main, "sbatch": sbatch, "kubectl": kubectl})
}

func TestScripts(t *testing.T) {
	folder, err := filepath.Abs(scripts + "/cluster")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata", Cmds: commands,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SCRIPTS", folder)
			return nil
		},
		Condition: func(condition string) (bool, error) {
			if condition != "gpu" {
				return false, fmt.Errorf("unknown condition %s", condition)
			}
			return withGPUs(), nil // this build can use GPUs
		},
	})
}

// commands are those that scripts have beside the usual ones.
var commands = map[string]func(ts *testscript.TestScript, negated bool, arguments []string){
	"status": status, "bytes": writeBytes, "signalled": signalled, "damage": damage, "follows": follows,
	"killed": killed,
}

// withGPUs tells whether the tag gpu was set.
func withGPUs() bool {
	info, _ := debug.ReadBuildInfo()
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "-tags", Value: "gpu"})
}

// status runs a command and checks its exit status, for example: status 2 uer pretrain --no_such_flag
func status(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) < 2 {
		ts.Fatalf("usage: status CODE COMMAND ...")
	}
	want, err := strconv.Atoi(arguments[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(arguments[1], arguments[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// signalled runs a command until there is a file that matches a pattern, sends it a signal and checks its exit status. Its
// standard error goes to a file called said. For example: signalled INT 130 dataset.pt.uer-* uer preprocess ... There may be
// several signals, and pauses: 1s,INT,500ms,INT. A command that a signal has killed has status -1.
func signalled(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) < 4 {
		ts.Fatalf("usage: signalled SIGNAL CODE PATTERN COMMAND ...")
	}
	signals := map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}
	want, err := strconv.Atoi(arguments[1])
	ts.Check(err)
	said, err := os.Create(ts.MkAbs("said"))
	ts.Check(err)
	defer said.Close()
	command := exec.Command(arguments[3], arguments[4:]...)
	command.Dir, command.Stderr = ts.MkAbs("."), said
	ts.Check(command.Start())
	for tries := 0; ; tries++ {
		if found, err := filepath.Glob(ts.MkAbs(arguments[2])); err == nil && found != nil {
			break
		}
		if tries == 3000 {
			_ = command.Process.Kill()
			ts.Fatalf("no file %s after 30 s", arguments[2])
		}
		time.Sleep(10 * time.Millisecond)
	}
	for name := range strings.SplitSeq(arguments[0], ",") {
		if pause, err := time.ParseDuration(name); err == nil {
			time.Sleep(pause)
			continue
		}
		ts.Check(command.Process.Signal(signals[name]))
	}
	var exit *exec.ExitError
	if err := command.Wait(); err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if got := command.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// killed starts a command again and again and kills it, each time a little later, until it ends by itself. Its last run must
// succeed. For example: killed uer preprocess ...
func killed(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) == 0 {
		ts.Fatalf("usage: killed COMMAND ...")
	}
	const step = 3 * time.Millisecond
	for after := time.Duration(0); ; after += step {
		command := exec.Command(arguments[0], arguments[1:]...)
		command.Dir = ts.MkAbs(".")
		ts.Check(command.Start())
		timer := time.AfterFunc(after, func() { _ = command.Process.Kill() })
		err := command.Wait()
		timer.Stop()
		if status, waited := command.ProcessState.Sys().(syscall.WaitStatus); !waited || !status.Signaled() {
			ts.Check(err)
			return
		}
	}
}

// writeBytes writes a file of arbitrary bytes, given as in a Go string, for example: bytes latin.txt 'caf\xe9\n'
func writeBytes(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) != 2 {
		ts.Fatalf("usage: bytes FILE 'TEXT'")
	}
	text, err := strconv.Unquote(`"` + arguments[1] + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(arguments[0]), []byte(text), 0o666))
}

// damage flips a bit of the byte at a percentage of a file's length, or truncates the file there: damage flip 50 FILE
func damage(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) != 3 {
		ts.Fatalf("usage: damage flip|cut PERCENT FILE")
	}
	percent, err := strconv.Atoi(arguments[1])
	ts.Check(err)
	data, err := os.ReadFile(ts.MkAbs(arguments[2]))
	ts.Check(err)
	at := len(data) * percent / 100
	if arguments[0] == "cut" {
		data = data[:at]
	} else {
		data[at] ^= 0x10
	}
	ts.Check(os.WriteFile(ts.MkAbs(arguments[2]), data, 0o666))
}
