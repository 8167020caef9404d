package cli

import (
	"uer/internal/config"
	"uer/internal/masking"
)

// addMaskingFlags adds the settings of span masking.
func addMaskingFlags(group config.Group, options *masking.Options, usage string) {
	group.Bool(&options.Span, "span_masking", usage)
	group.Float(&options.GeometricProbability, "span_geo_prob", 0.2, 0, 1,
		"probability that a span ends after each of its tokens")
	group.Int(&options.MaxLength, "span_max_length", 10, 1, "maximum length of a span, in tokens")
}
