//go:build linux

package vgpu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// variant is a way to build twins, and the program that replays recordings with them.
type variant struct {
	name     string
	compiler string
	flags    []string // of all that is compiled
	twin     []string // of twins only
	link     []string
}

// clang is what has a ThreadSanitizer that knows fibers and any layout of memory.
const clang = "clang++-19"

var (
	threadSanitizer = variant{
		"tsan", clang, []string{"-DVGPU_TSAN"}, []string{"-O1", "-fsanitize=thread"}, []string{"-fsanitize=thread"},
	}
	addressSanitizer = variant{
		"asan", clang, []string{"-DVGPU_ASAN"}, []string{"-O1", "-fsanitize=address"}, []string{"-fsanitize=address"},
	}
)

// replayer is a program that replays recordings.
type replayer struct {
	*builder
	variant
	program string
}

// replayer builds the program of a variant.
func (b *builder) replayer(v variant) (*replayer, error) {
	if _, err := exec.LookPath(v.compiler); err != nil {
		return nil, fmt.Errorf("the check needs %s (apt install clang-19 libclang-rt-19-dev)", v.compiler)
	}
	runtime := filepath.Join(b.source, "runtime")
	objects := slicesOf(b.source, "runtime/*.cpp", "replay/*.cpp")
	program := &target{output: filepath.Join(b.build, "replay", v.name)}
	var targets []*target
	for _, file := range objects {
		object := &target{output: filepath.Join(b.build, "objects", v.name, filepath.Base(file)+".o")}
		object.inputs = []string{file, runtime}
		object.command = append([]string{v.compiler, "-std=c++17", "-O2", "-g1", "-fPIC", "-I", runtime}, v.flags...)
		object.command = append(object.command, "-c", file, "-o")
		targets = append(targets, object)
		program.inputs = append(program.inputs, object.output)
	}
	if err := makeAll(targets, b.report); err != nil {
		return nil, err
	}
	program.command = append([]string{v.compiler, "-rdynamic", "-pthread"}, v.link...)
	program.command = append(append(program.command, program.inputs...), "-ldl", "-o")
	return &replayer{b, v, program.output}, makeAll([]*target{program}, b.report)
}

func slicesOf(folder string, patterns ...string) []string {
	var files []string
	for _, pattern := range patterns {
		found, _ := filepath.Glob(filepath.Join(folder, pattern)) // the patterns are right
		files = append(files, found...)
	}
	return files
}

// twinOf builds a library of a kernel file for this variant.
func (r *replayer) twinOf(source, output string) *target {
	t := &target{output: output}
	t.command = append([]string{r.variant.compiler, "-std=c++17", "-g1", "-fPIC", "-shared", "-ffp-contract=off",
		"-fno-strict-aliasing", "-w", "-DUER_VGPU", "-I", filepath.Join(r.source, "runtime")}, r.flags...)
	t.command = append(t.command, r.variant.twin...)
	t.command = append(t.command, "-x", "c++", source, "-o")
	t.inputs = []string{source, filepath.Dir(source), filepath.Join(r.source, "runtime")}
	return t
}

// errNoticed says that a replay found something wrong.
var errNoticed = errors.New("a replay found something")

// replay replays recordings. An error that is errNoticed tells what was found.
func (r *replayer) replay(twins string, schedules int, recordings []string, limit time.Duration) error {
	if len(recordings) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, r.program, append([]string{twins, fmt.Sprint(schedules)}, recordings...)...)
	command.Env = append(os.Environ(), "LD_LIBRARY_PATH="+r.build, "TSAN_OPTIONS=report_signal_unsafe=0:exitcode=66",
		"ASAN_OPTIONS=detect_leaks=0")
	said, err := command.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("%w: no end within %v", errNoticed, limit)
	}
	if err != nil {
		return fmt.Errorf("%w: %w\n%s", errNoticed, err, firstLines(said, 12))
	}
	return nil
}

func firstLines(text []byte, count int) string {
	lines := strings.SplitN(string(bytes.TrimSpace(text)), "\n", count+1)
	return strings.Join(lines[:min(len(lines), count)], "\n")
}
