package cli

import (
	"errors"

	"uer/internal/config"
	"uer/internal/console"
)

type maskingOptions struct {
	Span                 bool
	GeometricProbability float64
	MaxLength            int
}

func (o *maskingOptions) addFlags(group config.Group, purpose string) {
	group.Bool(&o.Span, "span_masking", purpose+" by spans instead of single tokens")
	group.Float(&o.GeometricProbability, "span_geo_prob", 0.2, 0, 1,
		"chance that a span ends after each of its tokens")
	group.Int(&o.MaxLength, "span_max_length", 10, 1, "tokens in the longest span")
}

func (o *maskingOptions) check() error {
	if o.Span && o.GeometricProbability == 0 {
		return console.UsageError{Err: errors.New("--span_geo_prob must be greater than 0")}
	}
	return nil
}
