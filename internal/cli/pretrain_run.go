package cli

import (
	"context"
	"errors"
)

// train builds the model and trains it.
func train(ctx context.Context, options pretrainOptions, streams Streams) error {
	return errors.New("not there yet")
}
