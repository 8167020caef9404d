package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/collective"
	"uer/internal/config"
	"uer/internal/console"
	driver "uer/internal/cuda"
	"uer/internal/device"
	"uer/internal/device/cpu"
	"uer/internal/device/cuda"
	"uer/internal/device/devicetest"
)

type selftestOptions struct{ Devices deviceOptions }

func (o *selftestOptions) addFlags(flags *pflag.FlagSet) {
	group := config.NewGroup(flags, "Devices")
	o.Devices.addDevice(group, "device to test")
	group.Ints(&o.Devices.GPURanks, "gpu_ranks", "number of the GPU to test, from 0")
}

func (o *selftestOptions) check() error {
	if len(o.Devices.GPURanks) > 1 {
		return console.UsageError{Err: console.Hint(fmt.Errorf("%d --gpu_ranks: one GPU is tested at a time", len(o.Devices.GPURanks)),
			fmt.Sprintf("pass --gpu_ranks %d", o.Devices.GPURanks[0]))}
	}
	o.Devices.placement = o.Devices.single()
	return nil
}

const selftestExamples = `  # the first GPU
  uer selftest --device cuda

  # another GPU
  uer selftest --gpu_ranks 3

  # the processor
  uer selftest --device cpu`

func newSelftest(streams Streams) *cobra.Command {
	var options selftestOptions
	command := newCommand("selftest", "Check that a device computes what it should",
		"Compute every operation, its gradient and every update of parameters on a device, and compare the results with those\n"+
			"of plain Go on the CPU, on small models. Each is computed twice, which has to give the same bits. A GPU is tested in\n"+
			"fp32, tf32 and bf16. The last line of each test is a verdict in JSON; the exit status is 1 if anything differs.",
		func(command *cobra.Command) error {
			if err := options.check(); err != nil {
				return err
			}
			return selftest(command.Context(), options, streams)
		})
	command.Example = selftestExamples
	options.addFlags(command.Flags())
	completeChoices(command)
	return command
}

// selftest tests a device, a GPU in all its precisions.
func selftest(ctx context.Context, options selftestOptions, streams Streams) error {
	precisions := []string{"fp32"}
	if options.Devices.placement.gpus != nil {
		precisions = append(precisions, "tf32", "bf16")
	}
	var failed error
	for _, precision := range precisions {
		options.Devices.Precision = precision
		err := selftestIn(ctx, options, streams)
		if failed = cmp.Or(failed, err); errors.Is(err, errLost) || ctx.Err() != nil {
			break
		}
	}
	return failed
}

// errLost means that a GPU has failed, so that nothing more can be tested.
var errLost = errors.New("nothing more can be tested")

// selftestIn opens a device in a precision and tests it.
func selftestIn(ctx context.Context, options selftestOptions, streams Streams) (err error) {
	d, err := openDevice(options.Devices, collective.NewLocal(1)[0], 0, nil)
	if err != nil {
		return err
	}
	defer func() {
		if e := d.Close(); err == nil { // closing a device that failed fails, too
			err = e
		}
	}()
	fmt.Fprintf(streams.Err, "Test     %s\n", d.Name())
	limits, err := d.Limits()
	if err != nil {
		return err
	}
	if err := printDetails(d, limits, streams.Err); err != nil {
		return err
	}
	return runTrials(ctx, d, options.Devices.Precision, streams.Out)
}

// runTrials compares a device that computes in a precision with plain Go. It prints a table and the verdict, and returns an error if anything differs.
func runTrials(ctx context.Context, d device.Device, precision string, out io.Writer) error {
	reference, err := cpu.New(cpu.Options{Threads: 1, Set: "portable"})
	if err != nil {
		return err
	}
	defer reference.Close()
	trials, err := devicetest.Trials(precision)
	if err != nil {
		return err
	}
	v, err := newVerdict(d)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, tableRow, "operation", "difference", "result")
	began := time.Now()
	for _, trial := range trials {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c, err := trial.Compare(d, reference)
		v.add(trial.Name, c, err, out)
		if errors.Is(err, driver.ErrLost) {
			v.Lost = true
			break
		}
	}
	v.Seconds = math.Round(time.Since(began).Seconds()*100) / 100
	if err := json.NewEncoder(out).Encode(v); err != nil {
		return err
	}
	if v.Lost {
		return fmt.Errorf("%s failed after %d of %d operations, and %w", d.Name(), v.Operations-1, len(trials), errLost)
	}
	if len(v.Wrong) > 0 {
		return fmt.Errorf("%d of %d operations are wrong on %s", len(v.Wrong), v.Operations, d.Name())
	}
	return nil
}

// verdict is the outcome of a test.
type verdict struct {
	Device     string   `json:"device"`
	Driver     string   `json:"driver,omitempty"`
	CuBLASLt   string   `json:"cublaslt,omitempty"`
	Operations int      `json:"operations"`
	Wrong      []string `json:"wrong"`
	Lost       bool     `json:"lost,omitempty"` // the GPU failed, so that the rest was not tried
	Worst      float64  `json:"worst"`          // relative difference where it is a number
	Seconds    float64  `json:"seconds"`
}

func newVerdict(d device.Device) (*verdict, error) {
	v := &verdict{Device: d.Name(), Wrong: []string{}}
	gpu, ok := d.(*cuda.Device)
	if !ok {
		return v, nil
	}
	details, err := gpu.Details()
	v.Driver, v.CuBLASLt = details.Driver.String(), details.BLAS.Version
	return v, err
}

// tableRow has a name, the worst difference and a judgement.
const tableRow = "%-64s  %10s  %s\n"

// add prints a line about a trial and counts it.
func (v *verdict) add(name string, c devicetest.Comparison, err error, out io.Writer) {
	v.Operations++
	difference, judgement := fmt.Sprintf("%.1e", c.Worst), "ok"
	switch {
	case err != nil:
		difference, judgement = "-", "WRONG: "+strings.ReplaceAll(err.Error(), "\n", "; ")
	case !c.Repeats:
		judgement = "WRONG: a second run gives other bits"
	case !c.Right():
		judgement = "WRONG"
	}
	if judgement != "ok" {
		v.Wrong = append(v.Wrong, name)
	}
	if !math.IsInf(c.Worst, 0) {
		v.Worst = max(v.Worst, c.Worst)
	}
	fmt.Fprintf(out, tableRow, name, difference, judgement)
}
