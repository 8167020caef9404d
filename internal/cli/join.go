package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"uer/internal/collective"
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
	"gpu_ranks", "master_ip", "launcher", "threads", "profile", "device", "world_size",
}

// join meets the other processes, if there are any, and returns the connections of the ranks of this process.
func join(ctx context.Context, options pretrainOptions, data trainingData, status io.Writer) (o others, ranks []*collective.Local, err error) {
	p := &options.Devices.placement
	if p.alone() || options.DryRun {
		return o, collective.NewLocal(len(p.ranks)), nil
	}
	name, err := os.Hostname()
	if err != nil {
		return o, nil, fmt.Errorf("the name of this machine: %w", err)
	}
	o.member, err = collective.Join(ctx, collective.Options{
		Job: p.job, WorldSize: p.world, Ranks: p.ranks, Name: name, PID: os.Getpid(), Facts: facts(options, data),
		Network: p.network, Patience: patience, Timeout: time.Duration(options.Devices.Timeout) * time.Second,
		Status: func(line string) { fmt.Fprintln(status, line) },
	})
	if err != nil {
		return o, nil, err
	}
	hosts := o.member.Hosts()
	own := o.member.Process()
	o.engine, err = gloo.Connect(gloo.Options{
		Process: own, Processes: len(hosts), Address: hosts[own].Address, Timeout: 2 * time.Duration(options.Devices.Timeout) * time.Second,
		Put: o.member.Put, Get: o.member.Get,
	})
	if err != nil {
		return o, nil, errors.Join(o.member.Abort(p.ranks[0], err), o.close())
	}
	fmt.Fprintf(status, "Ranks    %s of %d here, %s; gradients by Gloo from %s\n", collective.FormatRanks(p.ranks), p.world,
		counted(int64(len(hosts)), "process"), hosts[own].Address)
	return o, collective.NewSpread(o.member, o.engine), nil
}

func (o others) close() error {
	if o.member == nil {
		return nil
	}
	o.member.Close()
	if o.engine == nil || o.member.Failed() {
		return nil // a pending exchange cannot be ended, but the program ends
	}
	return o.engine.Close()
}

// facts are what all processes must have in common.
func facts(options pretrainOptions, data trainingData) []collective.Fact {
	list := []collective.Fact{{Name: "the version of uer", Value: Version()}}
	settings := maps.Clone(options.settings)
	for _, name := range localSettings {
		delete(settings, name)
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		list = append(list, collective.Fact{Name: "--" + name, Value: settings[name]})
	}
	list = append(list,
		collective.Fact{Name: "the vocabulary", Value: data.vocabulary.SHA256()},
		collective.Fact{Name: "the dataset", Value: data.identity()})
	if data.targetVocabulary != nil {
		list = append(list, collective.Fact{Name: "the target vocabulary", Value: data.targetVocabulary.SHA256()})
	}
	return list
}
