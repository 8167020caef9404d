//go:build unix

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"uer/internal/checkpoint"
	"uer/internal/gloo/glootest"
	"uer/internal/statedict"
)

// fleet is a training of several processes on this machine.
type fleet struct {
	folder    string
	variables []string
	address   string // of rank 0
	flags     []string
	processes []*process
}

type process struct {
	*exec.Cmd
	said, printed bytes.Buffer
}

// newFleet makes a dataset to train on, on CPUs. The flags are those of all processes.
func newFleet(t *testing.T, flags ...string) *fleet {
	t.Helper()
	if testing.Short() {
		t.Skip("starts many processes")
	}
	return newFleetOn(t, []string{"UER_GLOO_LIB=" + glootest.Build(t)}, append([]string{"--device", "cpu"}, flags...)...)
}

// newFleetOn is newFleet with the variables of all processes.
func newFleetOn(t *testing.T, variables []string, flags ...string) *fleet {
	t.Helper()
	f := &fleet{folder: t.TempDir(), variables: variables, address: freeAddress(t)}
	f.flags = append([]string{
		"--dataset_path", f.path("dataset.pt"), "--vocab_path", "../../models/demo_vocab.txt", "--config_path", "../../models/bert/tiny_config.json",
		"--layers_num", "1", "--batch_size", "2", "--total_steps", "6", "--save_checkpoint_steps", "3", "--report_steps", "2", "--learning_rate", "1e-3",
		"--threads", "1", "--target", "mlm",
	}, flags...)
	if output, err := exec.Command("uer", "preprocess", "--corpus_path", "../../corpora/demo.txt", "--vocab_path", "../../models/demo_vocab.txt",
		"--dataset_path", f.path("dataset.pt"), "--target", "mlm", "--dynamic_masking", "--seq_length", "32").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return f
}

func (f *fleet) path(name string) string { return filepath.Join(f.folder, name) }

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// start starts a process with variables, which end with --, and flags.
func (f *fleet) start(t *testing.T, arguments ...string) *process {
	t.Helper()
	var variables []string
	if i := slices.Index(arguments, "--"); i >= 0 {
		variables, arguments = arguments[:i], arguments[i+1:]
	}
	p := &process{Cmd: exec.Command("uer", append(append([]string{"pretrain"}, f.flags...), arguments...)...)}
	p.Stdout, p.Stderr, p.Env = &p.printed, &p.said, append(append(os.Environ(), f.variables...), variables...)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	f.processes = append(f.processes, p)
	return p
}

// startRanks starts a process for each list of ranks, as a user would by hand.
func (f *fleet) startRanks(t *testing.T, world int, split []string, flags ...string) {
	t.Helper()
	for _, ranks := range split {
		arguments := append([]string{"--world_size", fmt.Sprint(world), "--master_ip", "tcp://" + f.address, "--gpu_ranks"}, strings.Fields(ranks)...)
		f.start(t, append(arguments, flags...)...)
	}
}

// wait waits for all processes and checks their exit statuses, of which the last is that of all that follow.
func (f *fleet) wait(t *testing.T, statuses ...int) {
	t.Helper()
	for i, p := range f.processes {
		_ = p.Wait()
		if got, want := p.ProcessState.ExitCode(), statuses[min(i, len(statuses)-1)]; got != want {
			t.Errorf("process %d: exit status %d, want %d\n%s", i, got, want, &p.said)
		}
	}
	f.processes = nil
}

// TestProcesses divides four ranks into processes. Each division trains the same model, to the bit, and a training may be
// resumed with another one.
func TestProcesses(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	var want []byte
	for i, split := range [][]string{{"0 1 2 3"}, {"0 1", "2 3"}, {"0", "1", "2", "3"}, {"1 3", "0 2"}} {
		output := f.path(fmt.Sprint("model", i))
		f.startRanks(t, 4, split, "--output_model_path", output)
		f.wait(t, 0)
		got, err := os.ReadFile(output + "-6")
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%v: another model", split)
		}
	}
	f.flags = nil
	f.startRanks(t, 4, []string{"0 1 2", "3"}, "--resume", f.path("model1-3"), "--output_model_path", f.path("resumed"))
	f.wait(t, 0)
	if got, err := os.ReadFile(f.path("resumed-6")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("resumed: another model, or error %v", err)
	}
}

