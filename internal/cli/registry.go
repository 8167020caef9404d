package cli

// What has no registry.
var (
	decoders = []string{"transformer"}
	masks    = []string{"fully_visible", "causal", "causal_with_prefix"}
)
