//go:build linux

package vgpu

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Check checks the kernels by recordings of their launches, which a run of the stand-in with VGPU_RECORD=recorded has
// left: twins from source and from PTX leave the recorded bits under other schedules; ThreadSanitizer finds no race and
// AddressSanitizer no access outside an array; and both would notice a barrier, wait or commit that is missing. Mutants
// that are not tried after `limit` are counted. With modules, only these are checked, and what
// only they include. The table goes to out.
func Check(folder, recorded string, modules []string, limit time.Duration, out io.Writer) error {
	b, err := newBuilder(folder, io.Discard)
	if err != nil {
		return err
	}
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return b.check(b.kernels, recorded, modules, limit, out)
}

// kernelFile is a file of kernels with the recordings of their launches.
type kernelFile struct {
	source     string // the path
	twin       string // what the driver calls its twins
	kernels    []string
	recordings []string
}

func (f *kernelFile) module() string { return strings.TrimSuffix(filepath.Base(f.source), ".cu") }

var entry = regexp.MustCompile(`\.entry (\w+)`)

// recordings finds the kernel files of a folder and their recordings, the smallest first. Recordings of other kernels,
// or of these with another PTX, do not count.
func (b *builder) recordings(kernels, recorded string) ([]*kernelFile, error) {
	var files []*kernelFile
	byName := map[string]*kernelFile{}
	for _, module := range slicesOf(kernels, "*.ptx") {
		ptx, err := os.ReadFile(module)
		if err != nil {
			return nil, err
		}
		f := &kernelFile{source: strings.TrimSuffix(module, ".ptx") + ".cu", twin: twinName(ptx)}
		for _, found := range entry.FindAllSubmatch(ptx, -1) {
			f.kernels = append(f.kernels, string(found[1]))
		}
		files = append(files, f)
		byName[f.twin] = f
	}
	sizes := map[string]int64{}
	for _, path := range slicesOf(recorded, "*") {
		head, size, err := headOf(path)
		if err != nil {
			return nil, err
		}
		sizes[path] = size
		for name, f := range byName {
			if strings.Contains(head, name) {
				f.recordings = append(f.recordings, path)
			}
		}
	}
	for _, f := range files {
		slices.SortFunc(f.recordings, func(a, b string) int {
			return int(sizes[a]-sizes[b])*2 + strings.Compare(a, b)
		})
	}
	return files, nil
}

// headOf is the beginning of a recording, which names the module, and its size.
func headOf(path string) (string, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", 0, err
	}
	head := make([]byte, 64)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", 0, err
	}
	return string(head[:n]), info.Size(), nil
}

func (b *builder) check(kernels, recorded string, modules []string, limit time.Duration, out io.Writer) error {
	files, err := b.recordings(kernels, recorded)
	if err != nil {
		return err
	}
	if len(modules) > 0 {
		files = slices.DeleteFunc(files, func(f *kernelFile) bool { return !slices.Contains(modules, f.module()) })
	}
	if len(files) < len(modules) || len(files) == 0 {
		return fmt.Errorf("of %d modules, %d are in %s", len(modules), len(files), kernels)
	}
	var errs []error
	for _, step := range []func([]*kernelFile, io.Writer) error{b.checkTwins, b.checkSanitizers} {
		errs = append(errs, step(files, out))
	}
	errs = append(errs, b.checkMutants(kernels, files, limit, out))
	return errors.Join(errs...)
}

// replayLimit is how long the recordings of one file may take.
const replayLimit = 5 * time.Minute

