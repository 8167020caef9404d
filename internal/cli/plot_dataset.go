package cli

import (
	"cmp"
	"fmt"
	"strings"

	"uer/internal/console"
	"uer/internal/plot"
)

// datasetPage draws what a dataset holds.
func (o *plotOptions) datasetPage(path string) (plot.Page, error) {
	found, err := inspectDataset(inspectOptions{path: path, Instance: -1})
	if err != nil {
		return plot.Page{}, err
	}
	i := found.(*datasetInspection)
	page := plot.Page{Title: path, Facts: [][2]string{
		{"target", i.Target}, {"instances", console.Count(i.Instances)}, {"tokens", console.Count(i.Tokens)},
	}}
	if len(i.UnknownWords) > 0 {
		page.Facts = append(page.Facts, [2]string{"most frequent unknown words", strings.Join(i.UnknownWords, " ")})
	}
	lengths := plot.Chart{Title: "instances by length in tokens"}
	for _, b := range i.Lengths {
		label := fmt.Sprintf("%d-%d", b.From, b.To)
		if b.From == b.To {
			label = fmt.Sprint(b.From)
		}
		lengths.Bars = append(lengths.Bars, plot.Bar{Label: label, Value: float64(b.Count)})
	}
	shares := plot.Chart{Title: "shares in percent", Bars: []plot.Bar{
		{Label: "padding", Value: 100 * i.Padding}, {Label: "unknown", Value: 100 * i.Unknown},
		{Label: "duplicates", Value: 100 * i.Duplicates},
		{Label: "masked", Value: 100 * float64(i.Masked) / float64(cmp.Or(i.Tokens, 1))},
	}}
	page.Charts = []plot.Chart{lengths, shares}
	if len(i.Labels) > 0 {
		labels := plot.Chart{Title: "instances by label, in percent"}
		for _, label := range i.Labels {
			share := float64(label.Count) / float64(max(i.Instances, 1))
			labels.Bars = append(labels.Bars, plot.Bar{Label: fmt.Sprint(label.Label), Value: 100 * share})
		}
		page.Charts = append(page.Charts, labels)
	}
	return page, nil
}
