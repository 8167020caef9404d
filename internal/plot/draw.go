package plot

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The size of one chart.
const (
	chartWidth  = 5 * vg.Inch
	chartHeight = 3.2 * vg.Inch
)

// palette has colours that people with any kind of colour vision tell apart (Okabe & Ito 2008).
var palette = []color.NRGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255},
	{0, 0, 0, 255},
}

// colorOf returns the colour of a run.
func colorOf(run int) color.NRGBA { return palette[run%len(palette)] }

// newPlot draws a chart. smoothing is the weight for [Smooth].
func (c Chart) newPlot(smoothing float64) (*plot.Plot, error) {
	p := plot.New()
	for _, text := range []*font.Font{
		&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font,
	} {
		text.Variant = "Sans"
	}
	p.Title.Text, p.X.Label.Text = c.Title, c.XLabel
	p.X.Tick.Marker, p.Y.Tick.Marker = shortTicks{plot.DefaultTicks{}}, shortTicks{plot.DefaultTicks{}}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{230}, color.Gray{230}
	p.Add(grid)
	if c.Bars != nil {
		return p, addBars(p, c.Bars)
	}
	for _, s := range c.Series {
		if c.Exact {
			smoothing = 0
		}
		if err := s.add(p, smoothing); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Title, err)
		}
	}
	if c.Log && p.Y.Max > p.Y.Min {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, shortTicks{plot.LogTicks{Prec: -1}}
	}
	return p, nil
}

// add draws a curve: what was measured, pale, and smoothed beside it. Evaluations are few, and are drawn as points on a dashed
// line.
func (s Series) add(p *plot.Plot, smoothing float64) error {
	strong := colorOf(s.Run)
	pale := strong
	pale.A = 90
	if s.HeldOut {
		line, points, err := plotter.NewLinePoints(points(s.X, s.Y))
		if err != nil {
			return err
		}
		line.Color, points.Color = strong, strong
		line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		points.Shape, points.Radius = draw.CircleGlyph{}, vg.Points(2)
		p.Add(line, points)
		return nil
	}
	raw, err := plotter.NewLine(points(s.X, s.Y))
	if err != nil {
		return err
	}
	if raw.Color = strong; smoothing > 0 && len(s.Y) > 1 {
		smooth, err := plotter.NewLine(points(s.X, Smooth(s.Y, smoothing)))
		if err != nil {
			return err
		}
		raw.Color, smooth.Color, smooth.Width = pale, strong, vg.Points(1.5)
		p.Add(raw, smooth)
		return nil
	}
	p.Add(raw)
	return nil
}

func points(x, y []float64) plotter.XYs {
	list := make(plotter.XYs, len(x))
	for i := range x {
		list[i] = plotter.XY{X: x[i], Y: y[i]}
	}
	return list
}

func addBars(p *plot.Plot, bars []Bar) error {
	values, labels := make(plotter.Values, len(bars)), make([]string, len(bars))
	for i, bar := range bars {
		values[i], labels[i] = bar.Value, bar.Label
	}
	chart, err := plotter.NewBarChart(values, min(vg.Points(30), (chartWidth-vg.Inch)/vg.Length(len(bars)+1)))
	if err != nil {
		return err
	}
	chart.Color, chart.LineStyle.Width = colorOf(0), 0
	p.Add(chart)
	p.NominalX(labels...)
	if len(bars) > 8 {
		p.X.Tick.Label.Rotation = math.Pi / 3
		p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XRight, draw.YCenter
	}
	p.Y.Min, p.Y.Max = 0, 1.05*p.Y.Max
	return nil
}

// shortTicks writes large and small numbers in few characters.
type shortTicks struct{ plot.Ticker }

func (s shortTicks) Ticks(low, high float64) []plot.Tick {
	ticks := s.Ticker.Ticks(low, high)
	for i, tick := range ticks {
		if tick.Label != "" {
			ticks[i].Label = short(tick.Value)
		}
	}
	return ticks
}

// short formats a number: 12k, 3M, 2e-05.
func short(x float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(x) >= 10*unit.size || math.Abs(x) >= unit.size && math.Mod(x, unit.size) == 0 {
			return fmt.Sprintf("%.4g%s", x/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%.4g", x)
}

// svg draws a chart for a page.
func (c Chart) svg(smoothing float64) ([]byte, error) {
	p, err := c.newPlot(smoothing)
	if err != nil {
		return nil, err
	}
	canvas := vgsvg.New(chartWidth, chartHeight)
	p.Draw(withMargin(draw.New(canvas)))
	var text bytes.Buffer
	_, err = canvas.WriteTo(&text)
	return text.Bytes(), err
}

// withMargin leaves room for half of the last label of the horizontal axis.
func withMargin(c draw.Canvas) draw.Canvas {
	return draw.Crop(c, vg.Points(4), -vg.Points(16), 0, -vg.Points(4))
}

// addLegend names the runs.
func addLegend(p *plot.Plot, runs []Run) {
	p.Legend.Top = true
	for i, run := range runs {
		p.Legend.Add(run.Name, &plotter.Line{LineStyle: draw.LineStyle{Color: colorOf(i), Width: vg.Points(1.5)}})
	}
	p.Legend.TextStyle.Font.Variant = "Sans"
}

// WritePicture draws all charts of a page in columns, as "svg" or "png".
func (page Page) WritePicture(w io.Writer, format string) error {
	charts := page.Charts
	columns := min(2, len(charts))
	rows := (len(charts) + columns - 1) / columns
	width, height := chartWidth*vg.Length(columns), chartHeight*vg.Length(rows)
	var canvas vg.CanvasSizer
	var write io.WriterTo
	if format == "png" {
		image := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(144), vgimg.UseBackgroundColor(color.White))
		canvas, write = image, vgimg.PngCanvas{Canvas: image}
	} else {
		image := vgsvg.New(width, height)
		canvas, write = image, image
	}
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: vg.Points(12), PadY: vg.Points(12), PadTop: vg.Points(4), PadRight: vg.Points(8)}
	whole := draw.New(canvas)
	for i, c := range charts {
		p, err := c.newPlot(page.Smoothing)
		if err != nil {
			return err
		}
		if i == 0 && len(page.Runs) > 1 {
			addLegend(p, page.Runs)
		}
		p.Draw(withMargin(tiles.At(whole, i%columns, i/columns)))
	}
	_, err := write.WriteTo(w)
	return err
}
