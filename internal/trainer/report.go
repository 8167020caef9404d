package trainer

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"uer/internal/record"
)

// report accumulates the figures of the steps between two lines.
type report struct {
	trainer    *Trainer
	loss       float64
	heads      []headReport
	batches    int
	realTokens int
	flops      int64     // of this rank's matrix products
	tokens     int       // real ones of this rank since the training was started or resumed
	length     int       // nominal length of the last batch's sequences
	rate       float64   // of the last update
	norm       float64   // of its gradients
	since      time.Time // when the last line was written
	started    time.Time
	took       time.Duration // for work of this rank, in steps since the last line
	steps      int
}

// headReport accumulates the figures of one head of the model.
type headReport struct {
	name        string
	tokens      bool // it predicts tokens of a vocabulary
	loss        float64
	correct     float64
	predictions float64
}

func newReport(t *Trainer) *report {
	r := &report{trainer: t, since: time.Now(), started: time.Now(), heads: make([]headReport, len(t.Model.Heads))}
	for i, head := range t.Model.Heads {
		r.heads[i].name, r.heads[i].tokens = head.Name, head.Tokens
	}
	return r
}

// add adds the figures of a step.
func (r *report) add(s *stepFigures) {
	r.loss += s.outputs[0]
	for i, head := range r.trainer.Model.Heads {
		r.heads[i].loss += s.outputs[head.Loss]
		r.heads[i].correct += s.outputs[head.Correct]
		r.heads[i].predictions += float64(s.predictions[i])
	}
	r.batches++
	r.took, r.steps = r.took+s.took, r.steps+1
	r.realTokens += s.tokens
	r.flops += s.flops
	r.tokens += s.tokens
	r.length = s.length
	if s.updates {
		r.norm = s.norm
	}
}

// step writes a line every ReportSteps steps, and one after the first step, to show at once that training proceeds. That
// step counts in the next line too, which is therefore the same as UER-py's.
func (r *report) step(s *stepFigures) {
	t := r.trainer
	due := s.step%t.ReportSteps == 0
	if !due && s.step != t.start+1 {
		return
	}
	fmt.Fprintln(t.Lines, r.line(s))
	t.Records.Figures(record.Report, s.step, r.figures(s))
	if !due {
		return
	}
	r.loss, r.batches, r.realTokens, r.flops, r.since = 0, 0, 0, 0, s.issued
	for i := range r.heads {
		r.heads[i] = headReport{name: r.heads[i].name, tokens: r.heads[i].tokens}
	}
}

// busy returns how many seconds of work a step has taken this rank since busy was called last.
func (r *report) busy() float64 {
	mean := r.took.Seconds() / float64(r.steps)
	r.took, r.steps = 0, 0
	return mean
}

// pause leaves a time in which nothing was trained out of the speed and of the time that is left.
func (r *report) pause(elapsed time.Duration) {
	r.since, r.started = r.since.Add(elapsed), r.started.Add(elapsed)
}

// line formats a line that begins exactly as UER-py's does. What follows the accuracies is ours.
func (r *report) line(s *stepFigures) string {
	t, step, now := r.trainer, s.step, s.issued
	perSecond := r.perSecond(now)
	var line strings.Builder
	fmt.Fprintf(&line, "| %8d/%8d steps| %8.2f tokens/s| loss %7.2f", step, t.TotalSteps,
		float64(t.BatchSize*r.length*r.batches)*perSecond, r.loss/float64(r.batches))
	line.WriteString(r.headFields())
	left := time.Duration(float64(now.Sub(r.started)) / float64(step-t.start) * float64(t.TotalSteps-step))
	fmt.Fprintf(&line, "| lr %.2e| norm %#.3g| %.0f real tokens/s| %v left", s.rate, r.norm,
		float64(r.realTokens)*perSecond, left.Round(time.Second))
	if t.Limits.Products > 0 {
		fmt.Fprintf(&line, "| mfu %.1f%%", 100*r.mfu(now))
	}
	if t.size() > 1 {
		busy := t.Collective.Busy()
		busy[0] = t.busy // the others say it when they begin the next step
		line.WriteString(slowest(busy, t.ReportSteps))
	}
	return line.String()
}

// slowest names the rank for whose work the others have to wait, if that matters in a number of steps.
func slowest(busy []float64, steps int) string {
	const share, seconds = 0.05, 0.1
	if slices.Min(busy) <= 0 {
		return "" // not all have said it yet
	}
	rank := 0
	for i := range busy {
		if busy[i] > busy[rank] {
			rank = i
		}
	}
	others := slices.Delete(slices.Clone(busy), rank, rank+1)
	slices.Sort(others)
	usual := others[len(others)/2]
	more := busy[rank]/usual - 1
	if more < share || (busy[rank]-usual)*float64(steps) < seconds {
		return ""
	}
	return fmt.Sprintf("| slowest rank %d, +%.0f %%", rank, 100*more)
}

// perSecond is what turns a number of this rank since the last line into one of all ranks per second.
func (r *report) perSecond(now time.Time) float64 {
	// This assumes that all ranks are as fast as this one.
	return float64(r.trainer.size()) / now.Sub(r.since).Seconds()
}

// mfu is the share of the rate of a large product that this rank's products have reached since the last line.
func (r *report) mfu(now time.Time) float64 {
	return float64(r.flops) / now.Sub(r.since).Seconds() / r.trainer.Limits.Products
}

// figures lists what the line says, and more, for the records.
func (r *report) figures(s *stepFigures) []record.Figure {
	t, perSecond := r.trainer, r.perSecond(s.issued)
	list := []record.Figure{{Name: "loss", Value: r.loss / float64(r.batches)}}
	for _, head := range r.heads {
		loss, suffix := head.loss/float64(r.batches), ""
		if len(r.heads) > 1 {
			suffix = "_" + head.name
			list = append(list, record.Figure{Name: "loss" + suffix, Value: loss})
		}
		list = append(list, record.Figure{Name: "acc" + suffix, Value: head.accuracy()})
		if head.tokens {
			list = append(list, record.Figure{Name: "perplexity" + suffix, Value: math.Exp(loss)})
		}
	}
	list = append(list, record.Figure{Name: "learning_rate", Value: s.rate}, record.Figure{Name: "gradient_norm", Value: r.norm},
		record.Figure{Name: "tokens_per_second", Value: float64(t.BatchSize*r.length*r.batches) * perSecond},
		record.Figure{Name: "real_tokens_per_second", Value: float64(r.realTokens) * perSecond},
		record.Figure{Name: record.Tokens, Value: float64(r.tokens * t.size())})
	if t.Limits.Products > 0 {
		list = append(list, record.Figure{Name: "mfu", Value: r.mfu(s.issued)})
	}
	if t.MemoryUsed != nil {
		list = append(list, t.MemoryUsed()...)
	}
	return list
}

// accuracy returns the share of correct predictions as UER-py computes it, with a constant that keeps a report without
// predictions finite.
func (h *headReport) accuracy() float64 {
	const epsilon = 1e-6
	return h.correct / (h.predictions + epsilon)
}

// headFields formats the losses and accuracies of the heads.
func (r *report) headFields() string {
	if len(r.heads) == 1 {
		return fmt.Sprintf("| acc: %3.3f", r.heads[0].accuracy())
	}
	var losses, accuracies strings.Builder
	for _, head := range r.heads {
		fmt.Fprintf(&losses, "| loss_%s: %3.3f", head.name, head.loss/float64(r.batches))
		fmt.Fprintf(&accuracies, "| acc_%s: %3.3f", head.name, head.accuracy())
	}
	return losses.String() + accuracies.String()
}
