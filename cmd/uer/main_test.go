package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"uer": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(ts *testscript.TestScript, negated bool, arguments []string){
			"status": status, "bytes": writeBytes,
		},
	})
}

// status runs a command and checks its exit status: status 2 uer pretrain --no_such_flag
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

// writeBytes writes a file that may hold any byte, given as in a Go string: bytes latin.txt 'caf\xe9\n'
func writeBytes(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) != 2 {
		ts.Fatalf("usage: bytes FILE 'TEXT'")
	}
	text, err := strconv.Unquote(`"` + arguments[1] + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(arguments[0]), []byte(text), 0o666))
}
