package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"uer/internal/collective"
	"uer/internal/console"
	driver "uer/internal/cuda"
	"uer/internal/gloo"
)

// others is the connection of this process to the other processes of the training; without any, both are nil.
type others struct {
	member *collective.Member
	engine collective.Engine
}

// patience is how long the processes wait until all of them are there.
const patience = 5 * time.Minute

// localSettings are the flags that may differ between the processes of a training. Files are compared by their content.
var localSettings = []string{
	"dataset_path", "vocab_path", "tgt_vocab_path", "pretrained_model_path", "output_model_path", "config_path", "resume",
	"dev_path", "gpu_ranks", "master_ip", "launcher", "threads", "profile", "log_dir", "debug_batch", "device", "world_size",
}

// join meets the other processes, if there are any, and returns the connections of the ranks of this process.
func join(ctx context.Context, options pretrainOptions, data trainingData, status io.Writer) (others, []*collective.Local, error) {
	p := &options.Devices.placement
	for _, line := range p.lines {
		fmt.Fprintln(status, line)
	}
	if options.DryRun {
		return others{}, collective.NewLocal(1), nil
	}
	if p.alone() {
		return others{}, collective.NewLocal(len(p.ranks)), nil
	}
	name, err := os.Hostname()
	if err != nil {
		return others{}, nil, fmt.Errorf("the name of this machine: %w", err)
	}
	common, err := facts(options, data)
	if err != nil {
		return others{}, nil, err
	}
	member, err := collective.Join(ctx, collective.Options{
		Job: p.job, WorldSize: p.world, Ranks: p.ranks, Name: name, PID: os.Getpid(), Facts: common,
		Network: p.network, Patience: patience, Timeout: options.Devices.timeout(),
		Status: func(line string) { fmt.Fprintln(status, line) },
	})
	if err != nil {
		return others{}, nil, err
	}
	o := others{member: member}
	here := member.Hosts()[member.Process()]
	summary := fmt.Sprintf("Ranks    %s of %d in this process, of %d; gradients by", collective.FormatRanks(p.ranks), p.world, len(member.Hosts()))
	if p.gpus != nil {
		useInterface(here.Address)
		fmt.Fprintf(status, "%s NCCL from %s\n", summary, here.Address)
		return o, collective.NewSpread(member, nil), nil
	}
	engine, err := gloo.Connect(gloo.Options{
		Process: member.Process(), Processes: len(member.Hosts()), Address: here.Address, Timeout: 2 * options.Devices.timeout(),
		Put: member.Put, Get: member.Get,
	})
	if err != nil {
		return others{}, nil, o.leave(err)
	}
	o.engine = engine
	fmt.Fprintf(status, "%s Gloo from %s\n", summary, here.Address)
	return o, collective.NewSpread(member, engine), nil
}

// hosts returns all processes, none if this is the only one.
func (o others) hosts() []collective.Host {
	if o.member == nil {
		return nil
	}
	return o.member.Hosts()
}

// failed reports whether a process has failed.
func (o others) failed() bool { return o.member != nil && o.member.Failed() }

// leave ends the connection, and the training of all if this process has failed. It returns the error that came first.
func (o others) leave(err error) error {
	if o.member == nil {
		return err
	}
	var stopped console.Stopped
	if err != nil && !errors.As(err, &stopped) {
		err = o.member.Abort(o.member.Hosts()[o.member.Process()].Ranks[0], err)
	}
	failed := o.member.Failed()
	o.member.Close()
	if o.engine == nil || failed { // then a pending exchange cannot be ended, but the program ends
		return err
	}
	return cmp.Or(err, o.engine.Close())
}

// useInterface makes NCCL use the network in which the processes have met, unless the user has chosen one or there is
// InfiniBand. NCCL would guess otherwise.
func useInterface(address string) {
	const variable = "NCCL_SOCKET_IFNAME"
	if cards, _ := filepath.Glob("/sys/class/infiniband/*"); os.Getenv(variable) != "" || len(cards) > 0 {
		return
	}
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		addresses, _ := i.Addrs()
		for _, a := range addresses {
			if ip, ok := a.(*net.IPNet); ok && ip.IP.String() == address {
				_ = os.Setenv(variable, "="+i.Name)
			}
		}
	}
}

// facts are what all processes must have in common.
func facts(options pretrainOptions, data trainingData) ([]collective.Fact, error) {
	list := []collective.Fact{{Name: "the version of uer", Value: version()}}
	settings := maps.Clone(options.settings)
	for _, name := range localSettings {
		delete(settings, name)
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		list = append(list, collective.Fact{Name: "--" + name, Value: settings[name]})
	}
	list = append(list,
		collective.Fact{Name: "the vocabulary", Value: data.vocabulary.SHA256()},
		collective.Fact{Name: "the dataset", Value: data.dataset.Identity()})
	if data.heldOut != nil {
		list = append(list, collective.Fact{Name: "the held-out dataset", Value: data.heldOut.Identity()})
	}
	if data.targetVocabulary != nil {
		list = append(list, collective.Fact{Name: "the target vocabulary", Value: data.targetVocabulary.SHA256()})
	}
	if data.resumed != nil {
		list = append(list, collective.Fact{Name: "the step of the checkpoint", Value: fmt.Sprint(data.resumed.Step)})
	}
	list = append(list, collective.Fact{Name: "the device", Value: options.Devices.Backend})
	if options.Devices.placement.gpus == nil {
		return list, nil
	}
	library, err := driver.FindNCCL()
	if err != nil {
		return nil, withHint(err, options.Devices.WorldSize)
	}
	return append(list, collective.Fact{Name: "the version of NCCL", Value: library.Version}), nil
}
