//go:build unix

package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"uer/internal/device/cuda/gputest"
)

// TestGPUScripts runs scripts on the stand-in for a GPU, whatever GPU there is: its variables make it fail.
func TestGPUScripts(t *testing.T) {
	folder, all := gputest.StandIn(t), maps.Clone(commands)
	all["blames"], all["refused"] = blames, refused
	testscript.Run(t, testscript.Params{
		Dir: "testdata/gpu", Cmds: all,
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

// operationOf names the operation of those kernels that no other operation launches.
var operationOf = map[string]string{
	"norm_float": "norm", "norm_gradient_float": "norm gradient", "norm_parameter_partials_float": "norm gradient",
	"attention_float": "attention", "attention_keys_float": "attention gradient",
	"attention_queries_float": "attention gradient", "embedding_float": "embedding", "embedding_sums": "embedding gradient",
	"cross_entropy_float": "cross entropy", "activation_float": "linear", "activation_gradient_float": "linear gradient",
	"scatter_float": "scatter", "gather_float": "gather", "adamw": "adamw", "figure_float": "copying figures",
}

var (
	failedKernel = regexp.MustCompile(`vgpu: device 0: kernel (\w+) failed`)
	blamed       = regexp.MustCompile(`(?m)^uer: error: step (\d+): (.*) on GPU 0 .*: CUDA_ERROR_LAUNCH_FAILED: .* \(noticed while .*\)$`)
)

// blames trains with faults in kernels, FROM up to TO as launches are counted, every STEPth, and wants the errors to name
// their operations: blames FROM TO STEP
func blames(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) != 3 {
		ts.Fatalf("usage: blames FROM TO STEP")
	}
	var numbers [3]int
	for i := range numbers {
		var err error
		numbers[i], err = strconv.Atoi(arguments[i])
		ts.Check(err)
	}
	operations, steps := map[string]bool{}, map[string]bool{}
	for launch := numbers[0]; launch <= numbers[1]; launch += numbers[2] {
		ts.Setenv("VGPU_FAIL", "launch:"+strconv.Itoa(launch))
		if ts.Exec("uer", "pretrain", "--output_model_path", "blamed") == nil {
			ts.Fatalf("launch %d failed and training went on", launch)
		}
		said := ts.ReadFile("stderr")
		kernel, names := failedKernel.FindStringSubmatch(said), blamed.FindStringSubmatch(said)
		if kernel == nil || names == nil {
			ts.Fatalf("launch %d:\n%s", launch, said)
		}
		want := operationOf[kernel[1]]
		if want == "" {
			continue
		}
		if !strings.Contains(" or "+strings.ReplaceAll(names[2], ", ", " or ")+" or ", " or "+want+" or ") {
			ts.Fatalf("%s failed, which is of %q: the error names %q", kernel[1], want, names[2])
		}
		operations[want], steps[names[1]] = true, true
	}
	if ts.Setenv("VGPU_FAIL", ""); len(operations) < 4 || len(steps) < 2 {
		ts.Fatalf("only %v in steps %v", operations, steps)
	}
}

var refusal = regexp.MustCompile(`(?m)^uer: error: .*(GPU 0 \(.*\) is out of memory: |CUDA_ERROR_).*\n     hint: .+$`)

// refused starts a training in which the driver refuses a call of a kind, the first one, the second one and so on until
// there are no more, and wants an error with a hint each time: refused KIND LEAST FLAG ...
func refused(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) < 2 {
		ts.Fatalf("usage: refused KIND LEAST FLAG ...")
	}
	least, err := strconv.Atoi(arguments[1])
	ts.Check(err)
	for number := 1; ; number++ {
		fault := arguments[0] + ":" + strconv.Itoa(number)
		ts.Setenv("VGPU_FAIL", fault)
		err := ts.Exec("uer", append([]string{"pretrain"}, arguments[2:]...)...)
		if err == nil && number > least {
			break
		}
		if said := ts.ReadFile("stderr"); err == nil || !refusal.MatchString(said) {
			ts.Fatalf("%s: %v\n%s", fault, err, said)
		}
	}
	ts.Setenv("VGPU_FAIL", "")
}

// TestSeveralGPUs divides eight ranks, each with a GPU, into processes. Each division trains the same model, to the bit, and
// reports what eight ranks on the CPU do. When a process is killed, the others name it.
func TestSeveralGPUs(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	var variables []string
	for name, value := range gputest.Variables(gputest.StandIn(t)) {
		variables = append(variables, name+"="+value)
	}
	f := newFleetOn(t, append(variables, "VGPU_DEVICES=8"), "--total_steps", "3", "--save_checkpoint_steps", "2", "--report_steps", "1", "--clip_grad_norm", "1")
	report := func(split []string, flags ...string) string {
		f.startRanks(t, 8, split, flags...)
		first := f.processes[0]
		f.wait(t, 0)
		return times.ReplaceAllString(first.printed.String(), "")
	}
	cpu := report([]string{"0..7"}, "--device", "cpu", "--output_model_path", f.path("cpu"))
	var want []byte
	for i, split := range [][]string{{"0..7"}, {"0..3", "4..7"}, {"0", "1", "2", "3", "4", "5", "6", "7"}} {
		output := f.path(fmt.Sprint("gpu", i))
		if gpu := report(split, "--output_model_path", output); gpu != cpu || gpu == "" {
			t.Errorf("%v: on the CPU:\n%son GPUs:\n%s", split, cpu, gpu)
		}
		got, err := os.ReadFile(output + "-3")
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = got
		} else if !bytes.Equal(got, want) {
			t.Errorf("%v: another model", split)
		}
	}
	state := values(t, f.path("gpu0-3.state"))
	for i, flags := range [][]string{{}, {"--resume", f.path("gpu1-2")}} {
		output := f.path(fmt.Sprint("divided", i))
		report([]string{"0..3", "4..7"}, append(flags, "--zero", "1", "--output_model_path", output)...)
		if got := read(t, output+"-3"); !bytes.Equal(got, want) || !bytes.Equal(values(t, output+"-3.state"), state) {
			t.Errorf("--zero 1 %v: another model or state", flags)
		}
	}

	f.startRanks(t, 8, []string{"0..3", "4..7"}, "--total_steps", "100000", "--keep_checkpoints", "1000", "--output_model_path", f.path("killed"))
	first, second := f.processes[0], f.processes[1]
	until(t, f.path("killed-2.state"))
	_ = second.Process.Kill()
	f.wait(t, 1, -1)
	if said := first.said.String(); !strings.Contains(said, "uer: error: rank 4 (") {
		t.Errorf("rank 4 is not named:\n%s", said)
	}
}

