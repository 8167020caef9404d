package cli

import (
	"errors"
	"fmt"

	"uer/internal/console"
	"uer/internal/instance"
)

// checkSentinels checks that a vocabulary has a token to stand for each run of masked tokens of an instance of t5, and one
// more for the end.
func checkSentinels(settings instance.Settings, statistics *instance.Statistics) error {
	have, runs := len(settings.Vocabulary.Sentinels()), statistics.Runs
	if settings.Dynamic {
		runs = int(float64(statistics.Length)*settings.Masking.Rate) + 1 // as many as pretrain can draw
	}
	if runs < have {
		return nil
	}
	err := fmt.Errorf("the vocabulary has only %s from <extra_id_0> on: t5 puts one in place of each run of masked tokens, "+
		"up to %d in an instance, and one at the end", counted(int64(have), "token"), runs)
	return console.Hint(err, fmt.Sprintf("add the lines up to <extra_id_%d> to the vocabulary, in place of unused tokens", max(runs, 99)))
}

// checkAnySentinel checks early that a vocabulary can be one for t5.
func checkAnySentinel(settings instance.Settings) error {
	if settings.Target != "t5" || len(settings.Vocabulary.Sentinels()) > 0 {
		return nil
	}
	return console.Hint(errors.New("the vocabulary has no token <extra_id_0>, which t5 puts in place of masked text"),
		"add the lines <extra_id_0> to <extra_id_99> to the vocabulary, in place of unused tokens")
}
