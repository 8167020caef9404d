package main

import (
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"uer/internal/device/cuda/gputest"
)

// TestGPUScripts runs scripts on the stand-in for a GPU, whatever GPU there is: its variables make it fail.
func TestGPUScripts(t *testing.T) {
	folder := gputest.StandIn(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/gpu", Cmds: commands,
		Setup: func(env *testscript.Env) error {
			for name, value := range gputest.Variables(folder) {
				env.Setenv(name, value)
			}
			return nil
		},
	})
}

// times are what reports of two runs may differ in.
var times = regexp.MustCompile(`[ \d.]+ tokens/s\||\| \d+ real tokens/s\|.*`)

// follows trains on the CPU and on the GPU, and compares the reports: follows FLAG ... Checkpoints are cpu-STEP and gpu-STEP.
func follows(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated {
		ts.Fatalf("usage: follows FLAG ...")
	}
	train := func(device, name string) (report string) {
		flags := append([]string{"pretrain", "--device", device, "--output_model_path", name}, arguments...)
		ts.Check(ts.Exec("uer", flags...))
		return times.ReplaceAllString(ts.ReadFile("stdout"), "")
	}
	if cpu, gpu := train("cpu", "cpu"), train("cuda", "gpu"); gpu != cpu || gpu == "" {
		ts.Fatalf("on the CPU:\n%son the GPU:\n%s", cpu, gpu)
	}
}