// TestSumsOverlap: sums of gradients are over before the backward pass has begun its last kernel. The stand-in notes the order
// in which its streams work.
func TestSumsOverlap(t *testing.T) {
	if testing.Short() {
		t.Skip("trains on two GPUs")
	}
	var variables []string
	for name, value := range gputest.Variables(gputest.StandIn(t)) {
		variables = append(variables, name+"="+value)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	f := newFleetOn(t, append(variables, "VGPU_DEVICES=2", "VGPU_TRACE="+trace), "--layers_num", "3", "--total_steps", "4")
	for _, zero := range []string{"0", "1"} {
		f.startRanks(t, 2, []string{"0 1"}, "--zero", zero, "--output_model_path", f.path("model"+zero))
		f.wait(t, 0)
		for _, gpu := range []string{"0", "1"} {
			begun, over := overlaps(read(t, trace), gpu)
			if t.Logf("--zero %s, GPU %s: per step, sums begun %v and over %v before the last gradient", zero, gpu, begun, over); len(over) != 4 || slices.Max(over) == 0 {
				t.Errorf("--zero %s, GPU %s: in no step a sum is over before the last gradient", zero, gpu)
			}
		}
		if err := os.Remove(trace); err != nil {
			t.Fatal(err)
		}
	}
}

// overlaps counts, for each step of a GPU, the sums that have begun, and those that are over, when the last kernel of the
// backward pass begins: the gradient of an embedding.
func overlaps(trace []byte, gpu string) (begun, over []int) {
	var b, o, lastBegun, lastOver int
	for line := range strings.Lines(string(trace)) {
		switch strings.TrimSpace(line) {
		case gpu + " begins sum":
			b++
		case gpu + " ends sum":
			o++
		case gpu + " begins embedding_sums":
			lastBegun, lastOver = b, o
		case gpu + " begins square_partials": // of the update
			begun, over = append(begun, lastBegun), append(over, lastOver)
			b, o = 0, 0
		}
	}
	return begun, over
}