// TestDividedOptimizer divides the update over four ranks, in any number of processes. The checkpoints are those of an update
// that is not divided, to the bit, and either training may be resumed as the other.
func TestDividedOptimizer(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"adamw", "adafactor"} {
		f := newFleet(t, "--optimizer", name, "--clip_grad_norm", "0.5", "--accumulation_steps", "2", "--save_checkpoint_steps", "4")
		train := func(output string, split []string, flags ...string) (weights, state []byte) {
			f.startRanks(t, 4, split, append(flags, "--output_model_path", f.path(output))...)
			f.wait(t, 0)
			return read(t, f.path(output+"-6")), values(t, f.path(output+"-6.state"))
		}
		weights, state := train("whole", []string{"0 1 2 3"})
		same := func(how string, w, s []byte) {
			if !bytes.Equal(w, weights) || !bytes.Equal(s, state) {
				t.Errorf("%s, %s: another model is %t, another state %t", name, how, !bytes.Equal(w, weights), !bytes.Equal(s, state))
			}
		}
		for i, split := range [][]string{{"0 1 2 3"}, {"0 1", "2 3"}, {"1 3", "0 2"}} {
			w, s := train(fmt.Sprint("divided", i), split, "--zero", "1")
			same(fmt.Sprint(split), w, s)
		}
		f.flags = nil
		w, s := train("resumed0", []string{"0", "1", "2 3"}, "--resume", f.path("whole-4"), "--zero", "1")
		same("resumed divided", w, s)
		w, s = train("resumed1", []string{"0 1 2 3"}, "--resume", f.path("divided1-4"), "--zero", "0")
		same("resumed whole", w, s)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// values returns the optimizer state of a state file.
func values(t *testing.T, path string) (all []byte) {
	t.Helper()
	file, err := statedict.OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, tensor := range file.Tensors[:len(file.Tensors)-1] {
		all = append(append(all, tensor.Name...), tensor.Raw...)
	}
	return all
}

// TestLaunchers starts processes with the variables of launchers.
func TestLaunchers(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "--total_steps", "2", "--save_checkpoint_steps", "2")
	f.startRanks(t, 4, []string{"0 1 2 3"}, "--output_model_path", f.path("alone"))
	f.wait(t, 0)
	want, err := os.ReadFile(f.path("alone-2"))
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(f.address)
	meeting := t.TempDir()
	for _, launcher := range []struct {
		name      string
		processes int
		set       func(i int) string // variables, --, flags
	}{
		{"torchrun", 4, func(i int) string {
			return fmt.Sprintf("RANK=%d WORLD_SIZE=4 LOCAL_RANK=%d LOCAL_WORLD_SIZE=4 GROUP_WORLD_SIZE=1 MASTER_ADDR=%s MASTER_PORT=%s"+
				" TORCHELASTIC_RUN_ID=x TORCHELASTIC_USE_AGENT_STORE=False OMP_NUM_THREADS=1 --", i, i, host, port)
		}},
		{"slurm", 4, func(i int) string {
			return fmt.Sprintf("SLURM_JOB_ID=%d SLURM_STEP_ID=0 SLURM_PROCID=%d SLURM_LOCALID=%d SLURM_STEP_NUM_TASKS=4 SLURM_NTASKS=4"+
				" SLURM_STEP_NODELIST=localhost SLURM_STEP_NUM_NODES=1 --", os.Getpid(), i, i)
		}},
		{"openmpi", 4, func(i int) string {
			return fmt.Sprintf("OMPI_COMM_WORLD_RANK=%d OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_RANK=%d OMPI_COMM_WORLD_LOCAL_SIZE=4 MASTER_PORT=%s --", i, i, port)
		}},
		{"mpich", 4, func(i int) string {
			return fmt.Sprintf("PMI_RANK=%d PMI_SIZE=4 MPI_LOCALRANKID=%d MPI_LOCALNRANKS=2 MASTER_ADDR=%s MASTER_PORT=%s --", i, i%2, host, port)
		}},
		{"kubeflow", 2, func(i int) string {
			return fmt.Sprintf("PET_NNODES=2 PET_NODE_RANK=%d PET_NPROC_PER_NODE=2 PET_MASTER_ADDR=%s PET_MASTER_PORT=%s RANK=%d WORLD_SIZE=4 --", i, host, port, i)
		}},
		{"jobset", 4, func(i int) string {
			return fmt.Sprintf("JOB_COMPLETION_INDEX=%d -- --world_size 4 --master_ip file://%s", i, meeting)
		}},
		{"ray", 4, func(i int) string {
			return fmt.Sprintf("RANK=%d WORLD_SIZE=4 LOCAL_RANK=%d LOCAL_WORLD_SIZE=4 NODE_RANK=0 MASTER_ADDR=%s MASTER_PORT=%s --", i, i, host, port)
		}},
	} {
		output := f.path(launcher.name)
		var first *process
		for i := range launcher.processes {
			p := f.start(t, append(strings.Fields(launcher.set(i)), "--output_model_path", output)...)
			if i == 0 {
				first = p
			}
		}
		f.wait(t, 0)
		if line := "Ranks    " + launcher.name; !strings.Contains(first.said.String(), line) {
			t.Errorf("%s: no line %q in\n%s", launcher.name, line, &first.said)
		}
		if got, err := os.ReadFile(output + "-2"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: another model, or error %v", launcher.name, err)
		}
	}
}

