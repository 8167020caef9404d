package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/corpus"
	"uer/internal/dataset"
	"uer/internal/durable"
	"uer/internal/instance"
)

// shardOptions divide the work among processes, on one machine or several. A plan cuts the corpus into shards, each of
// them is made by a process of its own, and merging gives the dataset that one process would have made.
type shardOptions struct {
	Count   int
	Plan    bool
	Numbers []int
	Merge   bool
}

func (o *shardOptions) addFlags(group config.Group) {
	group.Int(&o.Count, "shards", 0, 1, "number of shards that the work is divided into")
	group.Bool(&o.Plan, "plan", "cut the corpus into --shards, for other processes to make; this comes first")
	group.Ints(&o.Numbers, "shard", "the shards to make, from 0; without it, the one that SLURM_ARRAY_TASK_ID or "+
		"JOB_COMPLETION_INDEX names")
	group.Bool(&o.Merge, "merge", "make the dataset of all shards; this comes last")
}

// used reports whether the work is divided, and rejects flags that contradict each other.
func (o *shardOptions) used() (bool, error) {
	steps := 0
	for _, step := range []bool{o.Plan, len(o.Numbers) > 0, o.Merge} {
		if step {
			steps++
		}
	}
	var err error
	switch {
	case steps > 1:
		err = errors.New("--plan, --shard and --merge are steps of their own: pass one of them")
	case o.Plan && o.Count == 0:
		err = errors.New("--plan needs --shards, the number of them")
	}
	if err != nil {
		return false, console.UsageError{Err: err}
	}
	return steps > 0 || o.Count > 0, nil
}

// numbers returns the shards to make, of count. The environment of a cluster says which, but never how many there are: a
// job that repeats some of them has fewer tasks.
func (o *shardOptions) numbers(count int) ([]int, error) {
	from, numbers := "--shard", o.Numbers
	for _, name := range []string{"SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"} {
		value := os.Getenv(name)
		if numbers != nil || value == "" {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return nil, fmt.Errorf("%s is %q, not a number", name, value)
		}
		from, numbers = name, []int{n}
	}
	if numbers == nil {
		return nil, console.UsageError{Err: console.Hint(errors.New("no shard is named"),
			fmt.Sprintf("pass --shard 0 to %d, or run it in an array of tasks of Slurm or an indexed job of Kubernetes", count-1))}
	}
	for _, n := range numbers {
		if n < 0 || n >= count {
			return nil, console.Hint(fmt.Errorf("%s is %d, but the shards are 0 to %d", from, n, count-1),
				fmt.Sprintf("number the tasks from 0: --array=0-%d, or %d completions", count-1, count))
		}
	}
	return numbers, nil
}

// shardPlan is what a plan fixes. Whoever makes a shard or merges them checks that it has the same settings and the same text.
type shardPlan struct {
	Version  string             `json:"version"`
	Settings map[string]string  `json:"settings"`
	Files    []runFile          `json:"files"`
	Shards   []instance.Section `json:"shards"`

	id string // SHA-256 of the file
}

type runFile struct {
	Name string `json:"name"` // without its folder, which may be another one on another machine
	Size int    `json:"size"`
}

// part describes a shard that is complete. It is written after the shard's file, which does not exist if it has no
// instance.
type part struct {
	Run        string              `json:"run"` // id
	Bytes      int64               `json:"bytes"`
	Statistics instance.Statistics `json:"statistics"`
}

// folder holds the plan and the parts until they are merged.
func (p *preprocessing) folder() string { return p.options.DatasetPath + ".shards" }

func (p *preprocessing) runPath() string { return filepath.Join(p.folder(), "run.json") }

func (p *preprocessing) partPath(number int) string {
	return filepath.Join(p.folder(), fmt.Sprintf("part-%05d", number))
}

// described is the run of these settings and this text, without its shards.
func (p *preprocessing) described() *shardPlan {
	r := &shardPlan{Version: version(), Settings: p.options.recorded()}
	metadata := p.describeDataset()
	for key, value := range metadata.Settings() {
		r.Settings[key] = value
	}
	for _, file := range p.text.Files {
		r.Files = append(r.Files, runFile{filepath.Base(file.Path), file.Size})
	}
	return r
}

// plan cuts the corpus and writes the plan, unless it is there already.
func (p *preprocessing) plan(ctx context.Context) error {
	if slices.ContainsFunc(p.text.Files, isPipe) {
		return console.Hint(errors.New("what comes through a pipe cannot be divided into shards"), "write it to a file first")
	}
	sections, err := instance.Divide(ctx, p.settings, p.text, p.options.Shards.Count)
	if err != nil {
		return err
	}
	r := p.described()
	r.Shards = sections
	planned, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if present, err := os.ReadFile(p.runPath()); err == nil {
		if string(present) != string(planned) {
			return console.Hint(fmt.Errorf("%s is the plan of another run", p.runPath()),
				"remove the folder if that run is no longer needed, or choose another --dataset_path")
		}
	} else if err := p.writePlan(planned); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.streams.Err, "Plan     %s: %s of about %s\n", p.runPath(),
		counted(int64(len(sections)), "shard"), console.Bytes(int64(p.text.Size/len(sections))))
	return err
}

func isPipe(file *corpus.File) bool {
	info, err := os.Stat(file.Path)
	return err != nil || !info.Mode().IsRegular()
}

