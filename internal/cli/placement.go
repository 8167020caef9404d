package cli

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"uer/internal/collective"
	"uer/internal/config"
	"uer/internal/console"
	driver "uer/internal/cuda"
	"uer/internal/launcher"
)

// placement says which ranks this process trains, on which devices, and where it meets the other processes.
type placement struct {
	world   int
	ranks   []int              // of this process, ascending
	gpus    []int              // the number of the GPU of each rank; nil on the CPU
	network collective.Network // where rank 0 meets the others
	job     string             // of the launcher; "" without one
	lines   []string           // for the user
}

// alone reports whether there are no other processes.
func (p *placement) alone() bool { return len(p.ranks) == p.world }

// place finds out the placement: from --world_size and --gpu_ranks if they are given, else from the variables of the
// launcher, if one has started this process.
func (o *deviceOptions) place(flags *pflag.FlagSet) (placement, error) {
	given := func(name string) bool { return config.SourceOf(flags.Lookup(name)) != config.Default }
	if given("gpu_ranks") {
		if o.Launcher != "" && o.Launcher != launcher.None {
			return placement{}, console.UsageError{Err: fmt.Errorf("--launcher %s finds the ranks, so --gpu_ranks must be left out", o.Launcher)}
		}
		return o.placeByFlags()
	}
	request := launcher.Request{Launcher: o.Launcher, GPUs: o.visibleGPUs}
	if given("world_size") {
		request.WorldSize = o.WorldSize
	}
	found, err := launcher.Find(request)
	if err != nil {
		return placement{}, err
	}
	if found == nil || found.Note != "" && o.WorldSize > 1 {
		return o.placeByFlags()
	}
	if request.WorldSize > 0 && request.WorldSize != found.WorldSize {
		return placement{}, console.Hint(fmt.Errorf("--world_size is %d, but %s started %d ranks", o.WorldSize, found.Launcher, found.WorldSize),
			"leave out --world_size, or pass --launcher none")
	}
	return o.placeByLauncher(found, given("master_ip"))
}

// placeByFlags takes the ranks from --gpu_ranks: the first one named runs on GPU 0, the next on GPU 1, as in UER-py. A
// training with one rank runs on the GPU of that number.
func (o *deviceOptions) placeByFlags() (placement, error) {
	if err := o.checkRanks(); err != nil {
		return placement{}, console.UsageError{Err: err}
	}
	network, err := meetingPlace(o.MasterIP, "")
	if err != nil {
		return placement{}, console.UsageError{Err: err}
	}
	if o.WorldSize == 1 {
		return o.single(), nil
	}
	p := placement{world: o.WorldSize, network: network, ranks: slices.Sorted(slices.Values(o.GPURanks))}
	if o.onGPU() {
		for _, rank := range p.ranks {
			p.gpus = append(p.gpus, slices.Index(o.GPURanks, rank))
		}
	}
	return p, nil
}

// onGPU reports whether the flags ask for GPUs.
func (o *deviceOptions) onGPU() bool {
	return o.Device == "cuda" || o.Device == "auto" && len(o.GPURanks) > 0
}

// single returns the placement of a single rank.
func (o *deviceOptions) single() placement {
	p := placement{world: 1, ranks: []int{0}}
	if !o.onGPU() {
		return p
	}
	if p.gpus = []int{0}; len(o.GPURanks) == 1 {
		p.gpus[0] = o.GPURanks[0]
	}
	return p
}

// placeByLauncher takes the ranks from what a launcher says. A process that sees a single GPU uses it, since its launcher
// has chosen it; otherwise it uses those with the numbers that its ranks have on this machine.
func (o *deviceOptions) placeByLauncher(found *launcher.Place, addressGiven bool) (placement, error) {
	p := placement{world: found.WorldSize, job: found.Job}
	if found.Note != "" {
		p.lines = append(p.lines, "Note     "+found.Note)
	}
	for i := range found.Here {
		p.ranks = append(p.ranks, found.First+i)
	}
	visible := 0
	if o.Device != "cpu" {
		visible = o.visibleGPUs()
	}
	if o.Device == "cuda" || visible > 0 {
		for i := range p.ranks {
			gpu := max(found.Local, 0) + i
			if visible == 1 && len(p.ranks) == 1 {
				gpu = 0
			}
			p.gpus = append(p.gpus, gpu)
		}
	}
	address := o.MasterIP
	if !addressGiven && !p.alone() {
		if found.Address == "" {
			return p, console.Hint(fmt.Errorf("%s does not say where rank 0 is", found.Launcher), found.Cure)
		}
		address = "tcp://" + found.Address
	}
	var err error
	if p.network, err = meetingPlace(address, p.job); err != nil {
		return p, console.UsageError{Err: err}
	}
	if addressGiven {
		found.Address = p.network.String()
	}
	if found.Note == "" {
		p.lines = append(p.lines, "Ranks    "+found.String())
	}
	return p, nil
}

// visibleGPUs returns the number of GPUs that this process sees.
func (o *deviceOptions) visibleGPUs() int {
	if o.Device == "cpu" {
		return 0
	}
	n, err := driver.Count()
	if err != nil {
		return 0
	}
	return n
}

// meetingPlace reads an address of --master_ip: tcp://HOST:PORT, or a folder that all machines share.
func meetingPlace(address, job string) (collective.Network, error) {
	if folder, ok := strings.CutPrefix(address, "file://"); ok {
		if !filepath.IsAbs(folder) {
			return nil, fmt.Errorf("--master_ip %q is not of the form file:///FOLDER", address)
		}
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("--master_ip %s: there is no such folder", address)
		}
		return collective.Folder{Path: folder, Job: cmp.Or(job, "alone")}, nil
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "tcp" || !isHostPort(parsed.Host) || parsed.Path != "" {
		return nil, fmt.Errorf("--master_ip %q is not of the form tcp://HOST:PORT", address)
	}
	return collective.TCP{Address: parsed.Host}, nil
}

func isHostPort(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return false
	}
	number, err := strconv.Atoi(port)
	return err == nil && number > 0 && number < 1<<16
}

// checkRanks rejects contradictory flags.
func (o *deviceOptions) checkRanks() error {
	sorted := slices.Sorted(slices.Values(o.GPURanks))
	if len(slices.Compact(slices.Clone(sorted))) < len(sorted) {
		return errors.New("--gpu_ranks names a rank twice")
	}
	if o.WorldSize == 1 && o.Device != "cpu" {
		if len(o.GPURanks) > 1 {
			return console.Hint(fmt.Errorf("%d --gpu_ranks, but --world_size is 1", len(o.GPURanks)),
				fmt.Sprintf("pass --world_size %d", len(o.GPURanks)))
		}
		return nil // a single rank is the number of a GPU
	}
	if o.WorldSize > 1 && len(o.GPURanks) == 0 {
		return console.Hint(fmt.Errorf("--world_size %d without --gpu_ranks starts no process", o.WorldSize),
			fmt.Sprintf("pass --gpu_ranks 0..%d, or the ranks that this machine starts", o.WorldSize-1))
	}
	if len(sorted) > 0 && sorted[len(sorted)-1] >= o.WorldSize {
		return console.Hint(fmt.Errorf("--gpu_ranks %d is not below --world_size %d", sorted[len(sorted)-1], o.WorldSize),
			"ranks number the processes from 0")
	}
	return nil
}
