// Package launcher finds out from the environment which ranks of a training this process holds, and where rank 0 is.
//
// Programs that start a training on several machines (torchrun, srun, mpirun, the operators of Kubernetes) tell each
// process its place by variables. [Find] knows their sets of variables. A set counts only as a whole: a part of one is an
// error that names what is missing, since a process that guesses wrong would wait for the others for ever, or train alone.
package launcher

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"uer/internal/console"
)

// Place is where a launcher has put this process among the ranks of a training.
type Place struct {
	Launcher  string // key of Names
	Job       string // what the launcher calls the job; "" if it has no name for it
	WorldSize int    // ranks of all processes
	First     int    // first rank of this process
	Here      int    // ranks of this process, consecutive from First
	Local     int    // number of the first rank among those of this machine, or -1 if the launcher does not say
	Nodes     int    // machines; 0 if the launcher does not say
	Address   string // host:port where rank 0 listens; "" if the launcher does not say
	Cure      string // what the user can do if Address is empty
	Note      string // what the user should know about this place; "" if nothing
}

// Request is what the user and the machine add to the environment.
type Request struct {
	Launcher  string                      // key of Names that is asked for; "" for whichever is there
	WorldSize int                         // as given by the user; 0 if not given
	GPUs      func() int                  // number of GPUs that this process sees; called only where a set leaves it open
	Lookup    func(string) (string, bool) // the environment; nil means os.LookupEnv
}

// None asks for no launcher.
const None = "none"

// launchers are in order of precedence. The variables of one launcher are often there inside another: mpirun and torchrun
// are started inside Slurm jobs, and the older Kubeflow sets RANK to the number of a machine.
var launchers = []struct {
	name string
	find func(*environment) *Place // nil if this is another launcher, or if a variable is missing or wrong
}{
	{"ray", ray},
	{"torchrun", torchrun},
	{"kubeflow", kubeflow},
	{"env", variables},
	{"openmpi", openMPI},
	{"mpich", mpich},
	{"slurm", slurm},
	{"jobset", indexedJob},
}

// Names returns the names of all launchers, by precedence.
func Names() []string {
	names := []string{None}
	for _, l := range launchers {
		names = append(names, l.name)
	}
	return names
}

// Find returns the place of this process, or nil if no launcher has started it. The error for an incomplete set names
// the variables that are there and those that are not.
func Find(r Request) (*Place, error) {
	if r.Launcher == None {
		return nil, nil
	}
	if r.Lookup == nil {
		r.Lookup = os.LookupEnv
	}
	var incomplete error
	for _, l := range launchers {
		if r.Launcher != "" && r.Launcher != l.name {
			continue
		}
		e := &environment{Request: r}
		place := l.find(e)
		if e.err == nil && len(e.missing) == 0 && place != nil {
			place.Launcher = l.name
			if err := place.check(); err != nil {
				return nil, err
			}
			return place, nil
		}
		if err := e.failure(l.name, r.Launcher != ""); err != nil && incomplete == nil {
			incomplete = err
		}
	}
	if incomplete == nil && r.Launcher != "" {
		incomplete = console.Hint(fmt.Errorf("--launcher %s: this process was not started by it", r.Launcher),
			"leave it out to find the launcher, or see uer pretrain --help for the names")
	}
	return nil, incomplete
}

// check rejects numbers that contradict each other.
func (p *Place) check() error {
	if p.Here >= 1 && p.First >= 0 && p.First+p.Here <= p.WorldSize {
		return nil
	}
	err := fmt.Errorf("the variables of %s give this process rank %d of %d", p.Launcher, p.First, p.WorldSize)
	return console.Hint(err, hintNone)
}

const hintNone = "--launcher none ignores them, and trains what the flags say"

// String describes the place in one line.
func (p *Place) String() string {
	var b strings.Builder
	b.WriteString(p.Launcher)
	if p.Job != "" {
		fmt.Fprintf(&b, ", job %s", p.Job)
	}
	fmt.Fprintf(&b, ": %d ranks", p.WorldSize)
	if p.Nodes > 0 {
		fmt.Fprintf(&b, " on %d %s", p.Nodes, map[bool]string{true: "machine", false: "machines"}[p.Nodes == 1])
	}
	fmt.Fprintf(&b, "; here %d", p.First)
	if p.Here > 1 {
		fmt.Fprintf(&b, "..%d", p.First+p.Here-1)
	}
	if host, err := os.Hostname(); err == nil {
		fmt.Fprintf(&b, " on %s", host)
	}
	if p.Address != "" {
		fmt.Fprintf(&b, "; rank 0 at %s", p.Address)
	}
	return b.String()
}

// environment reads variables and remembers which were there.
type environment struct {
	Request
	found, missing []string
	err            error // of the first variable that is there with a bad value
}

// optional returns a variable, or "" if it is not set. An empty variable counts as not set.
func (e *environment) optional(name string) string {
	value, _ := e.Lookup(name)
	return strings.TrimSpace(value)
}

// text returns a variable that the set must have.
func (e *environment) text(name string) string {
	value := e.optional(name)
	if value == "" {
		e.missing = append(e.missing, name)
	} else {
		e.found = append(e.found, name+"="+value)
	}
	return value
}

// number returns a variable of the set that must be a number of at least a minimum.
func (e *environment) number(name string, minimum int) int {
	if value := e.text(name); value != "" {
		return e.parse(name, value, minimum)
	}
	return 0
}

// optionalNumber returns a variable that the set need not have, or else a given number.
func (e *environment) optionalNumber(name string, minimum, otherwise int) int {
	if value := e.optional(name); value != "" {
		return e.parse(name, value, minimum)
	}
	return otherwise
}

func (e *environment) parse(name, value string, minimum int) int {
	n, err := parseCount(value)
	if (err != nil || n < minimum) && e.err == nil {
		e.err = fmt.Errorf("%s is %q, not a number of at least %d", name, value, minimum)
	}
	return n
}

// failure explains why a set of variables cannot be used; nil if none of it is there, unless it was asked for.
func (e *environment) failure(launcher string, asked bool) error {
	if e.err != nil {
		return console.Hint(fmt.Errorf("started by %s: %w", launcher, e.err), hintNone)
	}
	if len(e.missing) == 0 || len(e.found) == 0 && !asked {
		return nil
	}
	missing := strings.Join(e.missing, ", ")
	if len(e.found) == 0 {
		return console.UsageError{Err: fmt.Errorf("--launcher %s: %s are not set", launcher, missing)}
	}
	err := fmt.Errorf("incomplete variables of a launcher (%s): there is %s, but no %s", launcher, strings.Join(e.found, ", "), missing)
	return console.Hint(err, hintNone)
}

var errNotCount = errors.New("not a number")

// parseCount reads a number without a sign, as launchers write them.
func parseCount(value string) (int, error) {
	if value == "" || len(value) > 9 {
		return 0, errNotCount
	}
	n := 0
	for _, c := range []byte(value) {
		if c < '0' || c > '9' {
			return 0, errNotCount
		}
		n = 10*n + int(c-'0')
	}
	return n, nil
}
