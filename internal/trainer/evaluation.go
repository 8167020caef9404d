package trainer

import (
	"fmt"
	"math"
	"strings"

	"uer/internal/record"
)

// Evaluation holds the figures of a model over a whole dataset, weighted by predictions.
type Evaluation struct {
	Loss      float64 // the sum over the heads, which training minimises
	Heads     []HeadEvaluation
	Instances int
}

// HeadEvaluation holds the figures of one head.
type HeadEvaluation struct {
	Name        string
	Tokens      bool    // it predicts tokens of a vocabulary
	Loss        float64 // mean over the predictions; 0 without any
	Correct     float64
	Predictions float64
}

// Accuracy returns the share of correct predictions, 0 without any.
func (h HeadEvaluation) Accuracy() float64 { return h.Correct / max(h.Predictions, 1) }

// Perplexity returns the exponential of the loss: the number of tokens among which a model that is as unsure would choose.
func (h HeadEvaluation) Perplexity() float64 { return math.Exp(h.Loss) }

// Lines describes the figures in lines of at most 80 columns: those of a single head in one line, of several in one each.
// intro comes before the total loss, and note after the figures of a single head, or else after the total loss.
func (e *Evaluation) Lines(intro, note string) string {
	var lines strings.Builder
	fmt.Fprintf(&lines, "Eval     %sloss %.4f", intro, e.Loss)
	if len(e.Heads) == 1 {
		fmt.Fprintf(&lines, "%s%s\n", e.Heads[0].fields(), note)
		return lines.String()
	}
	lines.WriteString(note + "\n")
	for _, head := range e.Heads {
		fmt.Fprintf(&lines, "         %s: loss %.4f%s\n", head.Name, head.Loss, head.fields())
	}
	return lines.String()
}

// figures lists the figures for the records. best says whether the model is the best one so far.
func (e *Evaluation) figures(best bool) []record.Figure {
	list := []record.Figure{{Name: "loss", Value: e.Loss}}
	for _, h := range e.Heads {
		suffix := ""
		if len(e.Heads) > 1 {
			suffix = "_" + h.Name
			list = append(list, record.Figure{Name: "loss" + suffix, Value: h.Loss})
		}
		list = append(list, record.Figure{Name: "acc" + suffix, Value: h.Accuracy()})
		if h.Tokens {
			list = append(list, record.Figure{Name: "perplexity" + suffix, Value: h.Perplexity()})
		}
	}
	if best {
		list = append(list, record.Figure{Name: "best_loss", Value: e.Loss})
	}
	return list
}

// fields formats the figures besides the loss.
func (h HeadEvaluation) fields() string {
	if !h.Tokens {
		return fmt.Sprintf(", acc %.4f", h.Accuracy())
	}
	format := ", ppl %.2f, acc %.4f"
	if h.Perplexity() >= 1e6 {
		format = ", ppl %.2e, acc %.4f"
	}
	return fmt.Sprintf(format, h.Perplexity(), h.Accuracy())
}