func (p *preprocessing) writePlan(planned []byte) error {
	if err := os.Mkdir(p.folder(), 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return writeJSON(p.runPath(), planned)
}

func writeJSON(path string, data []byte) error {
	return durable.WriteFile(path, durable.Replaceable, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// readRun reads the plan and checks that it is the plan of this run.
func (p *preprocessing) readRun() (*shardPlan, error) {
	data, err := os.ReadFile(p.runPath())
	if err != nil {
		return nil, console.Hint(err, "make the plan first: the same command with --shards N --plan")
	}
	r := new(shardPlan)
	if err := json.Unmarshal(data, r); err != nil || len(r.Shards) == 0 {
		return nil, console.Hint(fmt.Errorf("%s: damaged", p.runPath()), "remove the folder and make the plan again")
	}
	if count := p.options.Shards.Count; count > 0 && count != len(r.Shards) {
		return nil, fmt.Errorf("%s: the plan has %d shards, not %d", p.runPath(), len(r.Shards), count)
	}
	if err := r.check(p.described()); err != nil {
		return nil, console.Hint(fmt.Errorf("%s: %w", p.runPath(), err),
			"use the settings of the plan, or remove the folder and make the plan again")
	}
	sum := sha256.Sum256(data)
	r.id = hex.EncodeToString(sum[:])
	return r, nil
}

// check compares what a run was planned with to what it is now.
func (r *shardPlan) check(now *shardPlan) error {
	if r.Version != now.Version {
		return fmt.Errorf("planned by uer %s; this is %s", r.Version, now.Version)
	}
	if !slices.Equal(r.Files, now.Files) {
		return fmt.Errorf("planned for the files %v, not for %v", r.Files, now.Files)
	}
	names := map[string]bool{}
	for _, settings := range []map[string]string{r.Settings, now.Settings} {
		for name := range settings {
			names[name] = true
		}
	}
	for name := range names {
		if then, is := r.Settings[name], now.Settings[name]; then != is {
			return fmt.Errorf("planned with %s %q, not %q", name, then, is)
		}
	}
	return nil
}

// shards makes some of the shards.
func (p *preprocessing) shards(ctx context.Context) error {
	r, err := p.readRun()
	if err != nil {
		return err
	}
	numbers, err := p.options.Shards.numbers(len(r.Shards))
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if err := p.shard(ctx, r, n); err != nil {
			return fmt.Errorf("shard %d: %w", n, err)
		}
	}
	return nil
}

// shard makes a shard, unless it is complete.
func (p *preprocessing) shard(ctx context.Context, r *shardPlan, number int) error {
	started := time.Now()
	made, err := p.readPart(r, number)
	if err == nil {
		_, err = fmt.Fprintf(p.streams.Err, "Shard    %d of %d: complete already, %s\n", number, len(r.Shards),
			counted(made.Statistics.Instances, "instance"))
		return err
	}
	settings := p.settings
	settings.Section = &r.Shards[number]
	made = &part{Run: r.id}
	path := p.partPath(number)
	if made.Statistics, err = p.build(ctx, path, settings, p.count); err != nil {
		return err
	}
	if made.Statistics.Instances > 0 {
		file, err := os.Stat(path)
		if err != nil {
			return err
		}
		made.Bytes = file.Size()
	}
	data, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		return err
	}
	if err := writeJSON(path+".json", data); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.streams.Err, "Shard    %d of %d: %s, %s, %s\n", number, len(r.Shards),
		counted(made.Statistics.Instances, "instance"), console.Bytes(made.Bytes), console.Duration(time.Since(started)))
	return err
}

// readPart returns the description of a shard. It fails if the shard is not complete or belongs to another run.
func (p *preprocessing) readPart(r *shardPlan, number int) (*part, error) {
	path := p.partPath(number)
	data, err := os.ReadFile(path + ".json")
	if err != nil {
		return nil, err
	}
	made := new(part)
	if err := json.Unmarshal(data, made); err != nil || made.Run != r.id {
		return nil, fmt.Errorf("%s: not a part of this run", path)
	}
	if made.Bytes == 0 {
		return made, nil
	}
	if file, err := os.Stat(path); err != nil || file.Size() != made.Bytes {
		return nil, fmt.Errorf("%s: incomplete", path)
	}
	return made, nil
}

// merge makes the dataset of the shards.
func (p *preprocessing) merge(ctx context.Context) error {
	r, err := p.readRun()
	if err != nil {
		return err
	}
	parts, err := p.readParts(r)
	if err != nil {
		return err
	}
	var sum instance.Statistics
	for _, made := range parts {
		sum.Add(&made.Statistics)
	}
	if err := sum.Check(&p.settings, p.text); err != nil {
		return err
	}
	said, err := p.judge(&sum)
	if err != nil {
		return err
	}
	writer, err := dataset.Create(p.options.DatasetPath, p.describeDataset())
	if err != nil {
		return err
	}
	defer writer.Abort()
	var merged atomic.Int64
	defer console.NewStatus(p.streams.Err).Show(func() string {
		return fmt.Sprintf("Merge    %2d%%  %d of %d shards", 100*merged.Load()/int64(len(parts)), merged.Load(), len(parts))
	})()
	for number, made := range parts {
		merged.Store(int64(number))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if made.Bytes > 0 {
			if err := writer.Copy(p.partPath(number)); err != nil {
				return err
			}
		}
	}
	if err := writer.Close(said); err != nil {
		return err
	}
	if err := p.summarize(sum); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.streams.Err, "         %s can be removed\n", p.folder())
	return err
}

// readParts returns the descriptions of all shards. It fails if some are missing.
func (p *preprocessing) readParts(r *shardPlan) ([]*part, error) {
	var parts []*part
	var missing []string
	for number := range r.Shards {
		made, err := p.readPart(r, number)
		if err != nil {
			missing = append(missing, strconv.Itoa(number))
		}
		parts = append(parts, made)
	}
	if missing != nil {
		return nil, console.Hint(fmt.Errorf("%s: %d of %d shards are not complete", p.folder(), len(missing), len(parts)),
			"make them: the same command with --shard "+strings.Join(missing, ","))
	}
	return parts, nil
}
