//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sbatch stands in for Slurm's, for scripts/cluster/slurm.sh: it runs the tasks of a job at once, in descending order. As
// Slurm does, it runs a copy of the script, and a task that is lost is put into the queue again.
func sbatch() {
	var array, dependency, script string
	arguments := os.Args[1:]
	for len(arguments) > 0 && script == "" {
		value, used := "", 2
		if len(arguments) > 1 {
			value = arguments[1]
		}
		switch arguments[0] {
		case "--parsable", "--requeue":
			used = 1
		case "--job-name", "--kill-on-invalid-dep":
		case "--array":
			array = value
		case "--dependency":
			dependency = value
		default:
			script, used = arguments[0], 1
		}
		arguments = arguments[used:]
	}
	const job, merger = "4711", "4712"
	environment, last, printed := os.Environ(), 0, merger
	switch {
	case array != "":
		tasks, _, _ := strings.Cut(array, "%")
		number, err := strconv.Atoi(strings.TrimPrefix(tasks, "0-"))
		must(err)
		last, printed = number, job
	case dependency != "afterok:"+job:
		must(fmt.Errorf("dependency %q", dependency))
	}
	spooled := filepath.Join(os.TempDir(), "slurm_script")
	text, err := os.ReadFile(script)
	must(err)
	must(os.WriteFile(spooled, text, 0o700))
	for task := last; task >= 0; task-- {
		if array != "" {
			environment = append(os.Environ(), fmt.Sprintf("SLURM_ARRAY_TASK_ID=%d", task), "SLURM_ARRAY_TASK_COUNT=1")
		}
		runTask(environment, task == 1, spooled, arguments...)
	}
	fmt.Println(printed + ";cluster")
}

// runTask runs a program, which it first kills soon after its start if it is to be lost.
func runTask(environment []string, lost bool, program string, arguments ...string) {
	command := func() *exec.Cmd {
		c := exec.Command(program, arguments...)
		c.Env, c.Stdout, c.Stderr = environment, os.Stderr, os.Stderr
		return c
	}
	if lost {
		c := command()
		must(c.Start())
		time.Sleep(20 * time.Millisecond)
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	must(command().Run())
}

// kubectl stands in for Kubernetes, for scripts/cluster/kubernetes.sh: it runs the pods of a job at once, with /data as the
// current folder.
func kubectl() {
	const done = "jobs-that-are-done"
	switch arguments := strings.Join(os.Args[1:], " "); {
	case strings.HasPrefix(arguments, "delete job "):
	case arguments == "apply -f -":
		manifest, err := io.ReadAll(os.Stdin)
		must(err)
		name := runJob(manifest)
		must(os.WriteFile(done, []byte(name), 0o600))
	case strings.HasPrefix(arguments, "get job "):
		name, err := os.ReadFile(done)
		must(err)
		if os.Args[3] != string(name) {
			must(fmt.Errorf("job %q is not known", os.Args[3]))
		}
		fmt.Print("SuccessCriteriaMet Complete")
	default:
		must(fmt.Errorf("arguments %q", os.Args[1:]))
	}
}

func runJob(manifest []byte) (name string) {
	var job struct {
		Kind     string
		Metadata struct{ Name string }
		Spec     struct {
			CompletionMode            string
			Completions, BackoffLimit int
			Template                  struct {
				Spec struct {
					Containers []struct {
						Command, Args []string
						VolumeMounts  []struct{ MountPath string }
					}
				}
			}
		}
	}
	must(json.Unmarshal(manifest, &job))
	pod := job.Spec.Template.Spec.Containers[0]
	if job.Kind != "Job" || pod.VolumeMounts[0].MountPath != "/data" || job.Spec.BackoffLimit == 0 {
		must(errors.New("not a job with /data"))
	}
	for i, argument := range pod.Args {
		if rest, found := strings.CutPrefix(argument, "/data/"); found {
			pod.Args[i] = rest
		}
	}
	for index := max(job.Spec.Completions, 1) - 1; index >= 0; index-- {
		environment := os.Environ()
		if job.Spec.CompletionMode == "Indexed" {
			environment = append(environment, fmt.Sprintf("JOB_COMPLETION_INDEX=%d", index))
		}
		runTask(environment, index == 1, pod.Command[0], pod.Args...)
	}
	return job.Metadata.Name
}

// must ends the stand-in with an error.
func must(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}
