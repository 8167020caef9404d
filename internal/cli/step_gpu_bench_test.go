//go:build gpu

package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"uer/internal/device"
	"uer/internal/device/cuda"
)

// BenchmarkGPUStep measures whole training steps on the first GPU, in float32, TF32 and bfloat16, of batches without padding
// and of those that the lengths of book_review make. mfu is the share of the rate of a large product that the products of a
// step reach. ms-host is what the host takes to begin a step. It does nothing on the stand-in, which has no speed.
func BenchmarkGPUStep(b *testing.B) {
	flags := map[string]string{}
	for _, recipe := range benchRecipes {
		flags[recipe.name] = recipe.flags
	}
	flags["gpt2 1024"] = strings.Replace(flags["gpt2"], "--config_path", "--max_seq_length 1024 --config_path", 1)
	ragged := func(times int) []int { return slices.Repeat(raggedLengths, times) }
	dense := func(sequences, length int) []int { return slices.Repeat([]int{length}, sequences) }
	for _, c := range []struct {
		name, recipe string
		lengths      []int
	}{
		{"roberta 256 x 128", "roberta", dense(256, 128)},
		{"roberta 256 x 512", "roberta", dense(256, 512)},
		{"roberta ragged 256", "roberta", ragged(8)},
		{"roberta ragged 32", "roberta", ragged(1)},
		{"roberta 32 x 128", "roberta", dense(32, 128)},
		{"gpt2 16 x 1024", "gpt2 1024", dense(16, 1024)},
		{"gpt2 32 x 128", "gpt2", dense(32, 128)},
		{"lstm 32 x 128", "lstm", dense(32, 128)},
		{"gru 32 x 128", "gru", dense(32, 128)},
		{"elmo 32 x 128", "elmo", dense(32, 128)},
		{"gatedcnn 32 x 128", "gatedcnn", dense(32, 128)},
		{"albert 32 x 128", "albert", dense(32, 128)},
		{"lstm ragged 32", "lstm", ragged(1)},
	} {
		for _, precision := range []string{"bf16", "tf32", "fp32"} {
			b.Run(c.name+"/"+precision, func(b *testing.B) { benchmarkGPUStep(b, flags[c.recipe], precision, c.lengths) })
		}
	}
}

func benchmarkGPUStep(b *testing.B, flags, precision string, lengths []int) {
	d, err := cuda.New(cuda.Options{Precision: precision})
	if err != nil {
		b.Skip(err)
	}
	defer d.Close()
	if strings.HasPrefix(d.Name(), "vgpu") {
		b.Skip("a stand-in has no speed")
	}
	limits, err := d.Limits()
	if err != nil {
		b.Fatal(err)
	}
	t := newBenchTrainer(b, d, strings.Fields(flags+" --device cuda --precision "+precision), len(lengths), slices.Max(lengths))
	inputs, tokens := synthetic(t, lengths)
	var last device.Figures
	take := func(wait bool) {
		figures, err := t.Pass.Figures(wait)
		if err != nil {
			b.Fatal(err)
		}
		if len(figures) > 0 {
			last = figures[len(figures)-1]
		}
		if _, err := t.Update.Figures(wait); err != nil {
			b.Fatal(err)
		}
	}
	step := func(profile *device.Profile) {
		number, rate := t.Optimizer.Next()
		err := errors.Join(
			t.Pass.Feed(inputs),
			t.Pass.Run(device.Run{Seed: 7, Step: uint64(number), Profile: profile}),
			t.Update.Run(device.Run{Update: device.Update{Number: number, Rate: rate, Scale: 1}}),
		)
		if err != nil {
			b.Fatal(err)
		}
		take(false)
	}
	profile := device.NewProfile()
	step(profile) // chooses algorithms
	profile = device.NewProfile()
	step(profile)
	take(true)
	var times, hosts []float64
	for b.Loop() {
		started := time.Now()
		step(nil) // while the GPU has nothing else to do
		hosts = append(hosts, time.Since(started).Seconds())
		const together = 4
		for range together - 1 {
			step(nil)
		}
		take(true)
		times = append(times, time.Since(started).Seconds()/together)
	}
	seconds := median(times)
	usage := t.Pass.Usage()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(1000*seconds, "ms/step")
	b.ReportMetric(1000*median(hosts), "ms-host")
	b.ReportMetric(float64(tokens)/seconds, "tokens/s")
	b.ReportMetric(100*float64(last.FLOPs)/seconds/limits.Products, "%mfu")
	b.ReportMetric(limits.Products/1e12, "TFLOP/s-limit")
	b.ReportMetric(float64(usage.Parameters+usage.Gradients+usage.State+usage.Activations+usage.Inputs+usage.Scratch)/1e9, "GB")
	b.ReportMetric(last.Outputs[0], "loss")
	if b.N > 1 {
		var table strings.Builder
		profile.Limits = limits
		if err := profile.Write(&table); err != nil {
			b.Fatal(err)
		}
		fmt.Printf("%s", table.String())
	}
}
