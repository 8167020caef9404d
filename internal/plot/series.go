// Package plot draws pictures of trainings and datasets: curves of the figures that package record keeps, and bars of what a
// dataset holds. Pictures are SVG or PNG, drawn by gonum.org/v1/plot, or a page of HTML that needs nothing else.
package plot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"uer/internal/record"
)

// Run is a training to draw.
type Run struct {
	Name    string
	Entries []record.Entry // as record.Read returns them
}

// The quantities that curves are drawn over.
const (
	OverSteps  = "steps"
	OverTokens = "tokens"
	OverTime   = "time"
)

// Axes lists them.
var Axes = []string{OverSteps, OverTokens, OverTime}

// Series is one curve.
type Series struct {
	Run     int // its number among the runs
	HeldOut bool
	X, Y    []float64
}

// Chart is one picture: curves of a figure, or bars.
type Chart struct {
	Title  string
	Figure string // the name of the figure, if the chart has curves
	XLabel string
	Log    bool // the vertical axis is logarithmic
	Exact  bool // nothing is smoothed, since nothing is random
	Series []Series
	Bars   []Bar // instead of curves
}

// Bar is the size of one thing.
type Bar struct {
	Label string
	Value float64
}

// order lists the figures that come first, in the order of the charts.
var order = []string{"loss", "perplexity", "acc", "learning_rate", "gradient_norm", "real_tokens_per_second", "tokens_per_second"}

// Charts returns a chart for each figure that any of the runs has, with the curves of all runs over steps, tokens or time.
func Charts(runs []Run, over string) []Chart {
	curves := map[string][]Series{}
	for i, run := range runs {
		for name, pair := range curvesOf(run, over) {
			for k, s := range pair {
				if s.Run, s.HeldOut = i, k == 1; len(s.X) > 0 {
					curves[name] = append(curves[name], s)
				}
			}
		}
	}
	var charts []Chart
	for name, series := range curves {
		slices.SortStableFunc(series, func(a, b Series) int { return cmp.Compare(a.Run, b.Run) })
		charts = append(charts, Chart{
			Title: strings.ReplaceAll(name, "_", " "), Figure: name, XLabel: labelOf(over), Series: series,
			Log:   strings.HasPrefix(name, "perplexity") && positive(series),
			Exact: name == "learning_rate" || strings.Contains(name, "memory"),
		})
	}
	slices.SortFunc(charts, func(a, b Chart) int {
		return cmp.Or(cmp.Compare(rank(a.Title), rank(b.Title)), cmp.Compare(a.Title, b.Title))
	})
	return charts
}

// curvesOf returns the curves of each figure of a run: of its reports, and of its evaluations.
func curvesOf(run Run, over string) map[string][2]Series {
	curves := map[string][2]Series{}
	at := newAxis(over)
	for _, e := range run.Entries {
		x := at.next(e)
		kind := slices.Index([]string{record.Report, record.Evaluation}, e.Event)
		if kind < 0 {
			continue
		}
		for name, y := range e.Figures {
			if name == record.Tokens || name == "best_loss" {
				continue
			}
			pair := curves[name]
			pair[kind].X, pair[kind].Y = append(pair[kind].X, x), append(pair[kind].Y, y)
			curves[name] = pair
		}
	}
	return curves
}

// axis follows the entries of a run and says where each lies. What was trained before a resume counts, the time in between does
// not.
type axis struct {
	over        string
	before, now float64 // tokens or seconds: up to the last start, and since then
	began       record.Entry
}

func newAxis(over string) *axis { return &axis{over: over} }

func (a *axis) next(e record.Entry) float64 {
	if e.Event == record.Start {
		a.before, a.now, a.began = a.before+a.now, 0, e
	}
	switch tokens, known := e.Figures[record.Tokens]; {
	case a.over == OverTime:
		a.now = e.Time.Sub(a.began.Time).Seconds()
		return (a.before + a.now) / 60
	case a.over == OverTokens:
		if known {
			a.now = tokens
		}
		return a.before + a.now
	}
	return float64(e.Step)
}

func labelOf(over string) string {
	if over == OverTime {
		return "minutes of training"
	}
	return over
}

// rank is the place of a chart's title among the charts.
func rank(title string) int {
	name := strings.ReplaceAll(title, " ", "_")
	for i, first := range order {
		if name == first {
			return 10 * i
		}
		if strings.HasPrefix(name, first+"_") {
			return 10*i + 1
		}
	}
	return 10 * len(order)
}

func positive(series []Series) bool {
	for _, s := range series {
		for _, y := range s.Y {
			if y <= 0 {
				return false
			}
		}
	}
	return true
}

// Smooth returns the exponential moving average of a curve, in which the first values count less (Kingma & Ba 2015, as
// TensorBoard does). A weight of 0 leaves it as it is.
func Smooth(values []float64, weight float64) []float64 {
	smooth, sum, norm := make([]float64, len(values)), 0.0, 0.0
	for i, v := range values {
		sum, norm = weight*sum+(1-weight)*v, weight*norm+1-weight
		smooth[i] = sum / norm
	}
	return smooth
}

// Summary describes the last figures of a run in a line.
func Summary(run Run) string {
	text, last := "no report yet", ""
	for _, e := range run.Entries {
		switch e.Event {
		case record.Report:
			text = fmt.Sprintf("step %d, loss %.4g", e.Step, e.Figures["loss"])
			last = ""
		case record.Stop:
			last = ", " + e.Text["reason"]
		case record.Evaluation:
			if best, found := e.Figures["best_loss"]; found {
				text += fmt.Sprintf(", best held-out loss %.4g", best)
			}
		}
	}
	return text + last
}