// until waits until a file is there.
func until(t *testing.T, path string) {
	t.Helper()
	for range 6000 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %s after a minute", path)
}

// TestLostProcess kills each of three processes. The others name it soon, and end with status 1.
func TestLostProcess(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "--total_steps", "100000", "--keep_checkpoints", "1000")
	for victim, rank := range []string{"0", "1", "2"} {
		output := f.path("victim" + rank)
		f.startRanks(t, 4, []string{"0", "1", "2 3"}, "--output_model_path", output)
		processes := f.processes
		until(t, output+"-3.state")
		_ = processes[victim].Process.Kill()
		killed := time.Now()
		statuses := []int{1, 1, 1}
		statuses[victim] = -1
		f.wait(t, statuses...)
		if took := time.Since(killed); took > 10*time.Second {
			t.Errorf("the others ended after %v", took)
		}
		for i, p := range processes {
			if said := p.said.String(); i != victim && !strings.Contains(said, "uer: error: rank "+rank+" (") {
				t.Errorf("process %d does not name rank %s:\n%s", i, rank, said)
			}
		}
	}
}

// TestHangingProcess halts each of three processes in the middle of a step. The others name it, with the step, and end within
// --dist_timeout; it names itself when it goes on. The last checkpoint is whole.
func TestHangingProcess(t *testing.T) {
	t.Parallel()
	const limit = 4 * time.Second
	for victim, rank := range []string{"0", "1", "2"} {
		t.Run("rank "+rank, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, "--total_steps", "100000", "--keep_checkpoints", "2", "--dist_timeout", fmt.Sprint(limit.Seconds()))
			output := f.path("model")
			f.startRanks(t, 4, []string{"0", "1", "2 3"}, "--output_model_path", output)
			processes := f.processes
			until(t, output+"-3.state")
			if err := processes[victim].Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			halted := time.Now()
			f.processes = slices.Delete(slices.Clone(processes), victim, victim+1)
			f.wait(t, 1)
			took := time.Since(halted)
			if t.Logf("the others ended after %v", took); took > limit+4*time.Second {
				t.Errorf("the others ended after %v", took)
			}
			if err := processes[victim].Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			f.processes = []*process{processes[victim]}
			f.wait(t, 1)
			named := regexp.MustCompile(`(?m)^uer: error: rank ` + rank + ` \(.+\): nothing was heard of it for \d+ s, in [a-z ]+ of step \d+$`)
			for i, p := range processes {
				if said := p.said.String(); !named.MatchString(said) || strings.Count(said, "error:") != 1 {
					t.Errorf("process %d does not name rank %s once:\n%s", i, rank, said)
				}
			}
			saved, _ := filepath.Glob(output + "-*.state")
			for _, state := range saved {
				if err := checkpoint.Verify(strings.TrimSuffix(state, ".state")); err != nil {
					t.Error(err)
				}
			}
			if len(saved) == 0 {
				t.Error("no checkpoint is left")
			}
		})
	}
}

