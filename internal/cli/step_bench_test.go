package cli

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/kernel"
	"uer/internal/model"
	"uer/internal/trainer"
)

// The shapes of the measured steps are those of the recipes for Chinese text.
const (
	benchVocabulary = 21128
	benchBatch      = 32
	benchLength     = 128
)

// benchRecipes holds the flags of the models.
var benchRecipes = []struct{ name, flags string }{
	{"roberta", "--config_path ../../models/bert/base_config.json --target mlm"},
	{"albert", "--config_path ../../models/bert/base_config.json --emb_size 128 --factorized_embedding_parameterization " +
		"--parameter_sharing --target mlm"},
	{"gpt2", "--config_path ../../models/bert/base_config.json --embedding word_pos --remove_embedding_layernorm " +
		"--tie_weights --mask causal --layernorm_positioning pre --target lm"},
	{"elmo", "--config_path ../../models/birnn_config.json --embedding word --encoder bilstm --target bilm"},
	{"lstm", "--config_path ../../models/rnn_config.json --embedding word --encoder lstm --target lm"},
	{"gru", "--config_path ../../models/rnn_config.json --embedding word --encoder gru --target lm"},
	{"gatedcnn", "--config_path ../../models/gatedcnn_9_config.json --embedding word --encoder gatedcnn --target lm"},
}

// raggedLengths are 32 equally spaced quantiles of the lengths of texts in the corpus book_review, with two special
// tokens and at most benchLength tokens: a batch that would be 69 % padding.
var raggedLengths = []int{4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 22, 24, 26, 29, 32, 35, 38, 42, 46, 52, 58, 66, 75,
	86, 100, 119, 128, 128}

// BenchmarkStep measures whole training steps: forward, backward, update, and the evaluation of a batch. It reports real tokens per second, and the rate
// of floating-point operations in matrix products as a fraction of the limit: the rate of the threads in a loop of
// multiply-adds. The limit is measured between the steps; both rates are medians.
func BenchmarkStep(b *testing.B) {
	dense := slices.Repeat([]int{benchLength}, benchBatch)
	for _, recipe := range benchRecipes {
		for _, precision := range []string{"fp32", "bf16", "bf16x3", "bf16x6"} {
			b.Run(recipe.name+"/dense/"+precision, func(b *testing.B) { benchmarkStep(b, recipe.flags, precision, dense) })
			b.Run(recipe.name+"/ragged/"+precision, func(b *testing.B) { benchmarkStep(b, recipe.flags, precision, raggedLengths) })
		}
	}
}

func benchmarkStep(b *testing.B, flags, precision string, lengths []int) {
	d, err := cpu.New(cpu.Options{Precision: precision})
	if err != nil {
		b.Skip(err)
	}
	defer d.Close()
	limit, err := kernel.New(0, cpu.Precisions[precision]) // idle while the device computes
	if err != nil {
		b.Fatal(err)
	}
	defer limit.Close()
	t := newBenchTrainer(b, d, strings.Fields(flags+" --device cpu --precision "+precision), len(lengths), slices.Max(lengths))
	inputs, tokens := synthetic(t, lengths)
	var times, evaluations, limits []float64
	step := func(profile *device.Profile) {
		started := time.Now()
		number, rate := t.Optimizer.Next()
		if err := errors.Join(
			t.Pass.Feed(inputs),
			t.Pass.Run(device.Run{Seed: 7, Step: uint64(number), Profile: profile}),
			t.Update.Run(device.Run{Update: device.Update{Number: number, Rate: rate, Scale: 1}}),
		); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(started).Seconds())
	}
	profile := device.NewProfile()
	step(profile) // touches the memory
	times = times[:0]
	evaluate := func() {
		started := time.Now()
		program := t.HeldOut.Program
		if err := errors.Join(program.Feed(inputs), program.Run(device.Run{})); err != nil {
			b.Fatal(err)
		}
		evaluations = append(evaluations, time.Since(started).Seconds())
	}
	evaluate() // touches its memory
	evaluations = evaluations[:0]
	for b.Loop() {
		step(nil)
		evaluate()
		limits = append(limits, limit.PeakGFLOPS(cpu.Precisions[precision], time.Second/2))
	}
	seconds := median(times)
	b.ReportMetric(seconds, "s/step")
	b.ReportMetric(median(evaluations), "s/evaluation")
	b.ReportMetric(float64(tokens)/seconds, "tokens/s")
	b.ReportMetric(100*float64(profile.FLOPs())/1e9/seconds/median(limits), "%limit")
	b.ReportMetric(0, "ns/op") // includes the measurement of the limit
	if least, most := slices.Min(limits), slices.Max(limits); least < 0.7*most {
		b.Logf("slow phases: between steps, multiply-adds in registers reached from %.0f to %.0f GFLOP/s", least, most)
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// newBenchTrainer returns a trainer for the flags of uer pretrain.
func newBenchTrainer(b *testing.B, d device.Device, flagsOfModel []string, sequences, length int) *trainer.Trainer {
	b.Helper()
	var options pretrainOptions
	flags := pflag.NewFlagSet("pretrain", pflag.ContinueOnError)
	options.addFlags(flags)
	arguments := append(flagsOfModel, "--vocab_path", "none", "--output_model_path", b.TempDir()+"/model")
	if err := flags.Parse(arguments); err != nil {
		b.Fatal(err)
	}
	if err := config.Load(flags); err != nil {
		b.Fatal(err)
	}
	if err := options.check(flags, nil); err != nil {
		b.Fatal(err)
	}
	limits := model.Limits{Sequences: sequences, Length: length, Activations: d.Activations()}
	m, err := model.New(options.Model, benchVocabulary, limits)
	if err != nil {
		b.Fatal(err)
	}
	forward, err := model.NewForward(options.Model, benchVocabulary, limits, false)
	if err != nil {
		b.Fatal(err)
	}
	parameters := make([]float32, m.Program.ParameterSize)
	model.Initialize(options.Model, m.Program, parameters, options.Seed)
	heldOut := &trainer.HeldOut{Evaluator: &trainer.Evaluator{Model: forward}}
	t, err := newTrainer(options, nil, m, parameters, rank{device: d, heldOut: heldOut})
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	return t
}

// synthetic returns a batch of random tokens, and their number. All tokens except the last of a sequence are predicted, or
// every seventh if the model is masked.
func synthetic(t *trainer.Trainer, lengths []int) (list device.Inputs, tokens int) {
	random := rand.New(rand.NewPCG(7, 7))
	inputs := map[string][]int32{"starts": {0}}
	add := func(name string, value int) { inputs[name] = append(inputs[name], int32(value)) }
	longest := slices.Max(lengths)
	masked := len(t.Model.Heads) == 1 && t.Model.Heads[0].Name == "mlm"
	for sequence, length := range lengths {
		for position := range length {
			add("tokens", 1+random.IntN(benchVocabulary-1))
			add("positions", position)
			add("segments", 1)
			add("rows", sequence*longest+position)
			label := 1 + random.IntN(benchVocabulary-1)
			if masked && position%7 == 1 || !masked && position < length-1 {
				add("predicted", tokens)
				add("labels", label)
			}
			if position > 0 {
				add("backward_predicted", tokens)
				add("backward_labels", label)
			}
			tokens++
		}
		add("starts", tokens)
	}
	for name, data := range inputs {
		list = append(list, device.Input{Name: name, Data: data})
	}
	return list, tokens
}
