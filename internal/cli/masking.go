package cli

import (
	"uer/internal/config"
	"uer/internal/masking"
)

// addMaskingFlags adds the settings of span masking.
func addMaskingFlags(group config.Group, options *masking.Options, purpose string) {
	group.Bool(&options.Span, "span_masking", purpose+" by spans instead of single tokens")
	group.Float(&options.GeometricProbability, "span_geo_prob", 0.2, 0, 1,
		"chance that a span ends after each of its tokens")
	group.Int(&options.MaxLength, "span_max_length", 10, 1, "tokens in the longest span")
}
