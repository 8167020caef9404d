package launcher

import (
	"errors"
	"fmt"
	"strings"
)

// slurm is a task of a step that srun started. A batch script has most of the variables too, without being a task, and
// so has a shell that a user opened on a node.
func slurm(e *environment) *Place {
	tasks := e.optionalNumber("SLURM_STEP_NUM_TASKS", 1, 1)
	if tasks == 1 && e.Launcher == "" {
		if e.optionalNumber("SLURM_NTASKS", 1, 1) == 1 {
			return nil
		}
		return &Place{
			WorldSize: 1, Here: 1, Local: -1, Job: e.optional("SLURM_JOB_ID"),
			Note: "This job has " + e.optional("SLURM_NTASKS") + " tasks, but srun was not used: training alone",
		}
	}
	p := &Place{First: e.number("SLURM_PROCID", 0), WorldSize: e.number("SLURM_STEP_NUM_TASKS", 1), Here: 1}
	p.Local, p.Nodes = e.optionalNumber("SLURM_LOCALID", 0, -1), e.optionalNumber("SLURM_STEP_NUM_NODES", 1, 0)
	p.Job = e.text("SLURM_JOB_ID")
	list := e.text("SLURM_STEP_NODELIST")
	if e.err != nil || len(e.missing) > 0 {
		return nil
	}
	first, err := firstHost(list)
	if err != nil {
		e.err = fmt.Errorf("SLURM_STEP_NODELIST is %q: %w", list, err)
		return nil
	}
	p.Address = join(first, slurmPort(p.Job))
	if step := e.optional("SLURM_STEP_ID"); step != "" {
		p.Job += "." + step
	}
	return p
}

// slurmPort is a port that jobs on one machine seldom share.
func slurmPort(job string) int {
	const first, ports = 61440, 4096
	number := 0
	for _, c := range []byte(job) {
		if c >= '0' && c <= '9' {
			number = (10*number + int(c-'0')) % ports
		}
	}
	return first + number
}

// firstHost returns the first name of a list of hosts in Slurm's form, such as gpu[01-04,07],login1 or rack[1-2]n[0-3].
func firstHost(list string) (string, error) {
	var name strings.Builder
	for list != "" && list[0] != ',' {
		open := strings.IndexAny(list, "[,")
		if open < 0 {
			open = len(list)
		}
		name.WriteString(list[:open])
		list = list[open:]
		if list == "" || list[0] == ',' {
			break
		}
		shut := strings.IndexByte(list, ']')
		if shut < 0 {
			return "", errors.New("a bracket is not closed")
		}
		number := list[1:shut]
		if end := strings.IndexAny(number, "-,"); end >= 0 {
			number = number[:end]
		}
		if _, err := parseCount(number); err != nil {
			return "", fmt.Errorf("%q is %w", list[:shut+1], err)
		}
		name.WriteString(number)
		list = list[shut+1:]
	}
	if name.Len() == 0 {
		return "", errors.New("it names no host")
	}
	return name.String(), nil
}