// TestStoppedProcesses sends a signal to one of the processes. All stop after the same step, with one checkpoint.
func TestStoppedProcesses(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "--total_steps", "100000", "--save_checkpoint_steps", "100000")
	for victim := range 2 {
		output := f.path(fmt.Sprint("stopped", victim))
		f.startRanks(t, 2, []string{"0", "1"}, "--output_model_path", output, "--report_steps", "1")
		time.Sleep(2 * time.Second)
		if err := f.processes[victim].Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		f.wait(t, 143)
		if found, _ := filepath.Glob(output + "-*.state"); len(found) != 1 {
			t.Errorf("signal to process %d: checkpoints %v", victim, found)
		}
	}
}

var differentWeights = regexp.MustCompile(
	`(?m)^uer: error: rank 1 \(.+\): the digest of the initial parameters is [0-9a-f]+, but [0-9a-f]+ on .+, where rank 0 is$`)

// TestDifferentProcesses: what must be equal in all processes is compared before anything begins, and all are told.
func TestDifferentProcesses(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.flags = append(f.flags, "--output_model_path", f.path("model"), "--master_ip", "tcp://"+f.address)
	for _, test := range []struct {
		want   string
		second []string // flags
	}{
		{"--batch_size is 3, but 2 on ", []string{"--gpu_ranks", "1", "--world_size", "2", "--batch_size", "3"}},
		{"--zero is 1, but 0 on ", []string{"--gpu_ranks", "1", "--world_size", "2", "--zero", "1"}},
		{"--world_size is 3, but 2 on ", []string{"--gpu_ranks", "1", "--world_size", "3"}},
		{"--world_size is 4, but 2 on ", []string{"--gpu_ranks", "1", "3", "--world_size", "4"}},
	} {
		processes := []*process{f.start(t, "--gpu_ranks", "0", "--world_size", "2"), f.start(t, test.second...)}
		f.wait(t, 1)
		for _, p := range processes {
			if said := p.said.String(); !strings.Contains(said, "uer: error: rank 1 (") || !strings.Contains(said, test.want) {
				t.Errorf("no %q in\n%s", test.want, said)
			}
		}
	}
	f.start(t, "--gpu_ranks", "0", "1", "--world_size", "2")
	f.wait(t, 0)
	processes := []*process{
		f.start(t, "--gpu_ranks", "0", "--world_size", "2", "--output_model_path", f.path("next"), "--pretrained_model_path", f.path("model-3")),
		f.start(t, "--gpu_ranks", "1", "--world_size", "2", "--output_model_path", f.path("next"), "--pretrained_model_path", f.path("model-6")),
	}
	f.wait(t, 1)
	for _, p := range processes {
		if !differentWeights.MatchString(p.said.String()) {
			t.Errorf("the weights are not refused:\n%s", &p.said)
		}
	}
	busy, err := net.Listen("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	p := f.start(t, "--gpu_ranks", "0", "--world_size", "2")
	f.wait(t, 1)
	if !strings.Contains(p.said.String(), "where rank 0 meets the others, is in use") {
		t.Error(p.said.String())
	}
}
