package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"uer/internal/config"
	"uer/internal/console"
	"uer/internal/durable"
	"uer/internal/plot"
	"uer/internal/record"
)

type plotOptions struct {
	Output    string
	Over      string
	Figures   []string
	Smoothing float64
	Live      bool
	Port      int

	paths []string
}

const plotExamples = `  # the curves of a training, in a page
  uer plot runs/a

  # two trainings over tokens, as a picture
  uer plot runs/a runs/b --over tokens --output curves.png

  # while it trains: open the address that is printed
  uer plot runs/a --live

  # what a dataset holds
  uer plot dataset.pt --output dataset.svg`

func newPlot(streams Streams) *cobra.Command {
	var options plotOptions
	command := newCommand("plot", "Draw the curves of trainings, or what a dataset holds",
		"Draw the figures that uer pretrain --log_dir has recorded, of one or several trainings, or the lengths, labels and shares "+
			"of a dataset: as a page of HTML that needs nothing else, or as an SVG or PNG picture.", nil)
	command.Use = "plot DIR ... | DATASET"
	command.ValidArgsFunction = nil // files
	command.Args = func(_ *cobra.Command, arguments []string) error {
		if options.paths = arguments; len(arguments) == 0 {
			return console.UsageError{Err: console.Hint(errors.New("plot needs the folder of a log, or a dataset"),
				"uer pretrain --log_dir DIR writes the figures to plot")}
		}
		return nil
	}
	command.RunE = func(command *cobra.Command, _ []string) error {
		if err := config.Load(command.Flags()); err != nil {
			return err
		}
		return options.run(command.Context(), streams)
	}
	command.Example = plotExamples
	options.addFlags(command.Flags())
	completeChoices(command)
	return command
}

func (o *plotOptions) addFlags(flags *pflag.FlagSet) {
	group := config.NewGroup(flags, "Plot")
	group.Text(&o.Output, "output", "plot.html", "file to write; .html, .svg or .png")
	group.Choice(&o.Over, "over", plot.OverSteps, plot.Axes, "what curves are drawn over")
	group.Texts(&o.Figures, "figures", "figures to draw, such as loss gradient_norm; all by default")
	group.Float(&o.Smoothing, "smoothing", 0.6, 0, 0.999, "weight of what was before in the smoothed curves, as in TensorBoard")
	group.Bool(&o.Live, "live", "serve the page on this machine, with what is recorded meanwhile, until Ctrl-C")
	group.Int(&o.Port, "port", 0, 1, "port of --live; any free one by default")
}

func (o *plotOptions) run(ctx context.Context, streams Streams) error {
	if o.Live {
		return o.serve(ctx, streams.Out)
	}
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(o.Output)), ".")
	if format != "html" && format != "svg" && format != "png" {
		return console.UsageError{Err: console.Hint(fmt.Errorf("--output %s: the name says no format that can be drawn", o.Output),
			"end it with .html, .svg or .png")}
	}
	lock, err := lockOutput("--output", o.Output, streams.Err)
	if err != nil {
		return err
	}
	defer lock.Release()
	page, err := o.page()
	if err != nil {
		return err
	}
	if len(page.Charts) == 0 {
		return console.Hint(fmt.Errorf("%s: nothing of that is reported yet", strings.Join(o.paths, ", ")), "wait for the first step")
	}
	err = durable.WriteFile(o.Output, pictureReplaceable, func(w io.Writer) error {
		if format == "html" {
			return page.Write(w)
		}
		return page.WritePicture(w, format)
	})
	if err != nil {
		return adviseOutput("--output", err)
	}
	fmt.Fprintf(streams.Err, "Plot     %s: %s\n", o.Output, counted(int64(len(page.Charts)), "chart"))
	return nil
}

// pictureReplaceable is the rule of what a new picture may replace: what such a picture or page begins with.
var pictureReplaceable = durable.Beginning(64, func(start []byte) bool {
	return slices.ContainsFunc([]string{"<!DOCTYPE html>", "<?xml", "<svg", "\x89PNG"}, func(mark string) bool {
		return bytes.HasPrefix(start, []byte(mark))
	})
}, "not a picture or a page")

// serve serves the page until ctx ends.
func (o *plotOptions) serve(ctx context.Context, out io.Writer) error {
	if _, err := o.page(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
	if err != nil {
		return console.Hint(err, "choose another --port")
	}
	fmt.Fprintf(out, "http://%s/\n", listener.Addr())
	if err := plot.Serve(ctx, listener, o.page); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// page makes the page of what there is now.
func (o *plotOptions) page() (plot.Page, error) {
	page := plot.Page{Title: strings.Join(o.paths, ", "), Smoothing: o.Smoothing}
	for _, path := range o.paths {
		name := path
		info, err := os.Stat(path)
		if err != nil {
			return page, console.Hint(err, "name a folder that uer pretrain --log_dir has written to, or a dataset")
		}
		if info.IsDir() {
			path = filepath.Join(path, record.Name)
		}
		if filepath.Ext(path) != filepath.Ext(record.Name) {
			if len(o.paths) > 1 {
				return page, console.UsageError{Err: console.Hint(fmt.Errorf("%s is not the folder of a log", path),
					"a dataset is plotted alone")}
			}
			return o.datasetPage(path)
		}
		entries, err := readLog(path)
		if err != nil {
			return page, err
		}
		page.Runs = append(page.Runs, plot.Run{Name: name, Entries: entries})
	}
	page.Charts = plot.Charts(page.Runs, o.Over)
	if len(o.Figures) > 0 {
		page.Charts = slices.DeleteFunc(page.Charts, func(c plot.Chart) bool { return !slices.Contains(o.Figures, c.Figure) })
	}
	return page, nil
}

func readLog(path string) ([]record.Entry, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, console.Hint(err, "name a folder that uer pretrain --log_dir has written to")
	}
	defer file.Close()
	entries, err := record.Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return entries, nil
}