// inParallel runs a function for each file on as many threads as the replays leave room for, and joins the errors.
func inParallel[T any](items []T, run func(T) error) error {
	errs := make([]error, len(items))
	var group sync.WaitGroup
	slots := make(chan struct{}, parallelReplays)
	for i, item := range items {
		slots <- struct{}{}
		group.Go(func() {
			errs[i] = run(item)
			<-slots
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// parallelReplays is small, since each replay has two threads.
const parallelReplays = 2

// checkTwins replays with the twins that the stand-in uses.
func (b *builder) checkTwins(files []*kernelFile, out io.Writer) error {
	r, err := b.replayer(variant{name: "plain", compiler: b.compiler})
	if err != nil {
		return err
	}
	var modules []string
	for _, f := range files {
		modules = append(modules, strings.TrimSuffix(f.source, ".cu")+".ptx")
		fmt.Fprintf(out, "%-24s %3d kernels, %4d launches recorded\n", filepath.Base(f.source), len(f.kernels), len(f.recordings))
	}
	if err := b.translatedTwins(modules...); err != nil {
		return err
	}
	err = inParallel(files, func(f *kernelFile) error {
		if missing := f.unrecorded(); len(missing) > 0 {
			return fmt.Errorf("%s: no launch was recorded of %s", filepath.Base(f.source), strings.Join(missing, ", "))
		}
		for _, kind := range []string{"source", "ptx"} {
			library := filepath.Join(b.build, "twins", f.twin+"."+kind+".so")
			if err := r.replay(library, 3, f.recordings, replayLimit); err != nil {
				return fmt.Errorf("%s, twins from %s: %w", filepath.Base(f.source), kind, err)
			}
		}
		return nil
	})
	return report(out, "twins from source and PTX, three schedules", err)
}

// recordedKernel is the kernel of a recording.
func recordedKernel(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), "-")
	return name
}

// unrecorded are the kernels without a recording: nothing is known of them.
func (f *kernelFile) unrecorded() []string {
	return slices.DeleteFunc(slices.Clone(f.kernels), func(name string) bool {
		return slices.ContainsFunc(f.recordings, func(path string) bool { return recordedKernel(path) == name })
	})
}

func (b *builder) checkSanitizers(files []*kernelFile, out io.Writer) error {
	var errs []error
	for _, v := range []variant{threadSanitizer, addressSanitizer} {
		r, err := b.replayer(v)
		if err != nil {
			return err
		}
		err = inParallel(files, func(f *kernelFile) error {
			twin := r.twinOf(f.source, filepath.Join(b.build, "twins", f.twin+"."+v.name+".so"))
			if err := makeAll([]*target{twin}, io.Discard); err != nil {
				return err
			}
			if err := r.replay(twin.output, 1, f.few(mostSanitized), replayLimit); err != nil {
				return fmt.Errorf("%s, %s: %w", filepath.Base(f.source), v.name, err)
			}
			return nil
		})
		errs = append(errs, report(out, map[string]string{"tsan": "races", "asan": "accesses outside arrays"}[v.name], err))
	}
	return errors.Join(errs...)
}

// checkMutants asks of each mutant whether the race check, or the bits, notice it.
func (b *builder) checkMutants(kernels string, files []*kernelFile, limit time.Duration, out io.Writer) error {
	r, err := b.replayer(threadSanitizer)
	if err != nil {
		return err
	}
	mutants, err := mutantsOf(kernels)
	if err != nil {
		return err
	}
	mutants = slices.DeleteFunc(mutants, func(m mutant) bool {
		return slices.ContainsFunc(m.kernels, func(source string) bool {
			return !slices.ContainsFunc(files, func(f *kernelFile) bool { return filepath.Base(f.source) == source })
		})
	})
	end := time.Now().Add(limit)
	var mutex sync.Mutex
	noticed, untried := 0, 0
	err = inParallel(mutants, func(m mutant) error {
		if time.Now().After(end) {
			mutex.Lock()
			defer mutex.Unlock()
			untried++
			return nil
		}
		found, err := r.notices(&m, kernels, files)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%s:%d: nothing notices that %s is missing", m.file, m.line, m.call)
		}
		mutex.Lock()
		defer mutex.Unlock()
		noticed++
		return nil
	})
	return report(out, fmt.Sprintf("mutants: %d of %d noticed, %d not tried", noticed, len(mutants), untried), err)
}

// Sanitizers are slow: of each kernel so many recordings are played, the smallest, and fewer at first for each mutant.
const (
	mostSanitized = 8
	mostMutated   = 4
)

// notices builds a mutant and replays the recordings of the kernels in it.
func (r *replayer) notices(m *mutant, kernels string, files []*kernelFile) (bool, error) {
	folder, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(folder)
	if err := m.write(kernels, folder); err != nil {
		return false, err
	}
	for _, f := range files {
		if !slices.Contains(m.kernels, filepath.Base(f.source)) {
			continue
		}
		twin := r.twinOf(filepath.Join(folder, filepath.Base(f.source)), filepath.Join(folder, "twin.so"))
		if err := makeAll([]*target{twin}, io.Discard); err != nil {
			return false, err
		}
		// Most mutants show in small launches; the others may need one whose loops turn more than once.
		small := f.few(mostMutated)
		large := slices.DeleteFunc(slices.Clone(f.recordings), func(path string) bool { return slices.Contains(small, path) })
		for _, recordings := range [][]string{small, large} {
			if err := r.replay(twin.output, 2, recordings, time.Minute); errors.Is(err, errNoticed) {
				return true, nil
			} else if err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// few gives at most so many recordings of each kernel.
func (f *kernelFile) few(most int) []string {
	counts := map[string]int{}
	var chosen []string
	for _, path := range f.recordings {
		name := recordedKernel(path)
		if counts[name]++; counts[name] <= most {
			chosen = append(chosen, path)
		}
	}
	return chosen
}

func report(out io.Writer, what string, err error) error {
	verdict := "ok"
	if err != nil {
		verdict = "FAILED"
	}
	fmt.Fprintf(out, "%-60s %s\n", what, verdict)
	return err
}
