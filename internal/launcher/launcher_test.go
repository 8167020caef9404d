package launcher

import (
	"strings"
	"testing"

	"uer/internal/console"
)

// lookup returns an environment of NAME=VALUE words.
func lookup(words string) func(string) (string, bool) {
	variables := map[string]string{}
	for _, word := range strings.Fields(words) {
		name, value, _ := strings.Cut(word, "=")
		variables[name] = value
	}
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

// The variables that launchers set in a process.
const (
	inTorchrun = " RANK=3 WORLD_SIZE=8 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2 GROUP_RANK=1 GROUP_WORLD_SIZE=4 ROLE_RANK=3" +
		" ROLE_WORLD_SIZE=8 ROLE_NAME=default MASTER_ADDR=n0 MASTER_PORT=29400 TORCHELASTIC_RUN_ID=run7" +
		" TORCHELASTIC_USE_AGENT_STORE=True TORCHELASTIC_RESTART_COUNT=0 OMP_NUM_THREADS=1"
	inRay     = " RANK=3 WORLD_SIZE=8 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2 NODE_RANK=1 MASTER_ADDR=10.0.0.4 MASTER_PORT=41001"
	inTrainer = " PET_NNODES=4 PET_NPROC_PER_NODE=2 PET_NODE_RANK=3 PET_MASTER_ADDR=job-node-0-0.job PET_MASTER_PORT=29500"
	inMPI     = " OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_LOCAL_SIZE=4 OMPI_COMM_WORLD_LOCAL_RANK=2" +
		" OMPI_COMM_WORLD_NODE_RANK=2 OMPI_UNIVERSE_SIZE=4"
	inBatch = " SLURM_JOB_ID=4711 SLURM_PROCID=0 SLURM_NTASKS=16 SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_JOB_NODELIST=gpu[01-02]"
	inStep  = inBatch + " SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=16 SLURM_STEP_NODELIST=gpu[01-02] SLURM_STEP_NUM_NODES=2" +
		" SLURM_STEP_TASKS_PER_NODE=8(x2) SLURM_PROCID=11 SLURM_LOCALID=3"
)

func TestFind(t *testing.T) {
	for _, test := range []struct {
		name        string
		environment string
		request     Request
		want        Place
	}{
		{"torchrun", inTorchrun, Request{}, // the agent has MASTER_PORT
			Place{Launcher: "torchrun", Job: "run7", WorldSize: 8, First: 3, Here: 1, Local: 1, Nodes: 4, Address: "n0:29401"}},
		{"torchrun without the agent's store", inTorchrun + " TORCHELASTIC_USE_AGENT_STORE=False", Request{},
			Place{Launcher: "torchrun", Job: "run7", WorldSize: 8, First: 3, Here: 1, Local: 1, Nodes: 4, Address: "n0:29400"}},
		{"IPv6", inTorchrun + " MASTER_ADDR=fd00::1", Request{},
			Place{Launcher: "torchrun", Job: "run7", WorldSize: 8, First: 3, Here: 1, Local: 1, Nodes: 4, Address: "[fd00::1]:29401"}},
		{"ray", inRay, Request{},
			Place{Launcher: "ray", WorldSize: 8, First: 3, Here: 1, Local: 1, Address: "10.0.0.4:41001"}},
		{"kubeflow", inTrainer, Request{},
			Place{Launcher: "kubeflow", WorldSize: 8, First: 6, Here: 2, Nodes: 4, Address: "job-node-0-0.job:29500"}},
		{"kubeflow, all GPUs", inTrainer + " PET_NPROC_PER_NODE=auto", Request{GPUs: func() int { return 8 }},
			Place{Launcher: "kubeflow", WorldSize: 32, First: 24, Here: 8, Nodes: 4, Address: "job-node-0-0.job:29500"}},
		{"PyTorchJob", inTrainer + " RANK=3 WORLD_SIZE=8 MASTER_ADDR=job-master-0 MASTER_PORT=23456", Request{},
			Place{Launcher: "kubeflow", WorldSize: 8, First: 6, Here: 2, Nodes: 4, Address: "job-node-0-0.job:29500"}},
		{"torchrun in a pod", inTrainer + inTorchrun, Request{},
			Place{Launcher: "torchrun", Job: "run7", WorldSize: 8, First: 3, Here: 1, Local: 1, Nodes: 4, Address: "n0:29401"}},
		{"by hand", "RANK=1 WORLD_SIZE=2 MASTER_ADDR=a", Request{},
			Place{Launcher: "env", WorldSize: 2, First: 1, Here: 1, Local: -1, Address: "a:29500"}},
		{"Open MPI", inMPI, Request{},
			Place{Launcher: "openmpi", WorldSize: 4, First: 2, Here: 1, Local: 2, Nodes: 1, Address: "localhost:29500"}},
		{"Open MPI on two machines", inMPI + " OMPI_COMM_WORLD_LOCAL_SIZE=2", Request{},
			Place{Launcher: "openmpi", WorldSize: 4, First: 2, Here: 1, Local: 2}},
		{"mpirun in a Slurm job", inStep + inMPI + " SLURM_STEP_NUM_TASKS=2", Request{},
			Place{Launcher: "openmpi", WorldSize: 4, First: 2, Here: 1, Local: 2, Nodes: 1, Address: "localhost:29500"}},
		{"Intel MPI", "PMI_RANK=1 PMI_SIZE=4 MPI_LOCALRANKID=1 MPI_LOCALNRANKS=2 MASTER_ADDR=m", Request{},
			Place{Launcher: "mpich", WorldSize: 4, First: 1, Here: 1, Local: 1, Address: "m:29500"}},
		{"srun --mpi=pmi2", inStep + " PMI_RANK=11 PMI_SIZE=16", Request{},
			Place{Launcher: "mpich", WorldSize: 16, First: 11, Here: 1, Local: 3, Address: "gpu01:62055"}},
		{"srun", inStep, Request{}, // 61440 + 4711 mod 4096
			Place{Launcher: "slurm", Job: "4711.0", WorldSize: 16, First: 11, Here: 1, Local: 3, Nodes: 2, Address: "gpu01:62055"}},
		{"batch script", inBatch, Request{}, Place{Launcher: "slurm", Job: "4711", WorldSize: 1, Here: 1, Local: -1}},
		{"step of one task", inStep + " SLURM_STEP_NUM_TASKS=1", Request{},
			Place{Launcher: "slurm", Job: "4711", WorldSize: 1, Here: 1, Local: -1}},
		{"indexed job", "JOB_COMPLETION_INDEX=3", Request{WorldSize: 32, GPUs: func() int { return 8 }},
			Place{Launcher: "jobset", WorldSize: 32, First: 24, Here: 8}},
		{"forced", inStep + inTorchrun, Request{Launcher: "slurm"},
			Place{Launcher: "slurm", Job: "4711.0", WorldSize: 16, First: 11, Here: 1, Local: 3, Nodes: 2, Address: "gpu01:62055"}},
		{"empty variables are not set", inMPI + " RANK= PET_NNODES=", Request{},
			Place{Launcher: "openmpi", WorldSize: 4, First: 2, Here: 1, Local: 2, Nodes: 1, Address: "localhost:29500"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.request.Lookup = lookup(test.environment)
			got, err := Find(test.request)
			if err != nil {
				t.Fatal(err)
			}
			if got == nil {
				t.Fatal("no place")
			}
			if got.Address == "" && got.WorldSize > 1 && got.Cure == "" {
				t.Error("no address, and no word on what to do")
			}
			if got.WorldSize == 1 && got.Note == "" {
				t.Error("nothing says why it trains alone")
			}
			got.Cure, got.Note = "", ""
			if *got != test.want {
				t.Errorf("got  %+v\nwant %+v", *got, test.want)
			}
		})
	}
}

// TestAlone has variables that say nothing of ranks.
func TestAlone(t *testing.T) {
	for _, test := range []struct {
		environment string
		request     Request
	}{
		{"", Request{}},
		{"MASTER_ADDR=a MASTER_PORT=1 LOCAL_RANK=0", Request{}},
		{"SLURM_JOB_ID=1 SLURM_NTASKS=1 SLURM_PROCID=0", Request{}},
		{"SLURM_JOB_ID=1 SLURM_JOB_NODELIST=n[1-2]", Request{}}, // ssh to a node of a job
		{"JOB_COMPLETION_INDEX=0", Request{}},                   // of uer preprocess, say
		{inTorchrun, Request{Launcher: None}},
	} {
		test.request.Lookup = lookup(test.environment)
		if place, err := Find(test.request); err != nil || place != nil {
			t.Errorf("%s: place %+v, error %v", test.environment, place, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		environment string
		request     Request
		want        string
	}{
		{"RANK=1", Request{}, "incomplete variables of a launcher (env): there is RANK=1, but no WORLD_SIZE"},
		{"WORLD_SIZE=4 LOCAL_RANK=0", Request{}, "WORLD_SIZE=4, but no RANK"},
		{"PET_NNODES=2", Request{}, "(kubeflow): there is PET_NNODES=2, but no PET_NODE_RANK"},
		{"OMPI_COMM_WORLD_RANK=2", Request{}, "OMPI_COMM_WORLD_RANK=2, but no OMPI_COMM_WORLD_SIZE"},
		{"PMI_SIZE=2", Request{}, "but no PMI_RANK"},
		{"SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=1", Request{}, "but no SLURM_JOB_ID, SLURM_STEP_NODELIST"},
		{"RANK=4 WORLD_SIZE=4", Request{}, "rank 4 of 4"},
		{"RANK=-1 WORLD_SIZE=4", Request{}, `RANK is "-1", not a number of at least 0`},
		{"RANK=0 WORLD_SIZE=1(x2)", Request{}, `WORLD_SIZE is "1(x2)", not a number of at least 1`},
		{"PET_NNODES=2 PET_NODE_RANK=2 PET_NPROC_PER_NODE=2", Request{}, "rank 4 of 4"},
		{inStep + " SLURM_STEP_NODELIST=gpu[", Request{}, "a bracket is not closed"},
		{"JOB_COMPLETION_INDEX=4", Request{WorldSize: 4}, "rank 4 of 4"},
		{"", Request{Launcher: "slurm"}, "--launcher slurm: SLURM_PROCID"},
		{"", Request{Launcher: "jobset"}, "--launcher jobset: JOB_COMPLETION_INDEX, --world_size are not set"},
		{inTorchrun, Request{Launcher: "ray"}, "was not started by it"},
	} {
		test.request.Lookup = lookup(test.environment)
		place, err := Find(test.request)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: place %+v, error %v, want %q", test.environment, place, err, test.want)
			continue
		}
		var report strings.Builder
		if console.Report(&report, err); test.request.Launcher == "" && !strings.Contains(report.String(), "--launcher none") {
			t.Errorf("%s: no hint in %s", test.environment, &report)
		}
	}
}

func TestFirstHost(t *testing.T) {
	for list, want := range map[string]string{
		"n1":                    "n1",
		"n[001-015,020],m1":     "n001",
		"n[020,001]":            "n020",
		"m1,n[1-2]":             "m1",
		"rack[0-1]n[07-10]x,m3": "rack0n07x",
		"gpu-a.example.org":     "gpu-a.example.org",
	} {
		if got, err := firstHost(list); err != nil || got != want {
			t.Errorf("%s: %q, error %v", list, got, err)
		}
	}
	for _, list := range []string{"", ",a", "n[1-2", "n[a-b]", "n[]"} {
		if got, err := firstHost(list); err == nil {
			t.Errorf("%q: %q, want an error", list, got)
		}
	}
}

func FuzzFirstHost(f *testing.F) {
	f.Add("rack[0-1]n[07-10]x,m3")
	f.Fuzz(func(t *testing.T, list string) {
		if host, err := firstHost(list); err == nil && (host == "" || len(host) > len(list)) {
			t.Errorf("%q: %q", list, host)
		}
	})
}
