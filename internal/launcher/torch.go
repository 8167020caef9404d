package launcher

import (
	"net"
	"strconv"
)

// defaultPort is the port of rank 0 for launchers that name none; it is PyTorch's.
const defaultPort = 29500

// torchrun starts one process for each GPU. Its agent may itself listen on MASTER_PORT; then rank 0 takes the next port.
func torchrun(e *environment) *Place {
	if e.optional("LOCAL_WORLD_SIZE") == "" && e.Launcher == "" {
		return nil // at most those of a script
	}
	p := perGPU(e)
	p.Job, p.Nodes = e.optional("TORCHELASTIC_RUN_ID"), e.optionalNumber("GROUP_WORLD_SIZE", 1, 0)
	offset := 0
	if e.optional("TORCHELASTIC_USE_AGENT_STORE") == "True" {
		offset = 1
	}
	p.Address = masterAddress(e, offset)
	return p
}

// ray is the worker of Ray Train from which this process was started.
func ray(e *environment) *Place {
	if e.optional("TORCHELASTIC_RUN_ID") != "" || e.optional("NODE_RANK") == "" {
		return nil // the variables are torchrun's
	}
	p := perGPU(e)
	p.Address = masterAddress(e, 0)
	return p
}

// perGPU reads the variables that torchrun and Ray Train share.
func perGPU(e *environment) *Place {
	p := &Place{
		First: e.number("RANK", 0), WorldSize: e.number("WORLD_SIZE", 1), Local: e.number("LOCAL_RANK", 0), Here: 1,
	}
	e.number("LOCAL_WORLD_SIZE", 1)
	e.text("MASTER_ADDR")
	return p
}

// variables are what scripts set that start the ranks by hand: RANK and WORLD_SIZE alone.
func variables(e *environment) *Place {
	return &Place{
		First: e.number("RANK", 0), WorldSize: e.number("WORLD_SIZE", 1), Here: 1,
		Local: e.optionalNumber("LOCAL_RANK", 0, -1), Address: masterAddress(e, 0),
		Cure: "set MASTER_ADDR to the host of rank 0, or pass --master_ip tcp://HOST:PORT",
	}
}

// kubeflow starts one process a pod, which holds all GPUs of the pod. The older operator also sets RANK, to the number of
// the pod, and WORLD_SIZE, to the number of GPUs.
func kubeflow(e *environment) *Place {
	pods, pod := e.number("PET_NNODES", 1), e.number("PET_NODE_RANK", 0)
	here := 1
	switch count := e.optional("PET_NPROC_PER_NODE"); count {
	case "", "auto", "gpu", "cpu":
		here = max(e.gpus(), 1)
	default:
		here = e.parse("PET_NPROC_PER_NODE", count, 1)
	}
	p := &Place{
		WorldSize: pods * here, First: pod * here, Here: here, Local: 0, Nodes: pods,
		Cure: "set PET_MASTER_ADDR to the pod of rank 0, or pass --master_ip tcp://HOST:PORT",
	}
	if host := e.optional("PET_MASTER_ADDR"); host != "" {
		p.Address = join(host, e.optionalNumber("PET_MASTER_PORT", 1, defaultPort))
	}
	return p
}

// indexedJob is a pod of an indexed Job or a JobSet of Kubernetes, which knows its number but not the number of pods.
func indexedJob(e *environment) *Place {
	if e.Launcher == "" && e.Request.WorldSize == 0 {
		return nil
	}
	pod, here := e.number("JOB_COMPLETION_INDEX", 0), max(e.gpus(), 1)
	if e.Request.WorldSize == 0 {
		e.missing = append(e.missing, "--world_size")
	}
	return &Place{
		WorldSize: e.Request.WorldSize, First: pod * here, Here: here, Local: 0,
		Cure: "pass --master_ip tcp://HOST:PORT with the name of the pod of index 0, such as NAME-0.SUBDOMAIN",
	}
}

// masterAddress returns where rank 0 listens, "" if MASTER_ADDR is not set. The offset is added to the port.
func masterAddress(e *environment, offset int) string {
	host := e.optional("MASTER_ADDR")
	if host == "" {
		return ""
	}
	return join(host, e.optionalNumber("MASTER_PORT", 1, defaultPort)+offset)
}

func join(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

func (e *environment) gpus() int {
	if e.GPUs == nil {
		return 0
	}
	return e.GPUs()
}
